import { readFileSync } from "node:fs";

/**
 * Bytes of the process at its largest. Linux tells it in `/proc` (proc(5), VmHWM); what getrusage tells there has the
 * process in it that started this one, however large that was.
 */
export function peakMemory(): number {
  const [, kibibytes] = /^VmHWM:\s*(\d+) kB$/m.exec(status()) ?? [];
  return Number(kibibytes ?? process.resourceUsage().maxRSS) * 1024;
}

function status(): string {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return "";
  }
}

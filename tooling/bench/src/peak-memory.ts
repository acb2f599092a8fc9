import { readFileSync } from "node:fs";

/** Bytes of this process at its largest (proc(5), VmHWM). What getrusage tells has the process in it that started this one. */
export function peakMemory(): number {
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
}

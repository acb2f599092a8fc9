import { issueLine } from "@threatlockdown/ossec-config";
import type { Check, Finding } from "../check.ts";
import { late } from "../machine-look.ts";
import type { Manager } from "../manager.ts";

export const configuration: Check = {
  id: "configuration",
  title: "The manager's configuration is right",
  explain:
    "The manager, and the subscriber, do what ossec.conf says, and are silent about what it only seems to say. With an error in it the subscriber does nothing at all.",
  needs: [],
  once: true,
  late,
  async run({ manager }) {
    if (manager === undefined) return { state: "not applicable", seen: "no ossec.conf was read" };
    const { file, settings } = manager;
    const found = remarks(manager);
    const enabled = settings.modules.some((module) => module.enabled && module.subscribers.length > 0);
    if (!enabled) {
      found.push({
        state: "failed",
        seen: `${file}: the module of the subscriber is disabled`,
        fix: 'Write <disabled>no</disabled> into <wodle name="aws-s3"> and restart the manager, or the subscriber',
      });
    }
    return found.length > 0 ? found : { state: "ok", seen: `${file}, without remarks` };
  },
};

/** What is wrong with the text of the file, each with its place. */
export function remarks({ file, issues }: Pick<Manager, "file" | "issues">): Finding[] {
  return issues
    .filter(({ severity }) => severity !== "info")
    .map((issue) => ({
      state: issue.severity === "error" ? "failed" : "warning",
      seen: issueLine(issue, file).replace(`. ${issue.fix}.`, ""),
      fix: issue.fix.replace(/\.$/, ""),
      place: `line ${issue.line} of ${file}`,
    }));
}

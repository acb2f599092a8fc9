import { type Issue, issueLine } from "@threatlockdown/ossec-config";
import { type Check, couldNotCheck } from "./check.ts";
import type { Lake } from "./lake.ts";

const ofSubscriber = [
  "sqs_name",
  "iam_role_arn",
  "external_id",
  "aws_profile",
  "sts_endpoint",
  "service_endpoint",
] as const;
/** Without them the others mean the same. */
const besides = ["iam_role_duration", "discard_regex"];

/** What of ossec.conf a check goes by: a section, or elements of the subscriber. */
export type Part = "indexer" | "cluster" | (typeof ofSubscriber)[number];

export const subscriberParts: readonly Part[] = ofSubscriber;

/** The same check, which does not go by half: an error in what it goes by is told in its place. */
export function goingBy(...parts: readonly Part[]): (check: Check) => Check {
  return (check) => ({
    ...check,
    async run(lake, signal, owe) {
      const { file = "", issues = [] } = lake.manager ?? {};
      const error = issues.find((issue) => issue.severity === "error" && concerns(issue, parts, lake));
      if (error === undefined) return check.run(lake, signal, owe);
      const because = issueLine(error, file).replace(`. ${error.fix}.`, "");
      return couldNotCheck({ because: `of an error in the configuration: ${because}`, how: error.fix, lasting: true });
    },
  });
}

function concerns({ section, subject }: Issue, parts: readonly Part[], { subscriber }: Lake): boolean {
  if (section === undefined) return true;
  if (section.name !== "subscriber") return parts.some((part) => part === section.name);
  if (section.line !== subscriber.line || !parts.some(isOfSubscriber)) return false;
  const element = subject.replace(/^<|>$/g, "");
  // A name that is misspelt can stand for any of them.
  return parts.some((part) => part === element) || ![...ofSubscriber, ...besides].includes(element);
}

function isOfSubscriber(part: Part): boolean {
  return subscriberParts.includes(part);
}

import type { IngestOptions, ObjectFilter } from "@threatlockdown/pipeline";
import type { Command, Values } from "./command.ts";
import { exitCode, Failure } from "./exit-code.ts";

/** Which objects of the lake are wanted, and how they are asked for. Where the stock module has an option, its name. */
export const lakeOptions: Command["options"] = {
  sources: { type: "string" },
  "aws-account-id": { type: "string" },
  regions: { type: "string" },
  "only-logs-after": { type: "string" },
  "only-logs-before": { type: "string" },
  "bucket-owner": { type: "string" },
  "requester-pays": { type: "boolean" },
};

export const lakeOptionsHelp = `  --sources LIST              these sources alone, with commas: VPC_FLOW,CLOUD_TRAIL_MGMT
  --aws-account-id LIST       events of these accounts alone
  --regions LIST              events of these regions alone
  --only-logs-after DAY       events of this day and later ones alone: 2024-06-11, or 2024-JUN-11 as in ossec.conf
  --only-logs-before DAY      events of this day and earlier ones alone. All five look at the object's key: nothing is
                              downloaded of an object that is not wanted, its message is deleted, and it is counted
  --bucket-owner ACCOUNT      read only buckets of this account (the one that the notification names)
  --requester-pays            agree to pay for requests to buckets that let requesters pay
`;

export type LakeOptions = Pick<IngestOptions, "only" | "owner" | "requesterPays">;

/** @throws Failure */
export function readLakeOptions(values: Values): LakeOptions {
  const text = (name: string) => values[name] as string | undefined;
  const owner = text("bucket-owner");
  if (owner !== undefined) accountOf(owner, "bucket-owner");
  const only = filterOf(text);
  return {
    ...(Object.keys(only).length > 0 && { only }),
    ...(owner !== undefined && { owner }),
    ...(values["requester-pays"] === true && { requesterPays: true }),
  };
}

function filterOf(text: (name: string) => string | undefined): ObjectFilter {
  const [sources, accounts, regions] = ["sources", "aws-account-id", "regions"].map((name) => listOf(text(name), name));
  const [firstDay, lastDay] = ["only-logs-after", "only-logs-before"].map((name) => dayOf(text(name), name));
  for (const account of accounts ?? []) accountOf(account, "aws-account-id");
  if (firstDay !== undefined && lastDay !== undefined && firstDay > lastDay) {
    refuse(`--only-logs-after ${text("only-logs-after")} is later than --only-logs-before: no event is wanted.`);
  }
  return {
    ...(sources && { sources }),
    ...(accounts && { accounts }),
    ...(regions && { regions }),
    ...(firstDay && { firstDay }),
    ...(lastDay && { lastDay }),
  };
}

function listOf(text: string | undefined, name: string): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const items = text.split(",").map((item) => item.trim());
  if (items.includes("")) refuse(`--${name} "${text}" has an empty part; write it as ONE,TWO.`);
  return items;
}

const accountPattern = /^\d{12}$/;

function accountOf(text: string, name: string): void {
  if (!accountPattern.test(text)) refuse(`--${name} ${text} is no account of AWS: it has 12 digits.`);
}

const months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/** `YYYYMMDD`, of `2024-06-11` or the stock module's `2024-JUN-11`. */
function dayOf(text: string | undefined, name: string): string | undefined {
  if (text === undefined) return undefined;
  const [, year = "", month = "", day = ""] = /^(\d{4})-(\d\d|[a-z]{3})-(\d\d)$/i.exec(text) ?? [];
  const number = /^\d/.test(month) ? Number(month) : months.indexOf(month.toUpperCase()) + 1;
  const date = `${year}-${String(number).padStart(2, "0")}-${day}`;
  const time = new Date(`${date}T00:00:00Z`);
  // Days that a month does not have become days of the next.
  if (Number.isNaN(time.getTime()) || !time.toISOString().startsWith(date)) {
    refuse(`--${name} ${text} is no day; write it as 2024-06-11 or 2024-JUN-11.`);
  }
  return date.replaceAll("-", "");
}

function refuse(problem: string): never {
  throw new Failure(exitCode.usage, problem);
}

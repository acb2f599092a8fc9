import { type Account, paginateListAccounts } from "@aws-sdk/client-organizations";
import type { S3Client } from "@aws-sdk/client-s3";
import { asAdministrator, isDenied } from "../administrator.ts";
import { accountOf } from "../arn.ts";
import type { Check, Finding } from "../check.ts";
import { counted } from "../count.ts";
import { bucketPrefix, foldersIn } from "../flow.ts";
import type { Admin, Lake } from "../lake.ts";
import { type Arrival, arrivals } from "../newest.ts";
import { notRolledUp, type OtherRegion } from "../other-regions.ts";

export const flowRights = [
  "s3:ListAllMyBuckets",
  "s3:ListBucket",
  "s3:GetBucketNotification",
  "events:ListRules",
] as const;

export const lakeAccount = ({ subscriber }: Lake): string | undefined => accountOf(subscriber.roleArn);

export const buckets: Check = {
  id: "buckets",
  title: "The lake has a bucket in the queue's Region",
  explain: "Security Lake keeps each Region's events in a bucket there, or in that of the roll-up Region.",
  needs: ["region"],
  run: (lake) =>
    asAdministrator(lake, flowRights, lakeAccount(lake), async ({ account, region, s3 }) => {
      const missing = await missingOf(lake.buckets, s3);
      if (missing.length > 0) {
        return {
          state: "failed",
          seen: `there is no bucket ${missing.join(", ")}`,
          fix: "Correct --bucket, or leave it out: the lake's buckets are found where they may be listed",
          console: "S3 > Buckets",
        };
      }
      const { buckets: here, elsewhere } = await lake.flow();
      const others = elsewhere.length === 0 ? "" : `; in other Regions: ${elsewhere.join(", ")}`;
      if (here.length > 0) {
        const seen = `${here.map(({ name }) => name).join(", ")}${others}`;
        const missed = await notRolledUp(lake, s3);
        return missed.length === 0 ? { state: "ok", seen } : rollUp(seen, missed, region);
      }
      return {
        state: "failed",
        seen: `account ${account} has no bucket ${bucketPrefix}${region}-…${others}`,
        fix: `Enable Security Lake in ${region}, or make the subscriber in a Region where it is enabled`,
        console: "Security Lake > Settings > Regions",
      };
    }),
};

async function missingOf(named: readonly string[], s3: S3Client): Promise<readonly string[]> {
  const looked = await Promise.allSettled(named.map((name) => foldersIn(s3, name, "aws/")));
  return named.filter((_, at) => {
    const found = looked[at];
    return found?.status === "rejected" && (found.reason as Error).name === "NoSuchBucket";
  });
}

function rollUp(seen: string, missed: readonly OtherRegion[], here: string): Finding {
  const regions = [...new Set(missed.map(({ region }) => region))].join(", ");
  return {
    state: "warning",
    seen: `${seen}; events of ${regions} are there, and none of them here, so that this subscriber gets none`,
    fix: `Add ${regions} to the contributing Regions of ${here} in Security Lake, or make a subscriber there and name its queue in a <subscriber> of its own; where those events are not wanted, name the bucket of ${here} by --bucket`,
    console: "Security Lake > Settings > Rollup Regions",
  };
}

export const arriving: Check = {
  id: "arriving",
  title: "Objects arrive from each source and account",
  explain: "A source that has stopped, or an account that never began, sends nothing, and the manager cannot miss it.",
  needs: ["buckets"],
  run: (lake, signal) =>
    asAdministrator(lake, [...flowRights, "organizations:ListAccounts"], lakeAccount(lake), async (admin) => {
      const [{ buckets: here }, expected] = await Promise.all([lake.flow(), expectedAccounts(lake, admin)]);
      const looked = await Promise.all(here.map(({ name }) => arrivals(admin.s3, name, signal)));
      const found = looked.flatMap((one) => one.found);
      const leftOut = looked.reduce((sum, one) => sum + one.leftOut, 0);
      if (found.length === 0 && leftOut === 0) {
        return {
          state: "warning",
          seen: `no Parquet file is in ${here.map(({ name }) => name).join(", ")} yet`,
          fix: "Check in Security Lake > Sources that sources are enabled for this Region; the first objects take some minutes",
          console: "Security Lake > Sources",
          awaited: true,
        };
      }
      const missing = expected.accounts.filter((account) => !looked.some(({ accounts }) => accounts.has(account)));
      const silent = found.filter((one) => hoursSince(one) >= lake.staleHours && !hasSuccessor(one, found, lake));
      const seen = [
        ...missing.map((account) => `of account ${account} there is no Parquet file`),
        ...(silent.length > 0 ? [`nothing has come for ${lake.staleHours} h or more: ${told(silent)}`] : []),
        ...(silent.length < found.length ? [told(found.filter((one) => !silent.includes(one)))] : []),
        ...(leftOut > 0
          ? [`of ${counted(leftOut, "more source")} of accounts and Regions the age was not looked at`]
          : []),
        ...(expected.accounts.length === 0
          ? []
          : [`${counted(expected.accounts.length, "account")} expected, ${expected.from}`]),
      ].join("; ");
      if (missing.length > 0) {
        return {
          // An organization can have accounts that Security Lake was never enabled for.
          state: expected.certain ? "failed" : "warning",
          seen,
          fix: `Enable the sources for account ${missing.join(", ")} in Security Lake, as its delegated administrator${expected.certain ? "" : "; where that is not wanted, name the accounts that are by --accounts"}`,
          console: "Security Lake > Accounts",
        };
      }
      if (silent.length === 0) return { state: "ok", seen };
      return {
        state: "warning",
        seen,
        fix: `Check in Security Lake > Sources that ${[...new Set(silent.map(({ source, account }) => `${source} of ${account}`))].join(", ")} is still enabled, and Security Lake > Issues; a source that is seldom heard of is given more time by --stale HOURS`,
        console: "Security Lake > Sources",
      };
    }),
};

interface Expected {
  readonly accounts: readonly string[];
  /** Whether a person has named them. */
  readonly certain: boolean;
  readonly from: string;
}

async function expectedAccounts(lake: Lake, { organizations: client }: Admin): Promise<Expected> {
  if (lake.accounts !== undefined) return { accounts: lake.accounts, certain: true, from: "as --accounts says" };
  const accounts: string[] = [];
  try {
    for await (const page of paginateListAccounts({ client }, {})) {
      accounts.push(...(page.Accounts ?? []).flatMap((one) => (one.Id && isActive(one) ? [one.Id] : [])));
    }
  } catch (error) {
    // Only the organization's management account and its delegates may ask.
    if (!isDenied(error) && (error as Error).name !== "AWSOrganizationsNotInUseException") throw error;
    return { accounts: [], certain: false, from: "" };
  }
  return { accounts, certain: false, from: "as the organization says" };
}

/** Of an account that is closed, or not in use yet, nothing is missed. AWS has retired `Status` on 9 September 2026. */
const isActive = ({ State, Status }: Account): boolean => (State ?? Status ?? "ACTIVE") === "ACTIVE";

const hoursSince = ({ modified }: Arrival): number => (Date.now() - modified.getTime()) / 3_600_000;

/** A source whose next version is heard of has not stopped. */
function hasSuccessor(old: Arrival, found: readonly Arrival[], { staleHours }: Lake): boolean {
  const name = ({ source }: Arrival) => source.split("/").slice(0, 2).join("/");
  return found.some(
    (one) =>
      name(one) === name(old) &&
      one.source !== old.source &&
      one.account === old.account &&
      one.region === old.region &&
      hoursSince(one) < staleHours,
  );
}

/** The oldest first: those are the ones that may have stopped. */
function told(found: readonly Arrival[]): string {
  const sorted = [...found].sort((a, b) => a.modified.getTime() - b.modified.getTime());
  const shown = sorted.slice(0, 8).map((one) => {
    const hours = hoursSince(one);
    const age = hours < 2 ? `${Math.max(0, Math.round(hours * 60))} min` : `${Math.round(hours)} h`;
    return `${one.source} of ${one.account} in ${one.region}: ${age} ago`;
  });
  return `${shown.join("; ")}${sorted.length > shown.length ? `; and ${sorted.length - shown.length} more` : ""}`;
}

import { isDenied, needsProfile } from "../administrator.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import type { Indexer } from "../indexer.ts";
import { late, look, unexpected, withIndexer } from "../indexer-look.ts";
import type { Lake } from "../lake.ts";
import { readLastRun } from "../last-run.ts";
import { type ListedObject, newestObject } from "../newest.ts";
import { dayIndices } from "../probe.ts";
import { newestFirst, type Stored, searching, storedIn } from "../stored.ts";
import { betweenRuns, span } from "../time.ts";

/** Milliseconds; of it alone, nobody would be warned. */
const leastLag = 3_600_000;
/** Milliseconds after which whatever was written is found. */
const refreshed = 60_000;

export const indexerLag: Check = {
  id: "indexer-lag",
  title: "What arrives in the lake is in the indexer soon",
  explain:
    "When the newest objects of the bucket are much younger than the newest events of the indexer, the subscriber does not keep up, or does not run.",
  needs: ["indexer-user"],
  late,
  run: withIndexer(async (own, lake, signal) => {
    const found = await stored(own);
    if ("state" in found) return found;
    const object = await newestOf(lake, found.newest, signal);
    const allowed = leastLag + 2 * betweenRuns(lake.manager?.settings.modules ?? [], lake.subscriber);
    if (typeof object === "string") return withoutBucket(found.newest, allowed, object);
    if (object === undefined) return { state: "ok", seen: "no object has arrived in the lake yet" };
    return (await inTime(own, object, found.newest, allowed)) ?? judgeDue(own, lake, found.newest, allowed, signal);
  }),
};

const ago = ({ modified }: ListedObject): string => `written ${span(Date.now() - modified.getTime())} ago`;

/** Undefined where its events are not there, as far as is seen. */
async function inTime(
  own: Indexer,
  object: ListedObject,
  newestStored: Stored | undefined,
  allowed: number,
): Promise<Finding | undefined> {
  if (newestStored === undefined) return undefined;
  const lag = object.modified.getTime() - timeOf(newestStored);
  const newest = `the newest object was ${ago(object)}`;
  if (lag < allowed)
    return { state: "ok", seen: `${newest}, the newest event happened ${span(Math.max(0, lag))} before` };
  return (await holds(own, object.key)) ? { state: "ok", seen: `${newest}, and its events are stored` } : undefined;
}

/** The subscriber has not read the newest object yet, perhaps; it has to have read those that came before its last runs. */
async function judgeDue(
  own: Indexer,
  lake: Lake,
  newestStored: Stored | undefined,
  allowed: number,
  signal: AbortSignal,
): Promise<Finding> {
  const due = await newestOf(lake, newestStored, signal, new Date(Date.now() - allowed));
  if (typeof due === "string") return withoutBucket(newestStored, allowed, due);
  const nothing = newestStored === undefined ? "no event of the lake is stored yet, and " : "";
  if (due === undefined)
    return notYet(`${nothing}all of the newest objects have come since the subscriber's last runs`);
  if (newestStored !== undefined && (await holds(own, due.key))) {
    return { state: "ok", seen: `the events of the newest object that can be stored, ${ago(due)}, are` };
  }
  if (await hasJustRun(lake)) return notYet("the subscriber has just run, and what it has written is found soon");
  const object = `an object ${ago(due)}`;
  return {
    state: "warning",
    seen:
      newestStored === undefined
        ? `no event of the lake is stored, and ${object} was there to be`
        : `nothing is stored of ${object}, and the newest event stored happened ${span(due.modified.getTime() - timeOf(newestStored))} before that`,
    fix: lagFix,
  };
}

function notYet(because: string): Finding {
  return couldNotCheck({ because, how: "Run it again after the subscriber's next run" }, { awaited: true });
}

/** Documents are found some seconds after they were written. */
async function hasJustRun({ manager, subscriber }: Lake): Promise<boolean> {
  if (manager === undefined) return false;
  const { succeeded } = (await readLastRun(manager.state, subscriber.queue).catch(() => undefined)) ?? {};
  return succeeded !== undefined && Date.now() - succeeded.at.getTime() < refreshed;
}

const lagFix =
  "Look whether the subscriber runs and what its last run said (checks runner and last-run); where it does not keep up, shorten <interval> or raise --concurrency";

async function stored(own: Indexer): Promise<Finding | { readonly newest: Stored | undefined }> {
  let newestStored: Stored | undefined;
  const judged = await look(
    own,
    searching,
    (session) => session.ask("POST", `/${dayIndices}/_search`, newestFirst(1)),
    (answer) => {
      if (answer.status !== 200) return unexpected(answer);
      [newestStored] = storedIn(answer);
      return { state: "ok", seen: "" };
    },
  );
  const [finding] = [judged].flat() as Finding[];
  return finding === undefined || finding.state === "ok" ? { newest: newestStored } : finding;
}

/** By whoever may list the bucket; which one it is, an administrator, the options, or a stored event tells. */
async function newestOf(
  lake: Lake,
  { security_lake: origin }: Stored = {},
  signal: AbortSignal,
  until?: Date,
): Promise<ListedObject | undefined | "denied" | "unanswered"> {
  try {
    const { s3 } = await (lake.admin ?? lake.clients)();
    const named = lake.buckets.length > 0 ? lake.buckets : origin?.bucket === undefined ? [] : [origin.bucket];
    const buckets =
      named.length > 0 || lake.admin === undefined ? named : (await lake.flow()).buckets.map(({ name }) => name);
    if (buckets.length === 0) return "denied";
    const found = await Promise.all(
      buckets.map(async (bucket) => (await newestObject(s3, bucket, signal, { until })).newest),
    );
    return found.reduce((a, b) => (b !== undefined && (a === undefined || b.modified > a.modified) ? b : a), undefined);
  } catch (error) {
    // Why AWS does not answer is what other checks are for.
    if (signal.aborted) throw error;
    return isDenied(error) ? "denied" : "unanswered";
  }
}

function withoutBucket(newestStored: Stored | undefined, allowed: number, why: "denied" | "unanswered"): Finding {
  const age = newestStored === undefined ? undefined : Date.now() - timeOf(newestStored);
  if (age !== undefined && age < allowed) return { state: "ok", seen: `the newest event happened ${span(age)} ago` };
  const known = age === undefined ? "no event is stored" : `the newest event happened ${span(age)} ago`;
  if (why === "unanswered") return couldNotCheck({ because: `the lake's bucket could not be listed; ${known}` });
  return couldNotCheck({
    because: `the lake's bucket may not be listed by the role, as is usual, or is not known, so that nobody sees whether newer objects have arrived; ${known}`,
    rights: ["s3:ListBucket"],
    how: needsProfile,
  });
}

async function holds(own: Indexer, key: string): Promise<boolean> {
  let count = 0;
  await look(
    own,
    searching,
    (session) =>
      session.ask("POST", `/${dayIndices}/_search`, { size: 1, query: { term: { "security_lake.key": key } } }),
    (answer) => {
      count = storedIn(answer).length;
      return { state: "ok", seen: "" };
    },
  );
  return count > 0;
}

function timeOf({ timestamp }: Stored): number {
  return Date.parse(timestamp?.replace(/\+0000$/, "Z") ?? "");
}

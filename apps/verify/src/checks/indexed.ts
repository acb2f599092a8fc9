import { hostname } from "node:os";
import { type Manager as AlertManager, managerOf } from "@threatlockdown/pipeline";
import { isDenied, needsProfile } from "../administrator.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { counted } from "../count.ts";
import type { Answer, Indexer } from "../indexer.ts";
import { late, look, unexpected, withIndexer } from "../indexer-look.ts";
import type { Lake } from "../lake.ts";
import { readLastRun } from "../last-run.ts";
import { type ListedObject, newestObject } from "../newest.ts";
import { dayIndices } from "../probe.ts";
import { betweenRuns, span } from "../time.ts";

export const searching = ["indices:data/read/search"];

/** Who this manager is to the dashboard. */
export function expectedManager({ manager }: Lake): AlertManager {
  return managerOf(manager?.settings.cluster, manager?.hostname ?? hostname());
}

interface Stored {
  readonly timestamp?: string;
  readonly manager?: { readonly name?: string };
  readonly cluster?: { readonly name?: string; readonly node?: string };
  readonly security_lake?: { readonly bucket?: string; readonly key?: string };
}

/** The newest events first, of the indices of days; of these buckets alone, where there are some. */
const newest = (size: number, filter: readonly object[] = []) => ({
  size,
  ...(filter.length > 0 && { query: { bool: { filter } } }),
  sort: [{ timestamp: { order: "desc", unmapped_type: "date" } }],
  _source: ["timestamp", "manager.name", "cluster", "security_lake.bucket", "security_lake.key"],
});

function storedIn({ body }: Answer): readonly Stored[] {
  const { hits } = body as { hits?: { hits?: readonly { _source: Stored }[] } };
  return (hits?.hits ?? []).map(({ _source }) => _source);
}

const judgedDocuments = 20;

export const dashboardFields: Check = {
  id: "dashboard-fields",
  title: "The dashboard shows the events as this manager's",
  explain:
    "The dashboard shows documents with its own manager.name only, or of its own cluster.name: others are stored and never shown.",
  needs: ["indexer-user"],
  once: true,
  late,
  run: withIndexer(async (own, lake) => {
    const [buckets, stores] = await Promise.all([ownBuckets(lake), hasStored(lake)]);
    const ofBuckets = buckets.length > 0 ? [{ terms: { "security_lake.bucket": buckets } }] : [];
    const expected = expectedManager(lake);
    const { field, wanted } = shown(expected);
    return look(
      own,
      searching,
      async (session) => {
        const ask = (filter: readonly object[]) =>
          session.ask("POST", `/${dayIndices}/_search`, newest(judgedDocuments, filter));
        const answer = await ask(ofBuckets);
        if (answer.status !== 200) return answer;
        // Other managers of the same indexer may have written all of the newest.
        const ours = await ask([...ofBuckets, { term: { [field]: wanted } }]);
        return ours.status === 200 ? { status: 200, body: [storedIn(answer), storedIn(ours)] } : ours;
      },
      (answer) => {
        if (answer.status !== 200) return unexpected(answer);
        const [stored, ours] = answer.body as readonly [readonly Stored[], readonly Stored[]];
        if (stored.length === 0) {
          return couldNotCheck(
            { because: "no event of the lake is stored yet", how: "Run it again after the subscriber's first run" },
            { awaited: true },
          );
        }
        return judgeFields(stored, ours, expected, own, buckets, stores);
      },
    );
  }),
};

/** Whether a run of this manager's has stored events; undefined where none is known to have ended well. */
async function hasStored({ manager, subscriber }: Lake): Promise<boolean | undefined> {
  if (manager === undefined) return undefined;
  const queues = manager.settings.modules.flatMap(({ subscribers }) => subscribers.map(({ queue }) => queue));
  const runs = [subscriber.queue, ...queues].map((queue) => readLastRun(manager.state, queue).catch(() => undefined));
  const ended = (await Promise.all(runs)).flatMap((run) => run?.succeeded ?? []);
  return ended.length === 0 ? undefined : ended.some(({ counts }) => Number(counts.events) > 0);
}

/** As they are known: by the options, or by an administrator of AWS; none where nobody says. */
async function ownBuckets(lake: Lake): Promise<readonly string[]> {
  if (lake.buckets.length > 0 || lake.admin === undefined) return lake.buckets;
  // Why AWS does not answer is what other checks are for.
  return lake.flow().then(
    ({ buckets }) => buckets.map(({ name }) => name),
    () => [],
  );
}

/** The field by which the dashboard chooses, and its value. */
function shown({ name, cluster }: AlertManager): { readonly field: string; readonly wanted: string } {
  return cluster === undefined
    ? { field: "manager.name", wanted: name }
    : { field: "cluster.name", wanted: cluster.name };
}

function judgeFields(
  stored: readonly Stored[],
  ours: readonly Stored[],
  expected: AlertManager,
  own: Indexer,
  buckets: readonly string[],
  stores: boolean | undefined,
): Finding {
  const { cluster } = expected;
  const { field, wanted } = shown(expected);
  const shownAs = (document: Stored) => (cluster === undefined ? document.manager?.name : document.cluster?.name);
  const [latest] = ours;
  if (latest !== undefined) {
    const right = stored.filter((document) => shownAs(document) === wanted);
    const of =
      right.length > 0
        ? `${right.length} of the newest ${counted(stored.length, "event")} have ${field} ${wanted}`
        : `events have ${field} ${wanted}, the newest of ${latest.timestamp}; the newest ${stored.length} of all are other managers'`;
    const nodes = new Set(ours.flatMap(({ cluster: own }) => own?.node ?? []));
    const elsewhere = cluster !== undefined && nodes.size > 0 && !nodes.has(cluster.node);
    return { state: "ok", seen: elsewhere ? `${of}, written by node ${[...nodes].join(", ")}` : of };
  }
  const values = [...new Set(stored.map((document) => shownAs(document)))];
  const told = values.map((value) => value ?? "none").join(", ");
  const seen = `the newest events have ${field} ${told}; this manager's dashboard shows those of ${wanted}`;
  if (stores === undefined) {
    return couldNotCheck(
      {
        because: `no run of this manager's subscriber is known to have succeeded; ${seen}`,
        how: "Run the subscriber on this manager, with this ossec.conf, and then this again",
      },
      { awaited: true },
    );
  }
  const theirs =
    buckets.length > 0 ? buckets : [...new Set(stored.flatMap(({ security_lake: origin }) => origin?.bucket ?? []))];
  const command = (value: string | undefined) => ({
    ...own.command(
      "POST",
      `/${dayIndices}/_update_by_query?conflicts=proceed&refresh=true`,
      rename(expected, value, theirs),
    ),
    where: `no other manager writes by the name ${value ?? "none"} from ${theirs.join(", ")}`,
  });
  return {
    // Without the buckets it may be another manager's lake that was looked at.
    state: buckets.length > 0 && stores ? "failed" : "warning",
    seen,
    fix: `Run the subscriber on this manager, with this ossec.conf and host name, so that new events have ${field} ${wanted}; where no other manager writes by the name ${told} from ${theirs.join(", ")}, someone who may change documents gives those that are stored the name by the request below`,
    commands: values.map(command),
  };
}

/** Documents of these buckets with exactly that wrong name get the fields by which the dashboard shows them. */
function rename({ name, cluster }: AlertManager, value: string | undefined, buckets: readonly string[]): object {
  const field = cluster === undefined ? "manager.name" : "cluster.name";
  const ofBuckets = { terms: { "security_lake.bucket": buckets } };
  return {
    query: {
      bool:
        value === undefined
          ? { filter: [ofBuckets], must_not: [{ exists: { field } }] }
          : { filter: [ofBuckets, { term: { [field]: value } }] },
    },
    script: {
      source:
        cluster === undefined
          ? "ctx._source.manager = params.manager; ctx._source.remove('cluster')"
          : "ctx._source.manager = params.manager; ctx._source.cluster = params.cluster",
      params: { manager: { name }, ...(cluster !== undefined && { cluster }) },
    },
  };
}

/** Milliseconds; of it alone, nobody would be warned. */
const leastLag = 3_600_000;

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
    const age = Date.now() - (object?.modified.getTime() ?? 0);
    if (object === undefined) return { state: "ok", seen: "no object has arrived in the lake yet" };
    const written = `the newest object was written ${span(age)} ago`;
    if (found.newest === undefined) {
      if (age < allowed) {
        return couldNotCheck(
          {
            because: `no event of the lake is stored yet, and ${written}`,
            how: "Run it again after the subscriber's next run",
          },
          { awaited: true },
        );
      }
      return { state: "warning", seen: `no event of the lake is stored, and ${written}`, fix: lagFix };
    }
    const lag = object.modified.getTime() - timeOf(found.newest);
    if (lag < allowed)
      return { state: "ok", seen: `${written}, the newest event happened ${span(Math.max(0, lag))} before` };
    if (await holds(own, object.key)) return { state: "ok", seen: `${written}, and its events are stored` };
    return {
      state: "warning",
      seen: `${written}, and the newest event stored happened ${span(lag)} before that`,
      fix: lagFix,
    };
  }),
};

const lagFix =
  "Look whether the subscriber runs and what its last run said (checks runner and last-run); where it does not keep up, shorten <interval> or raise --concurrency";

async function stored(own: Indexer): Promise<Finding | { readonly newest: Stored | undefined }> {
  let newestStored: Stored | undefined;
  const judged = await look(
    own,
    searching,
    (session) => session.ask("POST", `/${dayIndices}/_search`, newest(1)),
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
): Promise<ListedObject | undefined | "denied" | "unanswered"> {
  try {
    const { s3 } = await (lake.admin ?? lake.clients)();
    const named = lake.buckets.length > 0 ? lake.buckets : origin?.bucket === undefined ? [] : [origin.bucket];
    const buckets =
      named.length > 0 || lake.admin === undefined ? named : (await lake.flow()).buckets.map(({ name }) => name);
    if (buckets.length === 0) return "denied";
    const found = await Promise.all(buckets.map(async (bucket) => (await newestObject(s3, bucket, signal)).newest));
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

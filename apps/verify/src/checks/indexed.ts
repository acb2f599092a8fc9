import { hostname } from "node:os";
import { type Manager as AlertManager, managerOf } from "@threatlockdown/pipeline";
import { isDenied } from "../administrator.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import type { Answer, Indexer } from "../indexer.ts";
import { reasonOf } from "../indexer.ts";
import type { Lake } from "../lake.ts";
import { type ListedObject, newestObject } from "../newest.ts";
import { dayIndices, probeDocument, probeIndices } from "../probe.ts";
import { betweenRuns, span } from "../time.ts";
import { isRefused, lacking, look, refusedActions, withIndexer } from "./indexer.ts";

const late = "Look whether the indexer is overloaded, or its network slow";
const searching = ["indices:data/read/search"];

/** Who this manager is to the dashboard. */
function expectedManager({ manager }: Lake): AlertManager {
  return managerOf(manager?.settings.cluster, manager?.hostname ?? hostname());
}

interface Stored {
  readonly timestamp?: string;
  readonly manager?: { readonly name?: string };
  readonly cluster?: { readonly name?: string; readonly node?: string };
  readonly security_lake?: { readonly bucket?: string; readonly key?: string };
}

/** The newest events first, of the indices of days. */
const newest = (size: number) => ({
  size,
  sort: [{ timestamp: { order: "desc", unmapped_type: "date" } }],
  _source: ["timestamp", "manager.name", "cluster", "security_lake.bucket", "security_lake.key"],
});

function storedIn({ body }: Answer): readonly Stored[] {
  const { hits } = body as { hits?: { hits?: readonly { _source: Stored }[] } };
  return (hits?.hits ?? []).map(({ _source }) => _source);
}

function unanswered(answer: Answer): Finding {
  return couldNotCheck({ because: `the indexer answers ${reasonOf(answer)}`, how: "Look into the indexer's own log" });
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
  run: withIndexer((own, lake) =>
    look(
      own,
      searching,
      (session) => session.ask("POST", `/${dayIndices}/_search`, newest(judgedDocuments)),
      (answer) => {
        if (answer.status !== 200) return unanswered(answer);
        const stored = storedIn(answer);
        const [first] = stored;
        if (first === undefined) {
          return couldNotCheck(
            { because: "no event of the lake is stored yet", how: "Run it again after the subscriber's first run" },
            { awaited: true },
          );
        }
        return judgeFields(stored, expectedManager(lake), own);
      },
    ),
  ),
};

function judgeFields(stored: readonly Stored[], expected: AlertManager, own: Indexer): Finding {
  const { cluster, name } = expected;
  const field = cluster === undefined ? "manager.name" : "cluster.name";
  const wanted = cluster?.name ?? name;
  const shownAs = (document: Stored) =>
    cluster === undefined ? document.manager?.name : (document.cluster?.name ?? undefined);
  const right = stored.filter((document) => shownAs(document) === wanted);
  const of = `${right.length} of the newest ${stored.length} events have ${field} ${wanted}`;
  if (right.length > 0) {
    const nodes = new Set(right.flatMap(({ cluster: own }) => own?.node ?? []));
    const elsewhere = cluster !== undefined && nodes.size > 0 && !nodes.has(cluster.node);
    return { state: "ok", seen: elsewhere ? `${of}, written by node ${[...nodes].join(", ")}` : of };
  }
  const values = [...new Set(stored.map((document) => shownAs(document)))];
  const told = values.map((value) => value ?? "none").join(", ");
  return {
    state: "failed",
    seen: `the newest events have ${field} ${told}; this manager's dashboard shows those of ${wanted}`,
    fix: `Run the subscriber on this manager, with this ossec.conf and host name, so that new events have ${field} ${wanted}; someone who may change documents gives those that are stored the name by the request below`,
    commands: [own.command("POST", `/${dayIndices}/_update_by_query?conflicts=proceed&refresh=true`, rename(expected))],
  };
}

/** Documents that the dashboard does not show get the fields by which it does. */
function rename({ name, cluster }: AlertManager): object {
  const wrong = cluster === undefined ? { "manager.name": name } : { "cluster.name": cluster.name };
  return {
    query: { bool: { must_not: { term: wrong } } },
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
      if (answer.status !== 200) return unanswered(answer);
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
    how: "run it with --admin-profile",
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

export const indexerProbe: Check = {
  id: "indexer-probe",
  title: "An event that is written is found",
  explain:
    "It shows the whole way at once: the subscriber's user writes, the template takes the document, and it is found as the dashboard finds it, by rule.groups: amazon_security_lake.",
  needs: ["indexer-health", "indexer-blocks", "indexer-permissions", "indexer-template"],
  effect:
    "writes one document into an index of its own, finds it, and deletes that index; --no-probe does without. It is left out where nobody is there who may delete it (the subscriber's own user may not: --indexer-admin FILE)",
  once: true,
  late,
  run: withIndexer(probe),
};

/** The same without its effect. */
export const indexerProbeLeftOut: Check = {
  ...indexerProbe,
  async run() {
    return { state: "not applicable", seen: "nothing was written, as asked for", fix: "Run it without --no-probe" };
  },
};

const cleaning = ["indices:admin/delete", ...searching];

async function probe(own: Indexer, lake: Lake, signal: AbortSignal): Promise<Finding | readonly Finding[]> {
  const index = probeIndices.name();
  // Who may find and delete what is not there is told so by a 404.
  const helpers = [own.own, own.admin].filter((session) => session !== undefined);
  const able = await Promise.all(
    helpers.map(async (session) => {
      const answers = [await session.ask("DELETE", `/${index}`), await session.ask("POST", `/${index}/_search`, {})];
      return answers.every(({ status }) => status === 404);
    }),
  );
  const helper = helpers.find((_, at) => able[at]);
  if (helper === undefined) {
    return couldNotCheck({
      because:
        own.admin === undefined
          ? "the subscriber's own user may not look at it, as is usual, and no --indexer-admin was given"
          : "the user of --indexer-admin may not find and delete what would be written",
      rights: cleaning,
      how: "run it with --indexer-admin FILE",
    });
  }
  // Nothing is begun that nobody would wait for.
  signal.throwIfAborted();
  const written = (async () => {
    const { id, line } = probeDocument(index, expectedManager(lake));
    const [outcome] = await Promise.allSettled([writeAndFind(own, index, id, line, helper)]);
    const left = await helper.ask("DELETE", `/${index}`);
    // Nothing that was asked for may hide that something stays behind.
    if (left.status !== 200 && left.status !== 404) return [leftBehind(own, index, reasonOf(left))];
    if (outcome.status === "rejected") throw outcome.reason;
    return [outcome.value, ...(await forgotten(own, helper))];
  })();
  // However late it is: what was written is deleted before the program ends.
  own.owes(written);
  return written;
}

function leftBehind(own: Indexer, index: string, why: string): Finding {
  return {
    state: "warning",
    seen: `the index ${index} of a probe is still there: ${why}`,
    fix: "Someone who may delete indices deletes it; it holds nothing but the probe's own document",
    commands: [own.command("DELETE", `/${index}`)],
  };
}

const forgottenAfter = 60_000;

/** What a run that was killed has left. */
async function forgotten(own: Indexer, helper: Indexer["own"]): Promise<Finding[]> {
  const { status, body } = await helper.ask("GET", `/${probeIndices.pattern}/_settings?flat_settings=true`);
  if (status !== 200) return [];
  const found = Object.entries(body as Record<string, { settings: Record<string, string> }>);
  const old = found.filter(([, { settings }]) => Date.now() - Number(settings["index.creation_date"]) > forgottenAfter);
  return old.map(([name]) => leftBehind(own, name, "a run of this program was ended before it could delete it"));
}

async function writeAndFind(
  own: Indexer,
  index: string,
  id: string,
  line: string,
  helper: Indexer["own"],
): Promise<Finding> {
  const answer = await own.own.ask("POST", "/_bulk?refresh=true", line);
  const { items = [] } = (answer.body ?? {}) as {
    items?: readonly { create?: { status: number; error?: { type?: string; reason?: string } } }[];
  };
  const item = items[0]?.create;
  const refusal = item?.error?.reason ?? (answer.status === 200 ? undefined : reasonOf(answer));
  if (refusal !== undefined) {
    const denied = item?.error?.type === "security_exception" || isRefused(answer);
    if (denied) return lacking(own, refusedActions(refusal, "indices:data/write/bulk*"), "failed");
    return {
      state: "failed",
      seen: `the indexer refuses a document: ${item?.status ?? answer.status} ${refusal.slice(0, 300)}`,
      fix: "Someone who manages the indexer mends what it names",
    };
  }
  const found = await helper.ask("POST", "/wazuh-alerts-*/_search", {
    query: { bool: { filter: [{ term: { "rule.groups": "amazon_security_lake" } }, { ids: { values: [id] } }] } },
    _source: false,
  });
  const { hits } = found.body as { hits?: { hits?: readonly { _index: string }[] } };
  if (hits?.hits?.some(({ _index }) => _index === index)) {
    return { state: "ok", seen: "a document was written, found by rule.groups: amazon_security_lake, and removed" };
  }
  return {
    state: "failed",
    seen: `a document was written and is not found by rule.groups: amazon_security_lake in wazuh-alerts-* (${found.status})`,
    fix: "Someone who manages the indexer looks whether an ingest pipeline, an alias or another template changes documents or their indices on the way",
  };
}

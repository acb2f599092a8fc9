import type { Manager as AlertManager } from "@threatlockdown/pipeline";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { counted } from "../count.ts";
import { expectedManager } from "../expected-manager.ts";
import type { Indexer } from "../indexer.ts";
import { late, look, unexpected, withIndexer } from "../indexer-look.ts";
import type { Lake } from "../lake.ts";
import { readLastRun } from "../last-run.ts";
import { dayIndices } from "../probe.ts";
import { newestFirst, type Stored, searching, storedIn } from "../stored.ts";

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
          session.ask("POST", `/${dayIndices}/_search`, newestFirst(judgedDocuments, filter));
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

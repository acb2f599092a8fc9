import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type Check, couldNotCheck, type Finding, type Owe } from "../check.ts";
import { expectedManager } from "../expected-manager.ts";
import { type Answer, type Indexer, reasonOf, type Session } from "../indexer.ts";
import { late, unknownAdmin, withIndexer } from "../indexer-look.ts";
import type { Lake } from "../lake.ts";
import { probeDocument, probeIndices } from "../probe.ts";
import { searching } from "../stored.ts";
import { isRefused, lacking, refusedActions } from "./indexer-rights.ts";
import { blockOfCluster } from "./indexer-state.ts";

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
  owes: 4_000,
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

async function probe(own: Indexer, lake: Lake, signal: AbortSignal, owe: Owe): Promise<Finding | readonly Finding[]> {
  const index = probeIndices.name();
  const helpers = [own.own, own.admin].filter((session) => session !== undefined);
  const statuses = await Promise.all(
    helpers.map(async (session) => [
      (await session.ask("DELETE", `/${index}`)).status,
      (await session.ask("POST", `/${index}/_search`, {})).status,
    ]),
  );
  // Who may find and delete what is not there is told so by a 404.
  const helper = helpers.find((_, at) => statuses[at]?.every((status) => status === 404));
  if (helper === undefined && own.admin !== undefined && statuses.at(-1)?.includes(401)) return unknownAdmin;
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
  const { id, line } = probeDocument(index, expectedManager(lake));
  // What nobody waits for any more is to be removed, and not to be found.
  const written = Promise.race([own.own.ask("POST", "/_bulk?refresh=true", line), aborted(signal)]);
  const found = written.then(async (answer) => (await refusalOf(own, answer)) ?? find(helper, index, id));
  // However late it is, and whatever became of the document: nothing stays behind without a word.
  const removed = found.then(
    () => remove(own, index, helper, written),
    () => remove(own, index, helper, written),
  );
  owe(removed);
  const left = await removed;
  const told = await found;
  const whole = told.state === "ok" && left.length === 0 ? { ...told, seen: wholeWay } : told;
  return [whole, ...(await forgotten(own, helper))];
}

const wholeWay = "a document was written, found by rule.groups: amazon_security_lake, and removed";

async function aborted(signal: AbortSignal): Promise<never> {
  await once(signal, "abort");
  throw signal.reason;
}

/** Milliseconds after a request without an answer for which it may still be obeyed. */
const obeyedLate = 3_000;
const again = 200;

/** Deletes the probe's index. Where nobody knows whether it was made, it is asked until it was there, or for a while. */
async function remove(
  own: Indexer,
  index: string,
  helper: Session,
  written: Promise<Answer>,
): Promise<readonly Finding[]> {
  // A gateway that has given up says nothing of the indexer behind it.
  const done = await written.then(
    ({ status }) => status < 500,
    () => false,
  );
  const end = performance.now() + obeyedLate;
  for (let tries = 1; ; tries++) {
    const answer = await helper.ask("DELETE", `/${index}`).catch((error: Error) => error);
    const status = answer instanceof Error ? 0 : answer.status;
    if (status === 200 || (status === 404 && done)) return [];
    const said = answer instanceof Error ? answer.message : reasonOf(answer);
    if (status >= 400 && status < 500 && status !== 404 && status !== 429) {
      return [leftBehind(own, index, "is still there", said)];
    }
    if ((tries > 1 || status === 0) && performance.now() > end) {
      const why = status === 404 ? "the request that writes into it got no answer, and may be obeyed yet" : said;
      return [leftBehind(own, index, "may be left", why)];
    }
    await delay(again);
  }
}

function leftBehind(own: Indexer, index: string, is: string, why: string): Finding {
  return {
    state: "warning",
    seen: `the index ${index} of a probe ${is}: ${why}`,
    fix: "Someone who may delete indices deletes it; it holds nothing but the probe's own document",
    commands: [own.command("DELETE", `/${index}`)],
  };
}

const forgottenAfter = 60_000;

/** What a run that was killed has left. */
async function forgotten(own: Indexer, helper: Session): Promise<Finding[]> {
  const { status, body } = await helper.ask("GET", `/${probeIndices.pattern}/_settings?flat_settings=true`);
  if (status !== 200) return [];
  const found = Object.entries(body as Record<string, { settings: Record<string, string> }>);
  const old = found.filter(([, { settings }]) => Date.now() - Number(settings["index.creation_date"]) > forgottenAfter);
  const why = "a run of this program was ended before it could delete it";
  return old.map(([name]) => leftBehind(own, name, "is still there", why));
}

/** What the indexer says against the document. */
async function refusalOf(own: Indexer, answer: Answer): Promise<Finding | undefined> {
  const { items = [] } = (answer.body ?? {}) as {
    items?: readonly { create?: { status: number; error?: { type?: string; reason?: string } } }[];
  };
  const item = items[0]?.create;
  const refusal = item?.error?.reason ?? (answer.status === 200 ? undefined : reasonOf(answer));
  if (refusal === undefined) return undefined;
  const denied = item?.error?.type === "security_exception" || isRefused(answer);
  if (denied) return lacking(own, refusedActions(refusal, "indices:data/write/bulk*"), "failed");
  if (/blocked by: .*cluster/.test(refusal)) {
    const block = await blockOfCluster(own);
    if (block !== undefined) return block;
  }
  const seen = `the indexer refuses a document: ${item === undefined ? "" : `${item.status} `}${refusal.slice(0, 300)}`;
  if (!/maximum .*shards/.test(refusal)) {
    return { state: "failed", seen, fix: "Someone who manages the indexer mends what it names" };
  }
  return {
    state: "failed",
    seen,
    fix: "Someone who manages the indexer deletes old indices, or raises cluster.max_shards_per_node (1000, unless somebody has set it)",
    commands: [
      {
        ...own.command("PUT", "/_cluster/settings", { persistent: { "cluster.max_shards_per_node": 2000 } }),
        where: "the nodes have memory for more shards",
      },
    ],
  };
}

async function find(helper: Session, index: string, id: string): Promise<Finding> {
  const found = await helper.ask("POST", "/wazuh-alerts-*/_search", {
    query: { bool: { filter: [{ term: { "rule.groups": "amazon_security_lake" } }, { ids: { values: [id] } }] } },
    _source: false,
  });
  const { hits } = found.body as { hits?: { hits?: readonly { _index: string }[] } };
  if (hits?.hits?.some(({ _index }) => _index === index)) {
    return { state: "ok", seen: "a document was written and found by rule.groups: amazon_security_lake" };
  }
  return {
    state: "failed",
    seen: `a document was written and is not found by rule.groups: amazon_security_lake in wazuh-alerts-* (${found.status})`,
    fix: "Someone who manages the indexer looks whether an ingest pipeline, an alias or another template changes documents or their indices on the way",
  };
}

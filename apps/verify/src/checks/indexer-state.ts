import { indexPattern } from "@threatlockdown/indexer-client";
import type { Check, Finding } from "../check.ts";
import { counted } from "../count.ts";
import type { Indexer } from "../indexer.ts";
import { late, look, unexpected, withIndexer } from "../indexer-look.ts";
import { probeIndices } from "../probe.ts";

export const indexerHealth: Check = {
  id: "indexer-health",
  title: "The indexer is well",
  explain: "While the cluster is red, some of its indices take no documents, and nobody finds what is in them.",
  needs: ["indexer-user"],
  once: true,
  late,
  run: withIndexer((own) =>
    look(
      own,
      ["cluster:monitor/health"],
      (session) => session.ask("GET", "/_cluster/health"),
      (answer) => {
        if (answer.status !== 200) return unexpected(answer);
        const {
          status,
          number_of_nodes: nodes,
          unassigned_shards: unassigned,
        } = answer.body as Record<string, unknown>;
        const seen = `${status}, ${counted(Number(nodes), "node")}, ${counted(Number(unassigned), "shard")} without a node`;
        if (status !== "red") return { state: "ok", seen };
        return {
          state: "failed",
          seen,
          fix: "Someone who manages the indexer finds out why shards have no node; the request below tells",
          commands: [own.command("GET", "/_cluster/allocation/explain")],
        };
      },
    ),
  ),
};

export const indexerBlocks: Check = {
  id: "indexer-blocks",
  title: "The indexer takes documents",
  explain:
    "An indexer whose disk is nearly full makes its indices read-only; events then wait in the queue until someone makes room.",
  needs: ["indexer-user"],
  once: true,
  late,
  run: withIndexer(
    async (own) =>
      (await blockOfCluster(own)) ??
      look(
        own,
        ["indices:monitor/settings/get"],
        (session) => session.ask("GET", `/${indexPattern}/_settings?flat_settings=true&expand_wildcards=all`),
        (answer) => (answer.status === 200 ? judgeIndices(answer.body as Indices, own) : unexpected(answer)),
      ),
  ),
};

type Indices = Readonly<Record<string, { readonly settings: Readonly<Record<string, string>> }>>;

/** A block of the whole cluster; undefined where there is none, or nobody at hand may see it. */
export async function blockOfCluster(own: Indexer): Promise<Finding | undefined> {
  for (const session of [own.own, own.admin]) {
    const answer = await session?.ask("GET", "/_cluster/settings?flat_settings=true");
    if (answer?.status !== 200) continue;
    const scopes = Object.entries(answer.body as Record<string, Readonly<Record<string, string>>>);
    const set = scopes.flatMap(([scope, settings]) =>
      Object.keys(settings)
        .filter((name) => /^cluster\.blocks\.read_only/.test(name) && settings[name] === "true")
        .map((name) => ({ scope, name })),
    );
    return set.length === 0 ? undefined : blocked(own, set);
  }
  return undefined;
}

function blocked(own: Indexer, set: readonly { readonly scope: string; readonly name: string }[]): Finding {
  return {
    state: "failed",
    seen: `the whole cluster takes nothing: ${set.map(({ name }) => name).join(", ")}`,
    fix: "Someone who manages the indexer finds out who set the block, then lifts it",
    // While the cluster is blocked it takes no request that does more than lift one block.
    commands: set.map(({ scope, name }) => own.command("PUT", "/_cluster/settings", { [scope]: { [name]: null } })),
  };
}

function judgeIndices(indices: Indices, own: Indexer): Finding {
  const found = Object.entries(indices)
    .filter(([name]) => !probeIndices.has(name))
    .sort(([a], [b]) => (a < b ? 1 : -1));
  const full = found.filter(([, { settings }]) => settings["index.blocks.read_only_allow_delete"] === "true");
  if (full.length > 0) {
    return {
      state: "failed",
      seen: `read-only, as the indexer makes indices when a disk is nearly full: ${few(full.map(([name]) => name))}`,
      fix: "Someone who manages the indexer makes room on its disks (or deletes old indices), then lifts the block",
      commands: [own.command("PUT", `/${indexPattern}/_settings`, { "index.blocks.read_only_allow_delete": null })],
    };
  }
  const [newest] = found;
  if (newest === undefined) return { state: "ok", seen: "there is no index of the lake yet" };
  const [name, { settings }] = newest;
  if (settings["index.verified_before_close"] === "true") {
    return {
      state: "failed",
      seen: `${name}, the newest index, is closed`,
      fix: "Someone who manages the indexer finds out who closed it, then opens it",
      commands: [own.command("POST", `/${name}/_open`)],
    };
  }
  const block = ["index.blocks.read_only", "index.blocks.write"].find((setting) => settings[setting] === "true");
  if (block === undefined)
    return { state: "ok", seen: `none of ${counted(found.length, "index", "indices")} of the lake is full` };
  return {
    state: "failed",
    seen: `${name}, the newest index, has ${block}`,
    fix: "Someone who manages the indexer finds out who set the block, then lifts it",
    commands: [own.command("PUT", `/${name}/_settings`, { [block]: null })],
  };
}

function few(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

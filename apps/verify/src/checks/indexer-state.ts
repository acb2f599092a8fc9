import { indexPattern } from "@threatlockdown/indexer-client";
import type { Check } from "../check.ts";
import { counted } from "../count.ts";
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
  run: withIndexer((own) =>
    look(
      own,
      ["indices:monitor/settings/get"],
      (session) => session.ask("GET", `/${indexPattern}/_settings?flat_settings=true`),
      (answer) => {
        if (answer.status !== 200) return unexpected(answer);
        const found = Object.entries(answer.body as Record<string, { settings: Record<string, string> }>)
          .filter(([name]) => !probeIndices.has(name))
          .sort(([a], [b]) => (a < b ? 1 : -1));
        const full = found.filter(([, { settings }]) => settings["index.blocks.read_only_allow_delete"] === "true");
        if (full.length > 0) {
          return {
            state: "failed",
            seen: `read-only, as the indexer makes indices when a disk is nearly full: ${few(full.map(([name]) => name))}`,
            fix: "Someone who manages the indexer makes room on its disks (or deletes old indices), then lifts the block",
            commands: [
              own.command("PUT", `/${indexPattern}/_settings`, { "index.blocks.read_only_allow_delete": null }),
            ],
          };
        }
        const [newest] = found;
        const block = ["index.blocks.read_only", "index.blocks.write"].find(
          (name) => newest?.[1].settings[name] === "true",
        );
        if (newest === undefined) return { state: "ok", seen: "there is no index of the lake yet" };
        if (block === undefined)
          return { state: "ok", seen: `none of ${counted(found.length, "index", "indices")} of the lake is full` };
        return {
          state: "failed",
          seen: `${newest[0]}, the newest index, has ${block}`,
          fix: "Someone who manages the indexer finds out who set the block, then lifts it",
          commands: [own.command("PUT", `/${newest[0]}/_settings`, { [block]: null })],
        };
      },
    ),
  ),
};

function few(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

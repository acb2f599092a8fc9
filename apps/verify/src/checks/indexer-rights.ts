import { templateName, writerRole, writerRoleName } from "@threatlockdown/indexer-client";
import type { Check, Finding } from "../check.ts";
import type { Command } from "../command.ts";
import { type Answer, type Indexer, knowsNoSuchAddress, missingIn } from "../indexer.ts";
import { late, withIndexer } from "../indexer-look.ts";
import { probeIndices } from "../probe.ts";
import { yaml } from "../yaml.ts";
import { policyPath } from "./indexer-setup.ts";

interface Try {
  readonly action: string;
  readonly request: readonly [method: string, path: string, body?: object | string];
  /** Without it, the subscriber goes on with a warning. */
  readonly dispensable?: true;
}

/** Requests that are refused after the user's rights were looked at, and so change nothing whoever sends them. */
function tries(index: string): readonly Try[] {
  return [
    { action: "indices:data/write/bulk", request: ["POST", "/_bulk", bulkOf(index)] },
    { action: "indices:admin/create", request: ["PUT", `/${index}`, { settings: { "index.number_of_shards": -1 } }] },
    { action: "indices:data/write/index", request: ["PUT", `/${index}/_create/probe?require_alias=true`, {}] },
    {
      action: "indices:admin/index_template/get",
      request: ["GET", `/_index_template/${templateName}`],
      dispensable: true,
    },
    {
      action: "cluster:admin/opendistro/ism/policy/get",
      request: ["GET", policyPath],
      dispensable: true,
    },
  ];
}

/** What is found out about a user's rights. The action on shards is found by the probe alone. */
export const triedActions: readonly string[] = [
  ...tries(probeIndices.name()).map(({ action }) => action),
  "indices:data/write/bulk*",
];

/** What is no alias is no index to be made either. */
function bulkOf(index: string): string {
  return `{"create":{"_index":"${index}","_id":"probe","require_alias":true}}\n{}\n`;
}

export const indexerPermissions: Check = {
  id: "indexer-permissions",
  title: "The subscriber's user may do what it has to",
  explain:
    "It makes the index of each day and writes documents into it, and looks at the index template. The requests that find this out are refused for another reason, so that nothing is changed.",
  needs: ["indexer-user"],
  once: true,
  late,
  run: withIndexer(async (own) => {
    if ((await own.identity()) === undefined) {
      return { state: "not applicable", seen: "the indexer asks for no user" };
    }
    const asked = await Promise.all(
      tries(probeIndices.name()).map(async (one) => ({ ...one, answer: await own.own.ask(...one.request) })),
    );
    // What the indexer does not have, nobody needs a right for.
    const tried = asked.filter(({ answer }) => !knowsNoSuchAddress(answer));
    const missing = tried.filter(({ answer }) => isRefused(answer));
    if (missing.length === 0) return { state: "ok", seen: `it may do ${tried.map(({ action }) => action).join(", ")}` };
    const named = missing.map(({ action }) => action);
    return lacking(own, named, missing.every(({ dispensable }) => dispensable) ? "warning" : "failed");
  }),
};

/** A whole answer of 403, or the only item of one. */
export function isRefused({ status, body }: Answer): boolean {
  return status === 403 && /security_exception/.test(JSON.stringify(body));
}

/** The role that is missing, as YAML and as the requests that give it. */
export async function lacking(own: Indexer, actions: readonly string[], state: "warning" | "failed"): Promise<Finding> {
  const { name = "", roles = [] } = (await own.identity()) ?? {};
  return {
    state,
    seen: `the user ${name} may not do ${actions.join(", ")}; its roles are ${roles.join(", ") || "none"}`,
    fix: `Someone who may manage the indexer's roles gives the user ${name} the role ${writerRoleName}, as it is below`,
    paste: yaml({ [writerRoleName]: writerRole }),
    commands: [
      own.command("PUT", `/_plugins/_security/api/roles/${writerRoleName}`, writerRole),
      ...(roles.includes(writerRoleName) ? [] : [await mapping(own, name)]),
    ],
  };
}

/** Who has the role already keeps it: only where there is no mapping, one is made. */
async function mapping({ admin, command }: Indexer, user: string): Promise<Command> {
  const path = `/_plugins/_security/api/rolesmapping/${writerRoleName}`;
  const { status } = (await admin?.ask("GET", path)) ?? { status: 0 };
  return status === 404
    ? command("PUT", path, { users: [user] })
    : command("PATCH", path, [{ op: "add", path: "/users/-", value: user }]);
}

/** Actions that a refusal names, or the one that it must have been. */
export function refusedActions(reason: string, otherwise: string): readonly string[] {
  const named = missingIn(reason);
  return named.length > 0 ? named : [otherwise];
}

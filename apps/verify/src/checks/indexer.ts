import { X509Certificate } from "node:crypto";
import {
  checkSetup,
  IndexerError,
  indexPattern,
  setupRole,
  setupRoleName,
  templateName,
  writerRole,
  writerRoleName,
} from "@threatlockdown/indexer-client";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { type Command, setupCommand } from "../command.ts";
import { type Answer, type Indexer, knowsNoSuchAddress, missingIn, reasonOf, type Session } from "../indexer.ts";
import { day, hostBlock, type Reached, reachHost } from "../indexer-host.ts";
import type { Lake } from "../lake.ts";
import { probeIndices } from "../probe.ts";

const late = "Look whether the indexer is overloaded, or its network slow";

const lost = "See what the checks indexer and indexer-health say; look whether it is overloaded, or its network slow";

export const noIndexer: Finding = {
  state: "not applicable",
  seen: "ossec.conf names no indexer, or has it disabled: the subscriber runs with --output file:FOLDER or --output analysisd only",
};

/** The same for every check of the indexer. */
export function withIndexer(
  run: (indexer: Indexer, lake: Lake, signal: AbortSignal) => Promise<Finding | readonly Finding[]>,
): Check["run"] {
  return async (lake, signal) => {
    if (lake.indexer === undefined) return noIndexer;
    try {
      return await run(lake.indexer, lake, signal);
    } catch (error) {
      const told = unanswered(error);
      if (told === undefined) throw error;
      return told;
    }
  };
}

/** The indexer's client says why no answer came; anything else is not about the indexer. */
function unanswered(error: unknown): Finding | undefined {
  const { name, message } = error as Error;
  if (error instanceof IndexerError) return couldNotCheck({ because: message.replace(/\.$/, "") });
  if (!/^(Connection|Timeout|NoLivingConnections|RequestAborted|Deserialization)Error$/.test(name)) return undefined;
  return couldNotCheck({ because: `the indexer did not answer: ${message.slice(0, 200)}`, how: lost, lasting: true });
}

/**
 * Asks as the subscriber's own user, and where that one may not look, as the administrator. What neither may look at is
 * no failure.
 */
export async function look(
  { own, admin }: Indexer,
  rights: readonly string[],
  ask: (session: Session) => Promise<Answer>,
  judge: (answer: Answer) => Finding | readonly Finding[],
): Promise<Finding | readonly Finding[]> {
  const answer = await ask(own);
  if (answer.status !== 403 && answer.status !== 401) return judge(answer);
  if (admin === undefined) {
    return couldNotCheck({
      because: "the subscriber's own user may not look at it, as is usual, and no --indexer-admin was given",
      rights,
      how: "run it with --indexer-admin FILE",
    });
  }
  const second = await ask(admin);
  if (second.status !== 403 && second.status !== 401) return judge(second);
  return couldNotCheck({
    because: `the user of --indexer-admin may not look at it: ${reasonOf(second)}`,
    rights,
    how: "run it with such an --indexer-admin FILE",
  });
}

function unexpected(answer: Answer): Finding {
  return couldNotCheck({ because: `the indexer answers ${reasonOf(answer)}`, how: "Look into the indexer's own log" });
}

export const indexer: Check = {
  id: "indexer",
  title: "The indexer is reached",
  explain:
    "Events are written to the indexer of ossec.conf over HTTPS; while it cannot be reached, they wait in the queue.",
  needs: [],
  once: true,
  late,
  run: withIndexer(async (own, { lookUp }, signal) => {
    const connection = await own.connection().catch((error: unknown) => error as IndexerError);
    if (connection instanceof Error) {
      if (!(connection instanceof IndexerError)) throw connection;
      return unreadable(connection);
    }
    const tried = await Promise.all(
      own.settings.hosts.map((host) => reachHost(host, { tls: connection, lookUp, signal })),
    );
    const broken = tried.filter((reached) => "fix" in reached);
    if (broken.length === 0) return { state: "ok", seen: tried.map(({ seen }) => seen).join("; ") };
    const others = tried.length - broken.length;
    return broken.map((reached) => ({
      state: others > 0 ? ("warning" as const) : ("failed" as const),
      ...reached,
      seen: others > 0 ? `${reached.seen}; the other hosts of <indexer> take its work` : reached.seen,
    }));
  }),
};

function unreadable({ message }: IndexerError): Finding {
  // Who runs this may have less rights than the subscriber.
  if (/EACCES|EPERM/.test(message)) {
    return couldNotCheck({
      because: message.replace(/\.$/, ""),
      how: "run it as the user who runs the subscriber",
      lasting: true,
    });
  }
  return {
    state: "failed",
    seen: message.replace(/\.$/, ""),
    fix: "Correct the file's name in <ssl> of <indexer>, or put the file there",
  };
}

const fewDays = 30;
const dayMs = 86_400_000;

export const indexerCertificate: Check = {
  id: "indexer-certificate",
  title: "The indexer's certificates are valid for long enough",
  explain: "On the day that one of them ends, no event is stored any more, although nothing was changed.",
  needs: ["indexer"],
  once: true,
  late,
  run: withIndexer(async (own, { lookUp }, signal) => {
    const secured = own.settings.hosts.filter((host) => host.startsWith("https:"));
    if (secured.length === 0) return { state: "not applicable", seen: "the indexer is spoken to without TLS" };
    const connection = await own.connection();
    const reached = await Promise.all(
      secured.map(async (host) => ({ host, ...(await reachHost(host, { tls: connection, lookUp, signal })) })),
    );
    const ends = [
      ...reached.flatMap((one) => endOfChain(new URL(one.host).host, one)),
      ...endsOf("a file of <certificate_authorities>", connection.ca),
      ...endsOf("the file of <certificate>", connection.certificate),
    ].sort((a, b) => a.until.getTime() - b.until.getTime());
    const [first] = ends;
    if (first === undefined) return couldNotCheck({ because: "no host showed a certificate" });
    const days = Math.floor((first.until.getTime() - Date.now()) / dayMs);
    const told = `${first.name} is valid until ${day(first.until.toISOString())}, for ${days} days`;
    if (days >= fewDays) return { state: "ok", seen: `${told}; the others longer` };
    return {
      state: days < 0 ? "failed" : "warning",
      seen: days < 0 ? `${first.name} was valid until ${day(first.until.toISOString())}` : `${told} more`,
      fix: "Someone who manages the indexer renews the certificate before that day",
    };
  }),
};

interface End {
  readonly name: string;
  readonly until: Date;
}

function endOfChain(host: string, reached: Reached): End[] {
  const ends: End[] = [];
  let certificate = "certificate" in reached ? reached.certificate : undefined;
  const seen = new Set<string>();
  while (certificate?.valid_to !== undefined && !seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256);
    const name = ends.length === 0 ? `the certificate of ${host}` : `the authority of the certificate of ${host}`;
    ends.push({ name, until: new Date(certificate.valid_to) });
    certificate = certificate.issuerCertificate;
  }
  return ends;
}

function endsOf(name: string, pem: unknown): End[] {
  const texts = [pem ?? []].flat() as string[];
  return texts.flatMap((text) =>
    (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((one) => ({
      name,
      until: new Date(new X509Certificate(one).validTo),
    })),
  );
}

export const indexerUser: Check = {
  id: "indexer-user",
  title: "The indexer accepts the subscriber's user",
  explain:
    "The subscriber stops at the first refusal of its user, and takes nothing from the queue until that is mended.",
  needs: ["indexer"],
  once: true,
  late,
  run: withIndexer(async (own) => {
    const user = await own.own.user().catch((error: unknown) => error as Error);
    if (user instanceof Error) {
      return { state: "failed", seen: user.message.replace(/\.$/, ""), fix: "Mend the file or the variables named" };
    }
    const answer = await own.own.ask("GET", "/_plugins/_security/authinfo");
    if (answer.status === 401) return user === undefined ? unnamed(own) : refused(user);
    // So do indexers whose requests are to be signed.
    if (answer.status === 403) return user === undefined ? unnamed(own) : unsigned(user, answer);
    if (knowsNoSuchAddress(answer)) return withoutUsers(await own.own.ask("GET", "/"));
    if (answer.status === 503 || /not initialized/i.test(reasonOf(answer))) {
      return {
        state: "failed",
        seen: `the indexer does not take requests yet: ${reasonOf(answer)}`,
        fix: "Wait until it has started; if it stays so, initialise its security (indexer-security-init.sh on one of its nodes)",
      };
    }
    const identity = await own.identity();
    if (identity === undefined) {
      return {
        state: "failed",
        seen: `what answers is no indexer: ${reasonOf(answer)}`,
        fix: "Write address and port of the indexer into <host>: 9200, not those of the dashboard or of the manager's API",
        paste: hostBlock("https://<indexer>:9200"),
      };
    }
    return { state: "ok", seen: `it is ${identity.name}, with the roles ${identity.roles.join(", ") || "none"}` };
  }),
};

function refused(user: string): Finding {
  return {
    state: "failed",
    seen: `the indexer refuses the user ${user} or the password (401)`,
    fix: "Correct user and password where the subscriber has them (INDEXER_USERNAME and INDEXER_PASSWORD, or its --indexer-credentials FILE), or someone who may manage the indexer's users sets that password",
  };
}

function unsigned(user: string, answer: Answer): Finding {
  return {
    state: "failed",
    seen: `the indexer refuses the user ${user}: ${reasonOf(answer)}`,
    fix: "Someone who manages the domain allows es:ESHttp* to that user or role in the domain's access policy, and maps it to the role security_lake_writer",
  };
}

function unnamed({ settings }: Indexer): Finding {
  const how =
    "Give the subscriber's user: INDEXER_USERNAME and INDEXER_PASSWORD, or --indexer-credentials FILE, or --indexer-sigv4, as it has them";
  if (settings.certificate === undefined) {
    return couldNotCheck({ because: "the indexer asks for a user, and none was given here", how, lasting: true });
  }
  return { state: "failed", seen: "the indexer takes the client certificate for no user (401)", fix: how };
}

function withoutUsers(root: Answer): Finding {
  const { version } = (root.body ?? {}) as { version?: { distribution?: string; number?: string } };
  if (root.status === 200 && version?.number !== undefined) {
    return { state: "ok", seen: `it asks for no user; ${version.distribution ?? "it"} ${version.number}` };
  }
  return unexpected(root);
}

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
        const seen = `${status}, ${counted(nodes, "node")}, ${counted(unassigned, "shard")} without a node`;
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

function counted(count: unknown, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

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

const policyPath = `/_plugins/_ism/policies/${templateName}`;

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

/** Who has the role already keeps it, as far as that can be seen. */
async function mapping({ admin, command }: Indexer, user: string): Promise<Command> {
  const path = `/_plugins/_security/api/rolesmapping/${writerRoleName}`;
  const { body, status } = (await admin?.ask("GET", path)) ?? { status: 0, body: {} };
  const known = status === 200 ? (body as Record<string, { [kind: string]: readonly string[] }>)[writerRoleName] : {};
  const { users = [], backend_roles = [], hosts = [] } = known ?? {};
  return command("PUT", path, { users: [...users, user], backend_roles, hosts });
}

/** Objects, and lists of texts and objects. */
function yaml(value: object, indent = ""): string {
  return Object.entries(value)
    .map(([name, content]) => {
      if (!Array.isArray(content)) return `${indent}${name}:\n${yaml(content as object, `${indent}  `)}`;
      const items = content.map((item: string | object) => {
        const text = typeof item === "string" ? `${item}\n` : yaml(item, `${indent}    `).trimStart();
        return `${indent}  - ${text}`;
      });
      return `${indent}${name}:\n${items.join("")}`;
    })
    .join("");
}

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
        if (block === undefined) return { state: "ok", seen: `none of ${found.length} indices of the lake is full` };
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

export const indexerTemplate: Check = {
  id: "indexer-template",
  title: "The index template is in place and current",
  explain:
    "Without it the indexer guesses the type of each field from the event that comes first, and refuses events that do not fit.",
  needs: ["indexer-user"],
  once: true,
  late,
  run: withIndexer(async (own, lake) => {
    const overriding = await others(own);
    return look(own, ["indices:admin/index_template/get"], stepsOf, (answer) => {
      if (answer.status !== 200) return unexpected(answer);
      const step = stepAbout("index template", answer);
      if (step === undefined) return unexpected(answer);
      const finding = judgeTemplate(step, own, lake);
      return finding.state === "ok" && overriding !== undefined ? overridden(overriding, own) : finding;
    });
  }),
};

type Step = Awaited<ReturnType<typeof checkSetup>>[number];

/** What setup would do, as an answer. */
async function stepsOf(session: Session): Promise<Answer> {
  try {
    return { status: 200, body: await checkSetup(await session.client()) };
  } catch (error) {
    if (!(error instanceof IndexerError) || error.status === undefined) throw error;
    return { status: error.status, body: error.message };
  }
}

function stepAbout(subject: string, { body }: Answer): Step | undefined {
  return (body as readonly Step[]).find((step) => step.subject.startsWith(subject));
}

function judgeTemplate({ outcome, because, message }: Step, own: Indexer, { manager }: Lake): Finding {
  const seen = message.replace(/^Indexer: /, "").replace(/; .*$/, "");
  if (outcome === "current") return { state: "ok", seen };
  const who = "Someone who may manage index templates";
  const setup = setupCommand(manager?.file ?? "ossec.conf");
  if (because === "newer") {
    return {
      state: "warning",
      seen: seen.replace(" and was left alone", ""),
      fix: "Install the same, newer version of this program on this manager; or, where the newer one is no longer used, delete the template and run setup",
      commands: [own.command("DELETE", `/_index_template/${templateName}`), setup],
    };
  }
  if (because === "foreign") {
    return {
      state: "failed",
      seen: `the index template ${templateName} is not of this product`,
      fix: `${who} saves it under another name where it is needed, deletes it, and runs setup`,
      commands: [own.command("DELETE", `/_index_template/${templateName}`), setup],
    };
  }
  return {
    state: outcome === "missing" ? "failed" : "warning",
    seen,
    fix: `${who} runs setup, as a user who has the role ${setupRoleName} that is below, or all rights`,
    paste: yaml({ [setupRoleName]: setupRole }),
    commands: [setup],
  };
}

interface Template {
  readonly name: string;
  readonly index_template: { readonly index_patterns?: readonly string[]; readonly priority?: number };
}

const ownPriority = 500;

/** A template of a higher priority for the same indices takes the place of ours, whole. */
async function others({ own, admin }: Indexer): Promise<Template | undefined> {
  for (const session of [own, admin]) {
    const answer = await session?.ask("GET", "/_index_template");
    if (answer?.status !== 200) continue;
    const { index_templates: templates = [] } = answer.body as { index_templates?: readonly Template[] };
    return templates.find(
      ({ name, index_template: { index_patterns = [], priority = 0 } }) =>
        name !== templateName && priority > ownPriority && index_patterns.some(coversDays),
    );
  }
  return undefined;
}

function coversDays(pattern: string): boolean {
  const expression = new RegExp(`^${pattern.split("*").map(RegExp.escape).join(".*")}$`);
  return expression.test(indexPattern.replace("*", "2026.01.01"));
}

function overridden({ name, index_template: { priority } }: Template, own: Indexer): Finding {
  return {
    state: "failed",
    seen: `the index template ${name} has priority ${priority} for the same indices and takes the place of ${templateName}`,
    fix: `Someone who may manage index templates gives ${name} other patterns or a priority below ${ownPriority}; or deletes it`,
    commands: [own.command("DELETE", `/_index_template/${encodeURIComponent(name)}`)],
  };
}

export const indexerRetention: Check = {
  id: "indexer-retention",
  title: "Old indices are deleted as intended",
  explain: "Indices of days are kept until someone or something deletes them; a full disk stops the indexer.",
  needs: ["indexer-user"],
  once: true,
  late,
  run: withIndexer(async (own, lake) => {
    const rights = ["cluster:admin/opendistro/ism/policy/get", "indices:admin/index_template/get"];
    // With a retention that setup was given, it is setup that knows whether the policy is right.
    const ask = async (session: Session): Promise<Answer> => {
      const answer = await stepsOf(session);
      const denied = answer.status === 200 && stepAbout("retention policy", answer)?.message.endsWith("not known");
      return denied ? { ...answer, status: 403 } : answer;
    };
    const wanted = await look(own, rights, ask, (answer) => {
      if (answer.status !== 200) return unexpected(answer);
      const step = stepAbout("retention policy", answer);
      return step === undefined ? [] : judgePolicy(step, lake);
    });
    if ([wanted].flat().length > 0) return wanted;
    return look(own, rights, (session) => session.ask("GET", policyPath), retentionUnasked);
  }),
};

function judgePolicy({ outcome, message }: Step, { manager }: Lake): Finding {
  const seen = message.replace(/^Indexer: /, "");
  if (outcome === "current") return { state: "ok", seen };
  const [what = seen] = seen.split("; ");
  if (outcome === "not-possible" || outcome === "left-alone") {
    return {
      state: "warning",
      seen,
      fix: "Someone who manages the indexer sees to it that old indices are deleted before its disks are full",
    };
  }
  return {
    state: "warning",
    seen: what,
    fix: "Someone who may manage policies of the indexer runs setup",
    commands: [setupCommand(manager?.file ?? "ossec.conf")],
  };
}

function retentionUnasked(answer: Answer): Finding {
  if (knowsNoSuchAddress(answer)) {
    return {
      state: "not applicable",
      seen: "the indexer has no plugin index-management; old indices are deleted by other means",
    };
  }
  if (answer.status === 404) {
    return { state: "ok", seen: "no policy was installed: indices are kept until someone deletes them" };
  }
  if (answer.status !== 200) return unexpected(answer);
  const { policy } = answer.body as { policy?: { description?: string } };
  return { state: "ok", seen: `the policy ${templateName}: ${policy?.description ?? "without a description"}` };
}

/** Actions that a refusal names, or the one that it must have been. */
export function refusedActions(reason: string, otherwise: string): readonly string[] {
  const named = missingIn(reason);
  return named.length > 0 ? named : [otherwise];
}

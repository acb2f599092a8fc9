import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "@opensearch-project/opensearch";
import { failureOf } from "./answer.ts";
import { backoff } from "./concurrency.ts";
import { IndexerError } from "./errors.ts";
import { setupMessage, untrustedMessage } from "./messages.ts";
import { indexPattern, indexTemplate, type TemplateOptions, templateName, templateVersion } from "./template.ts";
import { judgeRequest, passes, type RequestFailure } from "./verdict.ts";

/** What is not given stays as it was installed. */
export interface SetupOptions extends TemplateOptions {
  /** Days after which an index is deleted, where the indexer has the plugin for it. Default: never. */
  readonly retentionDays?: number;
}

/** What was found of one thing that the indexer should have, and what was done about it. */
export interface SetupStep {
  readonly subject: string;
  readonly outcome:
    | "installed"
    | "upgraded"
    /** It was as it should be. */
    | "current"
    /** It is newer than this program, or somebody else's: not touched. */
    | "left-alone"
    /** It is not there, or older, and only looking was asked for. */
    | "missing"
    | "older"
    /** The indexer cannot have it. */
    | "not-possible";
  /** Why it was left alone. */
  readonly because?: "newer" | "foreign";
  /** One line. */
  readonly message: string;
}

type Transport = Pick<Client, "transport">;

/** Installs what is missing, upgrades what is older, leaves alone what is newer or somebody else's. */
export async function setup(client: Transport, options: SetupOptions = {}): Promise<SetupStep[]> {
  return steps(client, options, true);
}

/** The same without changing anything: what `setup` would find. */
export async function checkSetup(client: Transport, options: SetupOptions = {}): Promise<SetupStep[]> {
  return steps(client, options, false);
}

async function steps(client: Transport, options: SetupOptions, install: boolean): Promise<SetupStep[]> {
  const template = await templateStep(client, options, install);
  return options.retentionDays === undefined
    ? [template]
    : [template, await policyStep(client, options.retentionDays, install)];
}

const product = "threatlockdown-security-lake";

interface Installed {
  readonly version?: number;
  readonly _meta?: { readonly managed_by?: string; readonly digest?: string; readonly options?: TemplateOptions };
}

async function templateStep(client: Transport, options: SetupOptions, install: boolean): Promise<SetupStep> {
  const path = `/_index_template/${templateName}`;
  const subject = `index template ${templateName}`;
  const answer = await ask(client, "GET", path);
  const found = (answer as { index_templates?: { index_template: Installed }[] } | undefined)?.index_templates?.[0]
    ?.index_template;
  const { retentionDays: _, ...given } = options;
  const body = templateOf({ ...(found?._meta?.options ?? {}), ...given });

  if (found === undefined) {
    if (!install) return { subject, outcome: "missing", message: `Indexer: ${subject} is not installed; run setup` };
    await ask(client, "PUT", path, body);
    return { subject, outcome: "installed", message: `Indexer: ${subject} version ${templateVersion} installed` };
  }
  if (found._meta?.managed_by !== product) {
    return {
      subject,
      outcome: "left-alone",
      because: "foreign",
      message: `Indexer: ${subject} is not of this product and was left alone; delete or rename it, then run setup`,
    };
  }
  const version = found.version ?? 0;
  if (version > templateVersion) {
    return {
      subject,
      outcome: "left-alone",
      because: "newer",
      message: `Indexer: ${subject} version ${version} is newer than this program's ${templateVersion} and was left alone`,
    };
  }
  if (version === templateVersion && found._meta.digest === body._meta.digest) {
    return { subject, outcome: "current", message: `Indexer: ${subject} version ${version} is in place` };
  }
  const difference = version === templateVersion ? "with other settings" : `version ${version}`;
  if (!install) {
    return {
      subject,
      outcome: "older",
      message: `Indexer: ${subject} is installed ${difference}; run setup to upgrade it`,
    };
  }
  await ask(client, "PUT", path, body);
  return {
    subject,
    outcome: "upgraded",
    message: `Indexer: ${subject} ${difference} replaced by version ${templateVersion}; it holds for indices made from now on`,
  };
}

function templateOf(options: TemplateOptions): object & { readonly _meta: NonNullable<Installed["_meta"]> } {
  const template = indexTemplate(options);
  const digest = createHash("sha256").update(JSON.stringify(template)).digest("hex").slice(0, 16);
  return { ...template, _meta: { managed_by: product, digest, options } };
}

/** Index State Management; its policies have no `_meta`, so the description says whose they are. */
async function policyStep(client: Transport, days: number, install: boolean): Promise<SetupStep> {
  const path = `/_plugins/_ism/policies/${templateName}`;
  const subject = `retention policy ${templateName}`;
  const description = `${product}: indices are deleted after ${days} days`;
  let found: PolicyAnswer | undefined;
  try {
    found = (await ask(client, "GET", path)) as PolicyAnswer | undefined;
  } catch (error) {
    if (!(error instanceof IndexerError) || error.code !== "INDEXER_SETUP") throw error;
    return {
      subject,
      outcome: "not-possible",
      message: `Indexer: ${subject} needs the plugin index-management, which is not installed; delete old indices by other means`,
    };
  }
  if (found === undefined) {
    if (!install) return { subject, outcome: "missing", message: `Indexer: ${subject} is not installed; run setup` };
    await ask(client, "PUT", path, policyOf(description, days));
    return { subject, outcome: "installed", message: `Indexer: ${subject} of ${days} days installed` };
  }
  if (found.policy.description === description) {
    return { subject, outcome: "current", message: `Indexer: ${subject} of ${days} days is in place` };
  }
  if (!found.policy.description.startsWith(product)) {
    return {
      subject,
      outcome: "left-alone",
      because: "foreign",
      message: `Indexer: ${subject} is not of this product and was left alone`,
    };
  }
  if (!install) return { subject, outcome: "older", message: `Indexer: ${subject} has another duration; run setup` };
  const place = `if_seq_no=${found._seq_no}&if_primary_term=${found._primary_term}`;
  await ask(client, "PUT", `${path}?${place}`, policyOf(description, days));
  return { subject, outcome: "upgraded", message: `Indexer: ${subject} changed to ${days} days` };
}

interface PolicyAnswer {
  readonly _seq_no: number;
  readonly _primary_term: number;
  readonly policy: { readonly description: string };
}

function policyOf(description: string, days: number): object {
  return {
    policy: {
      description,
      default_state: "kept",
      states: [
        {
          name: "kept",
          actions: [],
          transitions: [{ state_name: "deleted", conditions: { min_index_age: `${days}d` } }],
        },
        { name: "deleted", actions: [{ delete: {} }], transitions: [] },
      ],
      ism_template: [{ index_patterns: [indexPattern], priority: 500 }],
    },
  };
}

/** How often one request is sent, and for how long: some nodes may be away, an indexer that just starts says 503. */
const tries = 7;
const patience = { request: 15_000, all: 60_000 };

/** The answer's body; undefined for 404. Each request may be repeated: it looks, or puts what it put before. */
async function ask(client: Transport, method: string, path: string, body?: object): Promise<unknown> {
  const [bare = "", querystring = ""] = path.split("?");
  const started = performance.now();
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await client.transport.request(
        { method, path: bare, querystring, ...(body && { body }) },
        { maxRetries: 0, requestTimeout: patience.request },
      );
      return answer.body;
    } catch (error) {
      const failure = failureOf(error);
      if (failure.status === 404 && method === "GET") return undefined;
      const isLast = attempt === tries || performance.now() - started > patience.all;
      if (isLast || !passes(failure)) throw setupError(`${method} ${bare}`, failure, error);
      await pause(backoff(attempt));
    }
  }
}

function setupError(request: string, failure: RequestFailure, cause: unknown): IndexerError {
  const { status } = failure;
  const codes = { denied: "INDEXER_DENIED", untrusted: "INDEXER_UNTRUSTED" } as const;
  const verdict = judgeRequest(failure);
  const code = verdict === "denied" || verdict === "untrusted" ? codes[verdict] : "INDEXER_SETUP";
  const message = code === "INDEXER_UNTRUSTED" ? untrustedMessage(failure) : setupMessage(request, failure);
  return new IndexerError(code, message, { status, cause });
}

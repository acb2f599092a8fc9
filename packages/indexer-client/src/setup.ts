import { createHash } from "node:crypto";
import { ask, type Transport } from "./ask.ts";
import { IndexerError } from "./errors.ts";
import { indexPattern, indexTemplate, type TemplateOptions, templateName, templateVersion } from "./template.ts";

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

/** Installs what is missing, upgrades what is older, leaves alone what is newer or somebody else's. */
export async function setup(client: Transport, options: SetupOptions = {}): Promise<SetupStep[]> {
  return steps(client, options, true);
}

/** The same without changing anything: what `setup` would find. */
export async function checkSetup(client: Transport, options: SetupOptions = {}): Promise<SetupStep[]> {
  return steps(client, options, false);
}

async function steps(client: Transport, options: SetupOptions, install: boolean): Promise<SetupStep[]> {
  const found = await installedTemplate(client);
  const kept = isOurs(found) ? found?._meta?.options : undefined;
  const wanted = { ...kept, ...options };
  const template = await templateStep(client, found, wanted, install);
  return wanted.retentionDays === undefined
    ? [template]
    : [template, await policyStep(client, wanted.retentionDays, install)];
}

const product = "threatlockdown-security-lake";
const templatePath = `/_index_template/${templateName}`;

interface Installed {
  readonly version?: number;
  readonly _meta?: { readonly managed_by?: string; readonly digest?: string; readonly options?: SetupOptions };
}

async function installedTemplate(client: Transport): Promise<Installed | undefined> {
  const answer = await ask(client, "GET", templatePath);
  return (answer as { index_templates?: { index_template: Installed }[] } | undefined)?.index_templates?.[0]
    ?.index_template;
}

function isOurs(found: Installed | undefined): boolean {
  return found?._meta?.managed_by === product;
}

async function templateStep(
  client: Transport,
  found: Installed | undefined,
  options: SetupOptions,
  install: boolean,
): Promise<SetupStep> {
  const subject = `index template ${templateName}`;
  const body = templateOf(options);

  if (found === undefined) {
    if (!install) return { subject, outcome: "missing", message: `Indexer: ${subject} is not installed; run setup` };
    await ask(client, "PUT", templatePath, body);
    return { subject, outcome: "installed", message: `Indexer: ${subject} version ${templateVersion} installed` };
  }
  if (!isOurs(found)) {
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
  if (version === templateVersion && found._meta?.digest === body._meta.digest) {
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
  await ask(client, "PUT", templatePath, body);
  return {
    subject,
    outcome: "upgraded",
    message: `Indexer: ${subject} ${difference} replaced by version ${templateVersion}; it holds for indices made from now on`,
  };
}

/** The options, the retention too, are kept in it: the next setup, and whoever looks, need not be told of them. */
function templateOf(options: SetupOptions): object & { readonly _meta: NonNullable<Installed["_meta"]> } {
  const { retentionDays, ...about } = options;
  const template = indexTemplate(about);
  const content = [template, ...(retentionDays === undefined ? [] : [retentionDays])];
  const digest = createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 16);
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
    if (!(error instanceof IndexerError)) throw error;
    // No handler for the address: 400 of OpenSearch, 405 of others.
    if (error.code === "INDEXER_SETUP" && (error.status === 400 || error.status === 405)) {
      return {
        subject,
        outcome: "not-possible",
        message: `Indexer: ${subject} needs the plugin index-management, which is not installed; delete old indices by other means`,
      };
    }
    if (install) throw error;
    return { subject, outcome: "not-possible", message: `${error.message}; whether it is in place is not known` };
  }
  if (found === undefined) {
    if (!install) return { subject, outcome: "missing", message: `Indexer: ${subject} is not installed; run setup` };
    await ask(client, "PUT", path, policyOf(description, days));
    return { subject, outcome: "installed", message: `Indexer: ${subject} of ${days} days installed` };
  }
  const known = found.policy?.description ?? "";
  if (known === description) {
    return { subject, outcome: "current", message: `Indexer: ${subject} of ${days} days is in place` };
  }
  if (!known.startsWith(product)) {
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
  readonly policy?: { readonly description?: string };
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

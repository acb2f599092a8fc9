import { createHash } from "node:crypto";
import { ask, type Transport } from "./ask.ts";
import { IndexerError } from "./errors.ts";
import {
  indexPattern,
  indexTemplate,
  levels,
  type TemplateOptions,
  templateName,
  templatePriority,
  templateVersion,
} from "./template.ts";

/** What is not given stays as it was installed. */
export interface SetupOptions extends TemplateOptions {
  /**
   * Days after which an index is deleted, where the indexer has the plugin for it. Default: never, which also makes the
   * template forget the days of an earlier setup.
   */
  readonly retentionDays?: number | "never";
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
  /** Why it was left alone; `overrides`: it is another template, which takes the place of ours. */
  readonly because?: "newer" | "foreign" | "overrides";
  /** The template that takes the place of ours. */
  readonly overriding?: { readonly name: string; readonly priority: number };
  /** One line. */
  readonly message: string;
}

/**
 * Installs what is missing, upgrades what is older, leaves alone what is newer or somebody else's.
 * @throws IndexerError
 * @throws RangeError for an option that no indexer takes
 */
export async function setup(client: Transport, options: SetupOptions = {}): Promise<SetupStep[]> {
  return steps(client, options, true);
}

/** The same without changing anything: what `setup` would find. @throws IndexerError */
export async function checkSetup(client: Transport, options: SetupOptions = {}): Promise<SetupStep[]> {
  return steps(client, options, false);
}

async function steps(client: Transport, options: SetupOptions, install: boolean): Promise<SetupStep[]> {
  checkOptions(options);
  const listed = await listedTemplates(client);
  const found = listed.find(({ name }) => name === templateName)?.index_template;
  const kept = isOurs(found) ? found?._meta?.options : undefined;
  const { retentionDays, ...about } = { ...kept, ...options };
  const days = retentionDays === "never" ? undefined : retentionDays;
  const wanted = { ...about, ...(days !== undefined && { retentionDays: days }) };
  return [
    await templateStep(client, found, wanted, install),
    ...overridingSteps(listed),
    ...(days === undefined ? [] : [await policyStep(client, days, install)]),
    ...(options.retentionDays === "never" ? await endedPolicySteps(client) : []),
  ];
}

function checkOptions({ level, shards, retentionDays }: SetupOptions): void {
  const isCount = (value: unknown) => value === undefined || (Number.isInteger(value) && (value as number) > 0);
  if (level !== undefined && !levels.includes(level)) {
    throw new RangeError(`level is ${level}; it is one of ${levels.join(", ")}`);
  }
  if (!isCount(shards)) throw new RangeError(`shards is ${shards}; it is a whole number from 1 on`);
  if (retentionDays !== "never" && !isCount(retentionDays)) {
    throw new RangeError(`retentionDays is ${retentionDays}; it is a whole number of days from 1 on, or "never"`);
  }
}

const product = "threatlockdown-security-lake";
const templatePath = `/_index_template/${templateName}`;
const policyPath = `/_plugins/_ism/policies/${templateName}`;
const policySubject = `retention policy ${templateName}`;

type InstalledOptions = TemplateOptions & { readonly retentionDays?: number };

/** An index template, as the indexer lists it. */
interface Listed {
  readonly name: string;
  readonly index_template: Installed;
}

interface Installed {
  readonly index_patterns?: readonly string[];
  readonly priority?: number;
  readonly version?: number;
  readonly _meta?: { readonly managed_by?: string; readonly digest?: string; readonly options?: InstalledOptions };
}

/** All of them, since another one may take the place of ours. */
async function listedTemplates(client: Transport): Promise<readonly Listed[]> {
  const answer = await ask(client, "GET", "/_index_template");
  return (answer as { index_templates?: readonly Listed[] } | undefined)?.index_templates ?? [];
}

function isOurs(found: Installed | undefined): boolean {
  return found?._meta?.managed_by === product;
}

/** The template that takes the place of ours, whole: for the same indices, with a higher priority. */
function overridingSteps(listed: readonly Listed[]): SetupStep[] {
  const ofDays = listed.filter(({ index_template: { index_patterns = [] } }) => index_patterns.some(coversDays));
  const [first] = ofDays
    .map(({ name, index_template: { priority = 0 } }) => ({ name, priority }))
    .toSorted((a, b) => b.priority - a.priority);
  if (first === undefined || first.priority <= templatePriority) return [];
  const { name, priority } = first;
  const message = `Indexer: index template ${name} of priority ${priority} takes the place of ${templateName} for the indices of Security Lake; give it other patterns or a priority below ${templatePriority}, or delete it`;
  return [
    { subject: `index template ${name}`, outcome: "left-alone", because: "overrides", overriding: first, message },
  ];
}

function coversDays(pattern: string): boolean {
  const expression = new RegExp(`^${pattern.split("*").map(RegExp.escape).join(".*")}$`);
  return expression.test(indexPattern.replace("*", "2026.01.01"));
}

async function templateStep(
  client: Transport,
  found: Installed | undefined,
  options: InstalledOptions,
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
function templateOf(options: InstalledOptions): object & { readonly _meta: NonNullable<Installed["_meta"]> } {
  const { retentionDays, ...about } = options;
  const template = indexTemplate(about);
  const content = [template, ...(retentionDays === undefined ? [] : [retentionDays])];
  const digest = createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 16);
  return { ...template, _meta: { managed_by: product, digest, options } };
}

/** Indices keep the policy that they were given; only who manages the indexer knows whether some of them should. */
async function endedPolicySteps(client: Transport): Promise<SetupStep[]> {
  const found = await ask(client, "GET", policyPath).catch(() => undefined);
  if (!descriptionOf(found).startsWith(product)) return [];
  const end = `DELETE ${policyPath}, and POST /_plugins/_ism/remove/${indexPattern} for the indices that have it already`;
  return [
    {
      subject: policySubject,
      outcome: "left-alone",
      message: `Indexer: ${policySubject} is no longer asked for, and still there; to end it: ${end}`,
    },
  ];
}

function descriptionOf(answer: unknown): string {
  return (answer as PolicyAnswer | undefined)?.policy?.description ?? "";
}

/** Index State Management; its policies have no `_meta`, so the description says whose they are. */
async function policyStep(client: Transport, days: number, install: boolean): Promise<SetupStep> {
  const subject = policySubject;
  const description = `${product}: indices are deleted after ${days} days`;
  let found: PolicyAnswer | undefined;
  try {
    found = (await ask(client, "GET", policyPath)) as PolicyAnswer | undefined;
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
    await ask(client, "PUT", policyPath, policyOf(description, days));
    return { subject, outcome: "installed", message: `Indexer: ${subject} of ${days} days installed` };
  }
  const known = descriptionOf(found);
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
  await ask(client, "PUT", `${policyPath}?${place}`, policyOf(description, days));
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

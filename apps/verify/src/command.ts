import type { Document } from "./policy.ts";

/** A command that changes something: its words, and options by name. It is written for a person, and never run. */
export interface Command {
  readonly words: readonly string[];
  /** What is no text is written as JSON; true: an option without a value. */
  readonly options?: Readonly<Record<string, string | number | true | object>>;
  /** The option that holds a whole policy, and the policy that it takes the place of. */
  readonly replaces?: { readonly option: string; readonly policy: Document | undefined };
  /** The only case in which it is right, which a person knows, as it follows "Only where ": nothing printed runs it. */
  readonly where?: string;
}

export function awsCommand(
  words: readonly [service: string, operation: string],
  options: NonNullable<Command["options"]>,
  replaces?: Command["replaces"],
): Command {
  return { words: ["aws", ...words], options, ...(replaces !== undefined && { replaces }) };
}

/** Whether it does something else in another Region; whoever runs it may have another one than the lake's by default. */
export function isRegional({ words: [program, service] }: Command): boolean {
  return program === "aws" && service !== "iam";
}

export function inRegion(command: Command, region: string): Command {
  return isRegional(command) ? { ...command, options: { ...command.options, region } } : command;
}

/** As it is pasted into a shell. */
export function written({ words, options = {} }: Command): string {
  const parts = Object.entries(options).map(([name, value]) => {
    if (value === true) return `--${name}`;
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    return `--${name} ${quote(text)}`;
  });
  return [...words.map(quote), ...parts].join(" ");
}

/** As it stands in reports and plans: one that is right in one case only is a comment, which says the case. */
export function shown(command: Command): string {
  const { where } = command;
  return where === undefined
    ? written(command)
    : `# Only where ${where}: ${written(command)}`.replaceAll(/[\n\r\u2028\u2029]/g, " ");
}

/** As a shell takes it for one word. */
export function quote(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** One command for those that change one and the same policy, and for those that say the same; in the place of the first. */
export function merged(commands: readonly Command[]): Command[] {
  const kept = new Map<string, Command>();
  for (const command of commands) {
    const key = written(withoutPolicy(command));
    const before = kept.get(key);
    kept.set(key, before === undefined ? command : both(before, command));
  }
  return [...kept.values()];
}

function withoutPolicy(command: Command): Command {
  const { replaces, options = {} } = command;
  if (replaces === undefined) return command;
  const { [replaces.option]: _, ...others } = options;
  return { ...command, options: others };
}

/** Statements that either keeps of what was there, but none that one of them takes away; and those that either adds. */
function both(first: Command, second: Command): Command {
  const { replaces, options = {} } = first;
  // What is right in one case and in all is right in all; two policies in one are right where both are.
  if (replaces === undefined) return first.where === undefined ? first : second;
  const where = first.where ?? second.where;
  const { option, policy } = replaces;
  const [one, other] = [options[option], second.options?.[option]] as [Document, Document];
  const known = textsOf(policy);
  const [ours, theirs] = [textsOf(one), textsOf(other)];
  const kept = one.Statement.filter((statement) => {
    const text = JSON.stringify(statement);
    return !known.has(text) || theirs.has(text);
  });
  const added = other.Statement.filter((statement) => {
    const text = JSON.stringify(statement);
    return !known.has(text) && !ours.has(text);
  });
  const whole = { ...options, [option]: { ...one, Statement: [...kept, ...added] } };
  return { ...first, options: whole, ...(where !== undefined && { where }) };
}

const textsOf = (document: Document | undefined): ReadonlySet<string> =>
  new Set((document?.Statement ?? []).map((statement) => JSON.stringify(statement)));

interface Place {
  readonly hosts: readonly string[];
  readonly certificateAuthorities: readonly string[];
}

/** A request to the indexer, as an administrator of it types it: `--user admin` lets curl ask for the password. */
export function curl(
  { hosts: [host = ""], certificateAuthorities: [ca] }: Place,
  method: string,
  path: string,
  body?: object,
): Command {
  const secured = host.startsWith("https:");
  return {
    words: ["curl"],
    options: {
      ...(secured && ca !== undefined && { cacert: ca }),
      ...(secured && { user: "admin" }),
      request: method,
      url: `${host.replace(/\/$/, "")}${path}`,
      ...(body !== undefined && { header: "content-type: application/json", data: body }),
    },
  };
}

/** The subscriber's own set-up of the indexer. */
export function setupCommand(configuration: string): Command {
  return { words: ["security-lake-wodle", "setup"], options: { config: configuration } };
}

/** One run of the subscriber. */
export function onceCommand(configuration: string): Command {
  return { words: ["security-lake-wodle", "once"], options: { config: configuration } };
}

export type Severity = "error" | "warning" | "info";

/** Both count from 1; the column counts UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/**
 * Something that its reader should know of the file. With an `error` the settings are not to be used; a `warning` is
 * likely a mistake; an `info` says how something was understood. No issue holds the value of a secret.
 */
export interface Issue extends Position {
  readonly severity: Severity;
  /** What it is about, as it stands in the file: `<sqs_name>`. */
  readonly subject: string;
  readonly problem: string;
  /** What to do. */
  readonly fix: string;
  /** Where it is; absent where it is about the file as a whole. */
  readonly section?: Section;
}

/** A `<subscriber>`, else the section of the file: `<indexer>`, `<cluster>`, `<wodle>`. */
export interface Section {
  readonly name: string;
  /** Where it begins. */
  readonly line: number;
}

/** What is wrong with a value; where it stands is added by whoever knows. */
export type Problem = Pick<Issue, "severity" | "problem" | "fix">;

/** Elements whose content is never shown, not even as a part of a message. */
export const secretElements: ReadonlySet<string> = new Set([
  "external_id",
  "access_key",
  "secret_key",
  "key",
  "password",
  "username",
]);

/** One line: file, place, severity, subject, problem, fix. */
export function issueLine(issue: Issue, file = "ossec.conf"): string {
  const { line, column, severity, subject, problem, fix } = issue;
  return `${file}:${line}:${column}: ${severity}: ${subject} ${problem}. ${fix}.`;
}

/** A value as it may stand in a message: quoted, on one line, cut when long. */
export function quoted(text: string, limit = 80): string {
  const line = text.replaceAll(/\s+/g, " ");
  return `"${line.length > limit ? `${line.slice(0, limit)}…` : line}"`;
}

/** An element as a subject. */
export function tag(name: string): string {
  return `<${name.slice(0, 60).replaceAll(/\s/g, " ")}>`;
}

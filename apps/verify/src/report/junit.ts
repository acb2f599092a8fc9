import type { Result } from "../check.ts";
import { shown } from "../command.ts";
import type { Verdict } from "../verdict.ts";

/** The report for build servers. A warning passes and is told; what could not be checked is skipped. */
export function junitReport({ error }: Verdict, results: readonly Result[]): string {
  const count = (...states: readonly Result["state"][]) => results.filter(({ state }) => states.includes(state)).length;
  const cases = results.map((result) => {
    const { check, subject } = result;
    return `  <testcase classname="${escaped(subject)}" name="${escaped(`${check.id}: ${check.title}`)}">${inside(result)}</testcase>`;
  });
  if (error !== undefined) {
    const inside = `<error message="${escaped(error)}"/>`;
    cases.unshift(
      `  <testcase classname="security-lake-verify" name="run: The checks could be run">${inside}</testcase>`,
    );
  }
  const attributes = `name="security-lake-verify" tests="${cases.length}" failures="${count("failed")}" errors="${error === undefined ? 0 : 1}" skipped="${count("could not check", "not applicable")}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite ${attributes}>\n${cases.join("\n")}\n</testsuite>\n`;
}

function inside({ state, seen, fix, policy, paste, commands = [] }: Result): string {
  const details = [
    ...(fix === undefined ? [] : [`To do: ${fix}`]),
    ...(policy === undefined ? [] : [JSON.stringify(policy, null, 2)]),
    ...(paste === undefined ? [] : [paste]),
    ...commands.map(shown),
  ].join("\n");
  if (state === "failed") return `<failure message="${escaped(seen)}">${escaped(details)}</failure>`;
  if (state === "could not check" || state === "not applicable") return `<skipped message="${escaped(seen)}"/>`;
  return `<system-out>${escaped(`${state}: ${seen}${details === "" ? "" : `\n${details}`}`)}</system-out>`;
}

/** For text and attributes of XML and HTML; what XML cannot hold is left out. */
export function escaped(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

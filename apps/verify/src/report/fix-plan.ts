import type { Result } from "../check.ts";

/** All changes as commands, in their order. They are for a person to read and run; this program runs none. */
export function fixPlan(results: readonly Result[]): string {
  const wrong = results.filter(({ state, fix }) => (state === "failed" || state === "warning") && fix !== undefined);
  if (wrong.length === 0) return "# Nothing is to be changed.\n";
  const parts = wrong.map(({ check, seen, fix, commands = [] }) =>
    [...comment(`${check.id}: ${seen}`), ...comment(`${fix}.`), ...commands].join("\n"),
  );
  return `${parts.join("\n\n")}\n`;
}

function comment(text: string): string[] {
  return text.split("\n").map((line) => `# ${line}`);
}

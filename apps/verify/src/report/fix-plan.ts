import { noteOf, type Result } from "../check.ts";
import { merged, written } from "../command.ts";

/**
 * All changes as commands, in their order; those of one and the same policy as one, which stands where the first does.
 * They are for a person to read and run; this program runs none.
 */
export function fixPlan(results: readonly Result[]): string {
  const wrong = results.filter(({ state, fix }) => (state === "failed" || state === "warning") && fix !== undefined);
  if (wrong.length === 0) return "# Nothing is to be changed.\n";
  const plan = merged(wrong.flatMap(({ commands = [] }) => commands));
  // Each command stands with all that it is for, so that nobody wonders where the second went.
  const parts = plan.map((command) => ({
    command,
    reasons: wrong.filter(({ commands = [] }) => commands.some((one) => merged([command, one]).length === 1)),
  }));
  const told = new Set<Result>();
  const blocks = parts.map(({ command, reasons }) => {
    const fresh = reasons.filter((result) => !told.has(result));
    for (const result of fresh) told.add(result);
    const note = noteOf({ commands: [command] });
    return [...fresh.flatMap(reason), ...(note === undefined ? [] : comment(`${note}.`)), written(command)].join("\n");
  });
  const byHand = wrong.filter((result) => !told.has(result)).map((result) => reason(result).join("\n"));
  return `${[...blocks, ...byHand].join("\n\n")}\n`;
}

function reason({ check, seen, fix, paste }: Result): string[] {
  const text = paste === undefined ? [] : comment(paste.trimEnd());
  return [...comment(`${check.id}: ${seen}`), ...comment(`${fix}.`), ...text];
}

function comment(text: string): string[] {
  return text.split(/\r\n|[\n\r\u2028\u2029]/).map((line) => `# ${line}`);
}

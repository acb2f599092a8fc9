import { noteOf, type Result } from "../check.ts";
import { type Command, merged, shown } from "../command.ts";

/**
 * All changes as commands, in the order of the table of checks, in which causes come before their effects; those of one and
 * the same policy as one, which stands where the first does. They are for a person to read and run; this program runs none.
 */
export function fixPlan(results: readonly Result[], error?: string): string {
  const wrong = inOrder(results).filter(
    ({ state, fix }) => (state === "failed" || state === "warning") && fix !== undefined,
  );
  const head = error === undefined ? [] : [comment(`Could not run: ${error}`)];
  if (wrong.length + head.length === 0) return nothing(results);
  const left = new Set(merged(wrong.flatMap(({ commands = [] }) => commands)));
  const told = new Set<Result>();
  const blocks = wrong.flatMap((result) => {
    const own = [...left].filter((command) => changesTheSame(command, result));
    for (const command of own) left.delete(command);
    // Each command stands with all that it is for, so that nobody wonders where the second went.
    const plan = own.map((command) => {
      const fresh = wrong.filter((one) => !told.has(one) && changesTheSame(command, one));
      for (const one of fresh) told.add(one);
      return [...fresh.flatMap(reason), ...runnable(command)];
    });
    if (told.has(result)) return plan;
    told.add(result);
    return [...plan, reason(result)];
  });
  return `${[...head, ...blocks].map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/** Of what could not be checked nobody knows whether it is to be changed. */
function nothing(results: readonly Result[]): string {
  const open = results.filter(({ state }) => state === "could not check").map(({ check }) => check.id);
  const more = open.length === 0 ? "" : ` as far as is known; could not be checked: ${open.join(", ")}`;
  return `# Nothing is to be changed${more}.\n`;
}

/** Of several subscribers too: what is the manager's own is told with the first of them, and may need all the others. */
function inOrder(results: readonly Result[]): readonly Result[] {
  const places = new Map([...new Set(results.map(({ check }) => check.id))].map((id, place) => [id, place]));
  const placeOf = ({ check }: Result) => places.get(check.id) ?? 0;
  return results.toSorted((one, other) => placeOf(one) - placeOf(other));
}

function changesTheSame(command: Command, { commands = [] }: Result): boolean {
  return commands.some((one) => merged([command, one]).length === 1);
}

/** What still has a mark in it would be taken as it is: it is run only by someone who has read the line above it. */
function runnable(command: Command): string[] {
  const note = noteOf({ commands: [command] });
  const line = shown(command);
  if (command.words[0] === "security-lake-wodle") return [...comment(wodleNote), line];
  if (note === undefined) return [line];
  return [...comment(`${note}.`), ...(command.where === undefined ? comment(line) : [line])];
}

const wodleNote =
  "security-lake-wodle is node apps/wodle/dist/main.js after a build, and npx -y pnpm@12 wodle in the repository.";

/** A policy that no command holds stands here too, since the line before it speaks of it. */
function reason({ check, seen, fix, paste, policy, commands = [] }: Result): string[] {
  const loose = policy === undefined || commands.length > 0 ? [] : comment(JSON.stringify(policy));
  const text = [...(paste === undefined ? [] : comment(paste.trimEnd())), ...loose];
  return [...comment(`${check.id}: ${seen}`), ...comment(`${fix}.`), ...text];
}

function comment(text: string): string[] {
  return text.split(/\r\n|[\n\r\u2028\u2029]/).map((line) => `# ${line}`);
}

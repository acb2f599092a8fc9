import { parseArgs } from "node:util";
import type { Command, Values } from "./command.ts";
import { exitCode, Failure } from "./exit-code.ts";

interface Arguments {
  readonly values: Values;
  readonly positionals: readonly string[];
}

/** What `security-lake-wodle <name>` was given, by the command's options. @throws Failure about the first that is wrong */
export function readArguments(
  name: string,
  { options, operands }: Pick<Command, "options" | "operands">,
  args: readonly string[],
): Arguments {
  // Node's own check says neither which command it is about nor, on the one line that is kept, what to write instead.
  const read = { args: [...args], options, strict: false, allowPositionals: true, tokens: true } as const;
  const { values, positionals, tokens } = parseArgs(read);
  const help = `security-lake-wodle ${name} --help`;
  for (const token of tokens) {
    if (token.kind === "option") {
      const fault = faultOf(token, options[token.name]?.type);
      if (fault !== undefined) throw new Failure(exitCode.usage, `${fault} See ${help}.`);
    } else if (token.kind === "positional" && operands !== true) {
      throw new Failure(exitCode.usage, `"${token.value}" is no option: ${name} takes nothing else. See ${help}.`);
    }
  }
  return { values: values as Values, positionals };
}

interface Option {
  /** As it was written, without its value. */
  readonly rawName: string;
  readonly value?: string | undefined;
  /** Whether the value was written with `=`. */
  readonly inlineValue?: boolean | undefined;
}

function faultOf({ rawName, value, inlineValue }: Option, type: "string" | "boolean" | undefined): string | undefined {
  if (type === undefined) return `There is no option ${rawName}.`;
  if (type === "boolean") return value === undefined ? undefined : `${rawName} takes no value: write it alone.`;
  if (value === undefined || value === "") return `${rawName} has no value: write ${rawName} VALUE.`;
  // What was meant to follow may have been forgotten.
  if (inlineValue !== true && value.startsWith("-")) {
    return `${rawName} has no value before ${value.split("=")[0]}: write ${rawName} VALUE, or ${rawName}=VALUE where it begins with a dash.`;
  }
  return undefined;
}

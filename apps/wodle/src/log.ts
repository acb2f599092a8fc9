import { printable } from "./printable.ts";

export type Level = "debug" | "info" | "warning" | "error";

/** One line of text a call; no line holds a line break or another control character, whatever the text. */
export type Log = Readonly<Record<Level, (line: string) => void>>;

const ranks: Readonly<Record<Level, number>> = { debug: 0, info: 1, warning: 2, error: 3 };

/** Lines in the form of the stock module: `INFO: …`, `ERROR: …`, `DEBUG: …`. */
export function createLog(from: Level, write: (text: string) => void): Log {
  const at = (level: Level) => (line: string) => {
    if (ranks[level] < ranks[from]) return;
    write(`${level.toUpperCase()}: ${printable(line.replaceAll(/\s*[\r\n]+\s*/g, " "))}\n`);
  };
  return { debug: at("debug"), info: at("info"), warning: at("warning"), error: at("error") };
}

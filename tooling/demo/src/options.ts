import { parseArgs } from "node:util";

export const help = `The main job of ThreatLockDown Security Lake, on embedded parts: an AWS stand-in, a real OpenSearch and a lake with
objects of every source. Each is announced in the queue; the wodle runs once; then OpenSearch is asked what an analyst asks.

Usage: npx -y pnpm@12 demo [options]

  --objects N   objects of each source, 1 to 1000 (3)
  --rows N      events of each object, 1 to 100000 (300)
  --keep        leave everything running and print the addresses, until ctrl-C
  --help

OPENSEARCH_URL        use this server (https://user:password@host:9200) instead of starting one; what the demo writes there
                      is removed at the end
NODE_EXTRA_CA_CERTS   file with the authority of that server's certificate, where Node does not know it

The first run downloads OpenSearch, and Java where there is none. Results go to standard output, progress to standard error.
Exit code: 0 every event that was announced is found, 1 not so, or something failed, 2 wrong arguments, 130 interrupted.
`;

export interface Options {
  /** Objects of each source. */
  readonly objects: number;
  /** Events of each object. */
  readonly rows: number;
  readonly keep: boolean;
  /** A server to use instead of one of our own. */
  readonly server: URL | undefined;
}

/** What was asked for cannot be done; the message says what to write instead. */
export class UsageError extends Error {}

/** @throws UsageError */
export function readOptions(args: readonly string[], { OPENSEARCH_URL }: NodeJS.ProcessEnv): Options | "help" {
  const { objects, rows, keep, help } = parse(args);
  if (help) return "help";
  return {
    objects: wholeNumber("objects", objects, 1_000),
    rows: wholeNumber("rows", rows, 100_000),
    keep,
    server: serverOf(OPENSEARCH_URL),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        objects: { type: "string", default: "3" },
        rows: { type: "string", default: "300" },
        keep: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (cause) {
    const [told = ""] = (cause as Error).message.split("\n");
    const [, valueless] = /^Option '(--\w+).*argument (?:missing|is ambiguous)/.exec(told) ?? [];
    const problem = valueless === undefined ? told.replace(/\.$/, "") : `${valueless} has no value`;
    throw new UsageError(`${problem}: see demo --help`, { cause });
  }
}

function wholeNumber(name: string, text: string, most: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) >= 1 && Number(text) <= most) return Number(text);
  throw new UsageError(`--${name} ${text} is not a whole number from 1 to ${most}`);
}

/** The text is not shown: it may have a password in it. */
function serverOf(text: string | undefined): URL | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return new URL(text);
  throw new UsageError("OPENSEARCH_URL is no URL such as https://user:password@host:9200");
}

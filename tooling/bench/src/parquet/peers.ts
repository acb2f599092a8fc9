import { execFile } from "node:child_process";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { promisify } from "node:util";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { cpu } from "./cpu.ts";

/** Reads the file and writes it as NDJSON; gives the CPU milliseconds, or undefined where the peer is not installed. */
export type Peer = (path: string, target: string) => Promise<number | undefined>;

/** Peers that take a minute or more over all sources: measured in one round, and only when they are asked for. */
export const slowPeers: Readonly<Record<string, Peer>> = {
  hyparquet: (path, target) =>
    cpu(async () => {
      const file = await asyncBufferFromFile(path);
      writeRows(target, await parquetReadObjects({ file, compressors }));
    }),
  "parquet-wasm": async (path, target) => {
    const [wasm, arrow] = await Promise.all([installed("parquet-wasm"), installed("apache-arrow")]);
    if (wasm === undefined || arrow === undefined) return undefined;
    return cpu(async () => {
      const table = wasm.readParquet(new Uint8Array(readFileSync(path)));
      writeRows(target, arrow.tableFromIPC(table.intoIPCStream()) as Iterable<unknown>);
    });
  },
  pyarrow: async (path, target) => {
    try {
      const { stdout } = await promisify(execFile)("python3", ["-c", pyarrowScript, path, target]);
      return Number(stdout);
    } catch (error) {
      const { code, stderr } = error as { code?: unknown; stderr?: string };
      if (code === "ENOENT" || stderr?.includes("No module named 'pyarrow'")) return undefined;
      throw error;
    }
  },
};

/** Starting Python and loading pyarrow are not counted. */
const pyarrowScript = `
import json, resource, sys
import pyarrow.parquet as parquet
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
before = cpu()
with open(sys.argv[2], "w") as out:
    for batch in parquet.ParquetFile(sys.argv[1]).iter_batches(1024, use_threads=False):
        for row in batch.to_pylist():
            out.write(json.dumps(row, default=str))
            out.write("\\n")
print(1000 * (cpu() - before))
`;

// biome-ignore lint/suspicious/noExplicitAny: the package may be absent, and its types with it
async function installed(name: string): Promise<any> {
  try {
    return await import(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

function writeRows(target: string, rows: Iterable<unknown>): void {
  const out = openSync(target, "w");
  for (const row of rows) writeSync(out, `${JSON.stringify(row, plain)}\n`);
  closeSync(out);
}

/** Peers give BigInts, which JSON has not. */
export function plain(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}

import { spawn } from "node:child_process";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startWodle } from "@threatlockdown/tooling-lab";
import { makeObject, parquetFile } from "@threatlockdown/tooling-lake";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const object = makeObject({ source: "vpc_flow_2_0", rows: 3000, seed: 2, rowGroupRows: 1000 });
let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "threatlockdown-convert-"));
  file = join(folder, "flow.gz.parquet");
  await writeFile(file, object.bytes);
});
afterAll(() => rm(folder, { recursive: true }));

async function wodle(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const process = startWodle(args, {});
  const { code } = await process.ended;
  return { code, stdout: process.stdout(), stderr: process.stderr() };
}
const events = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
const plain = (list: Iterable<unknown>) => JSON.parse(JSON.stringify([...list]));

describe("convert", () => {
  it("writes every row as one line of JSON, without nulls", async () => {
    const { code, stdout, stderr } = await wodle("convert", file);
    expect([code, stderr]).toEqual([0, ""]);
    expect(events(stdout)).toEqual(plain(object.events("omit")));
  });

  it("keeps nulls, and takes only so many rows and columns as asked for", async () => {
    const { stdout } = await wodle("convert", file, "--nulls", "keep", "--limit", "1001");
    expect(events(stdout)).toEqual(plain(object.events("keep")).slice(0, 1001));
    const selected = await wodle("convert", file, "--select", "time,src_endpoint.ip", "--limit", "1");
    const [{ time, src_endpoint: source }] = plain(object.events("omit"));
    expect(events(selected.stdout)).toEqual([{ time, src_endpoint: { ip: source.ip } }]);
  });

  it("says which values and map entries are lost", async () => {
    const odd = join(import.meta.dirname, "../../../packages/parquet-reader/test/fixtures/odd");
    const { code, stderr } = await wodle("convert", join(odd, "year10000.parquet"));
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(
        /^WARNING: .*: 1 values of column x have no JSON form and are null, the first in row 0\.\n$/,
      ),
    ]);
  });

  it.each(["time.foo", "time,src_endpoint.ipp"])("refuses a column that is not there: %s", async (select) => {
    const { code, stdout, stderr } = await wodle("convert", file, "--select", select);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/the file has no column (time\.foo|src_endpoint\.ipp)/);
  });

  it.skipIf(process.platform !== "linux")("says in one line that its output cannot be written", async () => {
    const main = join(import.meta.dirname, "../src/main.ts");
    const full = await open("/dev/full", "w");
    const child = spawn(process.execPath, ["--conditions=@threatlockdown/source", main, "convert", file], {
      stdio: ["ignore", full.fd, "pipe"],
    });
    let stderr = "";
    child.stderr?.on("data", (text) => {
      stderr += text;
    });
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(1);
    await full.close();
    expect(stderr).toMatch(/^ERROR: standard output cannot be written: .*ENOSPC.*\n$/);
  });

  it("ends quietly when its reader goes away", async () => {
    const main = join(import.meta.dirname, "../src/main.ts");
    const child = spawn(process.execPath, ["--conditions=@threatlockdown/source", main, "convert", file]);
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    child.stdout.once("data", () => child.stdout.destroy());
    expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(0);
    expect(stderr).toBe("");
  });

  it("ends with 1 and one line for a file that it cannot read; the rows before the fault are written", async () => {
    const broken = join(folder, "broken.parquet");
    const bytes = Uint8Array.from(object.bytes);
    bytes.fill(0xff, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 500);
    await writeFile(broken, bytes);
    const { code, stdout, stderr } = await wodle("convert", broken);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^ERROR: .*broken\.parquet: .*\(column .*, row group 1, byte \d+\)\n$/);
    expect(events(stdout)).toEqual(plain(object.events("omit")).slice(0, events(stdout).length));
    expect(events(stdout).length).toBeGreaterThanOrEqual(1000);
    for (const [path, text] of [
      [join(folder, "none"), "cannot be read (ENOENT): there is no such file; correct the path."],
      [folder, "cannot be read (EISDIR): it is a folder; correct the path."],
    ] as const) {
      const run = await wodle("convert", path);
      expect([run.code, run.stderr]).toEqual([1, `ERROR: The Parquet file ${path} ${text}\n`]);
    }
    expect(await wodle("convert")).toMatchObject({
      code: 2,
      stderr: "ERROR: Give one Parquet FILE; none was given. See --help.\n",
    });
    const misspelt = await wodle("convert", file, "--select", "time,tiem");
    expect([misspelt.code, misspelt.stdout]).toEqual([2, ""]);
    expect(misspelt.stderr).toMatch(/^ERROR: --select: the file has no column tiem; inspect lists them\.\n$/);
  });
});

describe("inspect", () => {
  it("tells schema, row groups, encodings, codecs and sizes, as text and as JSON", async () => {
    const { stdout } = await wodle("inspect", file);
    expect(stdout).toMatch(/^3000 rows in 3 row groups; format version 1; created by parquet-mr/);
    expect(stdout).toMatch(/required int64 time;|optional int64 time;/);
    expect(stdout).toMatch(/Row group 2: 1000 rows/);
    expect(stdout).toMatch(/src_endpoint\.ip +BYTE_ARRAY +GZIP +PLAIN/);
    const json = JSON.parse((await wodle("inspect", file, "--json")).stdout);
    expect(json).toMatchObject({ rows: 3000, rowGroups: [{ rows: 1000 }, { rows: 1000 }, { rows: 1000 }] });
    expect(json.keyValues["parquet.avro.schema"]).toContain("network_activity");
  });

  it("lets no name in the file steer the terminal", async () => {
    const odd = join(folder, "odd.parquet");
    const name = "a\u001b[31m\u009b2J\u2028b";
    const field = { name, repetition: "optional", type: "INT64" } as const;
    await writeFile(odd, parquetFile({ name: "schema", repetition: "required", fields: [field] }, [{ [name]: 1 }]));
    const { code, stdout } = await wodle("inspect", odd);
    expect(code).toBe(0);
    expect(stdout).toContain("optional int64 a\ufffd[31m\ufffd2J\ufffdb;\n");
    expect(stdout).not.toMatch(/[\u001b\u009b\u2028]/);
  });
});

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLab, type Lab, startWodle } from "@threatlockdown/tooling-lab";
import { makeObject } from "@threatlockdown/tooling-lake";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type StoringIndexer, startStoringIndexer, type Trouble } from "./storing-indexer.ts";

describe("what the indexer refuses", () => {
  let lab: Lab;
  let indexer: StoringIndexer;
  /** Events whose row is even are refused as they are only, the others in each form. */
  let seen: Set<number>;
  beforeEach(async () => {
    seen = new Set();
    const trouble: Trouble = {
      request: () => undefined,
      document({ row }) {
        if (row % 2 === 0 && seen.has(row)) return undefined;
        seen.add(row);
        return [400, "mapper_parsing_exception"];
      },
    };
    indexer = await startStoringIndexer(trouble, () => {});
    lab = await createLab({ indexer });
  });
  afterEach(async () => {
    await lab.close();
    await indexer[Symbol.asyncDispose]();
  });
  async function wodle(...args: string[]) {
    const running = lab.wodle(args);
    const { code } = await running.ended;
    return { code, stdout: running.stdout(), stderr: running.stderr() };
  }

  it("is in the summary, as sent unindexed and as dead letters, of the subscriber that it is of", async () => {
    lab.put(makeObject({ source: "waf_2_0", rows: 5 }));
    const config = join(lab.folder, "ossec.conf");
    const twice = readFileSync(config, "utf8").replace(/<subscriber.*<\/subscriber>/s, "$&$&");
    writeFileSync(config, twice);
    const { code, stdout } = await wodle("once", "--json");
    const summaries = stdout.trimEnd().split("\n");
    expect([code, ...summaries.map((line) => JSON.parse(line))]).toMatchObject([
      0,
      { events: 5, stored: 3, deadLettered: 2, unindexed: 5 },
      { events: 0, unindexed: 0 },
    ]);
  });

  it("is sent again by the command that the WARNING names", async () => {
    lab.put(makeObject({ source: "waf_2_0", rows: 2 }));
    const state = join(lab.folder, "it's state");
    const { stderr } = await wodle("once", "--state", state);
    const [, command = ""] =
      /^WARNING: Queue .*: 1 event could not .*again by (security-lake-wodle .*)$/m.exec(stderr) ?? [];
    const words = execFileSync("sh", ["-c", `printf '%s\\n' ${command}`], { encoding: "utf8" })
      .trimEnd()
      .split("\n");
    const file = join(state, "dead-letter.ndjson");
    const config = join(lab.folder, "ossec.conf");
    expect(words.slice(1)).toEqual(["replay", "--dead-letter", file, "--config", config, "--state", state]);
    const replayed = await startWodle(words.slice(1), lab.environment).ended;
    expect(replayed.code).toBe(0);
  });

  it("is told of where it is a message that cannot be kept, with what to mend; the message stays", async () => {
    lab.send("no JSON");
    const state = join(lab.folder, "no-folder");
    writeFileSync(state, "");
    const { stderr } = await wodle("once", "--state", state);
    expect(stderr).toMatch(
      /^WARNING: Messages go back .*: one can never succeed \(.*is not JSON.*\), and could not be kept as a dead letter either: .*no-folder.*; make room for the dead letter file or correct its path$/m,
    );
    expect(stderr.match(/could not be kept/g)).toHaveLength(1);
    expect(lab.messages()).toBe(1);
  });

  it("ends the run with 12 where it cannot be kept either, and its message stays", async () => {
    lab.put(makeObject({ source: "waf_2_0", rows: 3 }));
    const state = join(lab.folder, "no-folder");
    writeFileSync(state, "");
    const { code, stderr } = await wodle("once", "--state", state);
    expect([code, lab.messages()]).toEqual([12, 1]);
    expect(stderr).toMatch(/^ERROR: .*could not be kept as a dead letter either: .*no-folder/m);

    const letters = join(lab.folder, "dead.ndjson");
    const source = JSON.stringify({ security_lake: { key: "k", row: 1 } });
    writeFileSync(letters, `${JSON.stringify({ kind: "document", index: "i", id: "a", document: source })}\n`);
    const replayed = await wodle("replay", "--dead-letter", letters, "--state", state);
    expect([replayed.code, replayed.stderr]).toEqual([12, expect.stringContaining("could not be kept")]);
  });
});

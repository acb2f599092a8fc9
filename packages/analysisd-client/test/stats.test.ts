import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { getStats } from "../src/index.ts";
import { framed, serveRequests, statsAnswer } from "./engine.ts";

let folder: string;
let path: string;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "analysisd-"));
  path = join(folder, "analysis");
});
afterEach(async () => {
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
  rmSync(folder, { recursive: true });
});

describe("getstats", () => {
  it("tells what became of the module's events and how full the queues are", async () => {
    const requests: string[] = [];
    server = await serveRequests(path, (request) => {
      requests.push(request);
      return framed(statsAnswer({ decoded: 120, dropped: 4 }, { others: 0.25, processed: 0.0001, alerts: 0 }));
    });
    expect(await getStats(path)).toEqual({
      decoded: 120,
      dropped: 4,
      queues: [
        { name: "others", size: 16_384, used: 4_096 },
        { name: "processed", size: 16_384, used: 2 },
        { name: "alerts", size: 16_384, used: 0 },
      ],
    });
    expect(requests).toEqual(['{"command":"getstats"}']);
  });

  it.each([
    ["an error", framed({ error: 3, message: "Unrecognized command" }), "error 3: Unrecognized command"],
    ["no JSON", framed("{"), "JSON"],
    ["an answer without the numbers", framed({ error: 0, data: { metrics: {} } }), "no decoded events"],
    [
      "an answer that breaks off",
      framed(statsAnswer({ decoded: 1, dropped: 0 })).subarray(0, 200),
      "broke off after 200 bytes",
    ],
    ["an answer without end", Buffer.from([255, 255, 255, 127, 1]), "an answer of 2147483647 bytes"],
  ])("refuses %s", async (_name, answer, why) => {
    server = await serveRequests(path, () => answer);
    await expect(getStats(path)).rejects.toMatchObject({
      code: "STATS_UNAVAILABLE",
      message: expect.stringContaining(why),
    });
  });

  it("names the path and the reason when nobody is there", async () => {
    await expect(getStats(path)).rejects.toMatchObject({
      code: "STATS_UNAVAILABLE",
      message: expect.stringMatching(new RegExp(`${path}.*ENOENT`)),
    });
  });
});

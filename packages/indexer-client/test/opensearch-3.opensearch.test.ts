import { type OpenSearch, startOpenSearch } from "@threatlockdown/tooling-opensearch";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeDocuments } from "./documents.ts";
import { describeReplay } from "./replays.ts";
import { describeWrites } from "./writes.ts";

let started: OpenSearch | undefined;
const server = {
  get url(): string {
    return started?.url ?? "";
  },
};
beforeAll(async () => {
  started = await startOpenSearch({ version: "3.4.0", quick: true });
});
afterAll(() => started?.stop());

it("is OpenSearch 3", async () => {
  expect(await started?.request("GET", "/")).toMatchObject({ version: { number: "3.4.0" } });
});
describeWrites(server);
describeDocuments(server);
describeReplay(server);

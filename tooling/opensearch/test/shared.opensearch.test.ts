import { expect, it } from "vitest";
import { useOpenSearch } from "../src/vitest/use-open-search.ts";

const server = useOpenSearch();

it("is shared by files that keep apart by their prefix", async () => {
  expect(server.prefix).toMatch(/^test-[0-9a-f]{10}-$/);
  await server.request("PUT", `/${server.prefix}events/_doc/1?refresh=true`, { a: 1 });
  expect(await server.request("GET", `/${server.prefix}*/_count`)).toMatchObject({ count: 1 });
});

import { defineConfig } from "vitest/config";

const source = { resolve: { conditions: ["@threatlockdown/source", "node"] } };
const onOpenSearch = "{packages,apps,tooling}/*/test/**/*.opensearch.test.ts";
const { SKIP_OPENSEARCH: skipOpenSearch } = process.env;

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Vitest leaves a core idle, which of two is half the machine.
    maxWorkers: "100%",
    projects: [
      {
        ssr: source,
        test: {
          name: "parts",
          include: ["{packages,apps,tooling}/*/test/**/*.test.ts", "tooling/*.test.ts"],
          exclude: [onOpenSearch, "**/node_modules/**"],
        },
      },
      {
        ssr: source,
        test: {
          name: "opensearch",
          include: [onOpenSearch],
          exclude: ["**/node_modules/**"],
          globalSetup: "tooling/opensearch/src/vitest/global-setup.ts",
          ...(skipOpenSearch === "1" && { runner: "./tooling/opensearch/src/vitest/skip-all.ts" }),
          testTimeout: 120_000,
          hookTimeout: 300_000,
          // One after the other, and after all else: servers and what loads them share few cores.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});

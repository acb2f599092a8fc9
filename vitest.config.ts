import { defineConfig } from "vitest/config";

const source = { resolve: { conditions: ["@threatlockdown/source", "node"] } };
const onOpenSearch = "{packages,apps,tooling}/*/test/**/*.opensearch.test.ts";

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        ssr: source,
        test: {
          name: "parts",
          include: ["{packages,apps,tooling}/*/test/**/*.test.ts", "tooling/*.test.ts"],
          exclude: [onOpenSearch],
        },
      },
    ],
  },
});

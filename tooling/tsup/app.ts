import type { Options } from "tsup";
import { packageOptions } from "./package.ts";

/** An app is one file that needs nothing but Node: all that it depends on is in it. */
export const appOptions: Options = {
  ...packageOptions,
  entry: ["src/main.ts"],
  target: "node24",
  noExternal: [/.*/],
  minify: true,
  splitting: false,
  // From the packages' sources, so that an app can be built before its packages are.
  esbuildOptions(options) {
    options.conditions = ["@threatlockdown/source", "module"];
  },
  sourcemap: false,
  // Parts of the AWS SDK and of opensearch-js are CommonJS and ask for Node's own modules by `require`.
  banner: {
    js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
  },
};

import type { Options } from "tsup";

/** How each published package is bundled: one ES module for Node 22 and later; declarations come from tsc (`tsconfig.build.json`). */
export const packageOptions: Options = {
  entry: ["src/index.ts"],
  format: "esm",
  target: "node22",
  platform: "node",
  clean: true,
  sourcemap: true,
  dts: false,
  silent: true,
};

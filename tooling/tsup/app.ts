import { isBuiltin } from "node:module";
import type { Options } from "tsup";
import { packageOptions } from "./package.ts";

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

/**
 * Node's own modules by `require` instead of `import`: an ES import of node:http reads each of its exports, WebSocket
 * among them, for which Node loads and runs its copy of undici. That costs a process 30 to 50 ms before its first line.
 * esbuild does much the same to what `require` gives, unless it has no properties of its own but inherits them.
 */
const builtinsByRequire: Plugin = {
  name: "builtins-by-require",
  setup(build) {
    build.onResolve({ filter: /^[a-z][a-z0-9_/:]*$/ }, ({ path, namespace }) => {
      if (!isBuiltin(path)) return undefined;
      return namespace === "builtin" ? { path, external: true } : { path, namespace: "builtin" };
    });
    build.onLoad({ filter: /./, namespace: "builtin" }, ({ path }) => ({
      contents: `const own = require(${JSON.stringify(path)});
module.exports = typeof own === "object" ? Object.create(own) : own;`,
    }));
  },
};

/** An app needs nothing but Node: all that it depends on is in it, and `main.js` starts it with what V8 has compiled before. */
export const appOptions: Options = {
  ...packageOptions,
  entry: { main: "../../tooling/tsup/launch.ts", app: "src/main.ts" },
  target: "node24",
  noExternal: [/.*/],
  minify: true,
  splitting: false,
  removeNodeProtocol: false,
  esbuildPlugins: [builtinsByRequire],
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

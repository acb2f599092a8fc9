#!/usr/bin/env -S node --max-semi-space-size=16
// A young generation that stays small: as fast as Node's default, with some 30 MB less; smaller ones cost a tenth more CPU.
import { enableCompileCache } from "node:module";
import { join } from "node:path";

const [major] = process.versions.node.split(".");
if (Number(major) < 26) {
  process.stderr.write(
    `ERROR: This program needs Node 26 or a later one, and was started by Node ${process.versions.node}.\n`,
  );
  process.exit(2);
}
// What V8 has compiled is kept beside the app, where only who may change the app can write, and used again by the next
// start. A folder that cannot be written costs only the time.
enableCompileCache(join(import.meta.dirname, ".compiled"));
await import(new URL("./app.js", import.meta.url).href);

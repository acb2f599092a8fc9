#!/usr/bin/env -S node --max-semi-space-size=4
// A small young generation: the same speed, and up to 50 MB less memory than with Node's default.
import { enableCompileCache } from "node:module";
import { join } from "node:path";

// What V8 has compiled is kept beside the app, where only who may change the app can write, and used again by the next
// start. A folder that cannot be written costs only the time.
enableCompileCache(join(import.meta.dirname, ".compiled"));
await import(new URL("./app.js", import.meta.url).href);

import { defineConfig } from "tsup";
import { packageOptions } from "../../tooling/tsup/package.ts";

export default defineConfig(packageOptions);

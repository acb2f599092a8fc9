import { useOpenSearch } from "@threatlockdown/tooling-opensearch/vitest";
import { describeWrites } from "./writes.ts";

describeWrites(useOpenSearch());

import { useOpenSearch } from "@threatlockdown/tooling-opensearch/vitest";
import { describeReplay } from "./replays.ts";

describeReplay(useOpenSearch());

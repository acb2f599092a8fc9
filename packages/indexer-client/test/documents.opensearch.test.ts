import { useOpenSearch } from "@threatlockdown/tooling-opensearch/vitest";
import { describeDocuments } from "./documents.ts";

describeDocuments(useOpenSearch());

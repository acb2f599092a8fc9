import { progressLine, startOpenSearch } from "@threatlockdown/tooling-opensearch";
import type { Report } from "./figure.ts";

/** The server that OPENSEARCH_URL names, else one of its own that ends with the benchmark. */
export async function openSearch(report: Report): Promise<{ readonly url: string } & AsyncDisposable> {
  const { OPENSEARCH_URL: url } = process.env;
  if (url !== undefined && url !== "") return { url, [Symbol.asyncDispose]: async () => {} };
  return await startOpenSearch({ heap: 1_024, onProgress: (progress) => report.remark(progressLine(progress)) });
}

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, inject } from "vitest";
import { type Request, requestTo } from "../request.ts";
import type {} from "./global-setup.ts";
import type { Shared } from "./meeting.ts";

/** The server that all test files of a run share. Its members work in hooks and tests, not while tests are collected. */
export interface SharedOpenSearch {
  readonly url: string;
  /** Begins the name of every index and template of this file, which are removed after its last test. */
  readonly prefix: string;
  readonly request: Request;
}

const startWithinMs = 600_000;

/**
 * Call it at the top of a `*.opensearch.test.ts` file or of a `describe`. The first file that does so starts the server;
 * with OPENSEARCH_URL set it is that one. Where there is none and none can be started, the tests fail with the reason.
 */
export function useOpenSearch(): SharedOpenSearch {
  const prefix = `test-${randomBytes(5).toString("hex")}-`;
  let found: string | undefined;
  const url = (): string => {
    if (found === undefined) throw new Error("The shared OpenSearch is there in hooks and tests only");
    return found;
  };
  const request = requestTo(url);
  beforeAll(async () => {
    const shared = (await (await fetch(inject("openSearchMeeting"))).json()) as Shared;
    if ("problem" in shared) throw new Error(shared.problem);
    found = shared.url;
  }, startWithinMs);
  afterAll(async () => {
    if (found === undefined) return;
    await request("DELETE", `/${prefix}*?expand_wildcards=all`);
    await request("DELETE", `/_index_template/${prefix}*`).catch(() => undefined);
  });
  return {
    get url() {
      return url();
    },
    prefix,
    request,
  };
}

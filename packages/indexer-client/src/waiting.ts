import { actionOf, type BulkBody } from "./bulk-body.ts";
import type { IndexerEvent } from "./events.ts";
import { waitingMessage } from "./messages.ts";
import type { RequestFailure } from "./verdict.ts";

/** `busy`, `unreachable`, `blocked` (everything), or `blocked` and an index. */
export type WaitingCause = "busy" | "unreachable" | "blocked" | `blocked ${string}`;

/** What keeps documents waiting: said once for each cause, until documents are stored again. */
export interface Waiting {
  say(cause: WaitingCause, failed: RequestFailure): void;
  /** These documents of a body are in the index. */
  stored(body: BulkBody, from: number, to: number): void;
}

export function createWaiting(on: (event: IndexerEvent) => void): Waiting {
  const said = new Set<WaitingCause>();
  return {
    say(cause, failed) {
      if (said.has(cause)) return;
      said.add(cause);
      on({ type: "waiting", cause, message: waitingMessage(cause, failed) });
    },
    stored(body, from, to) {
      for (let document = from; document < to && said.size > 0; document++) {
        const { index } = actionOf(body, document);
        for (const cause of ["busy", "unreachable", "blocked", `blocked ${index}`] as const) {
          if (said.delete(cause)) on({ type: "resumed", cause, message: "Indexer: documents are stored again" });
        }
      }
    },
  };
}

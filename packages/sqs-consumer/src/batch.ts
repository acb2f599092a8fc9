import type { BatchResultErrorEntry } from "@aws-sdk/client-sqs";

/** SQS takes ten entries a batch request at most. */
const mostPerBatch = 10;

/** Sends entries numbered by their place; answers with those that failed. */
type SendBatch<Entry> = (entries: readonly Entry[]) => Promise<readonly BatchResultErrorEntry[]>;

interface Waiting<Entry> {
  readonly entry: Entry;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Many single calls through few batch requests, clocked by the requests themselves: a full batch goes at once, a part of
 * one when no request is in flight. No entry ever waits for a timer. Each promise settles with the verdict on its own entry.
 */
export function batches<Entry>(send: SendBatch<Entry>): (entry: Entry) => Promise<void> {
  const waiting: Waiting<Entry>[] = [];
  let inFlight = 0;
  let scheduled = false;

  const dispatch = () => {
    scheduled = false;
    while (waiting.length >= mostPerBatch || (waiting.length > 0 && inFlight === 0)) {
      inFlight += 1;
      void request(waiting.splice(0, mostPerBatch)).finally(() => {
        inFlight -= 1;
        dispatch();
      });
    }
  };

  const request = async (batch: readonly Waiting<Entry>[]) => {
    try {
      const failed = await send(batch.map(({ entry }) => entry));
      for (const failure of failed) batch[Number(failure.Id)]?.reject(entryError(failure));
      for (const { resolve } of batch) resolve(); // of no effect on those already rejected
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };

  return (entry) =>
    new Promise((resolve, reject) => {
      waiting.push({ entry, resolve, reject });
      if (scheduled) return;
      scheduled = true;
      // What is settled in the same turn goes together.
      queueMicrotask(dispatch);
    });
}

function entryError(failure: BatchResultErrorEntry): Error {
  return Object.assign(new Error(failure.Message ?? failure.Code), {
    name: failure.Code ?? "InternalError",
    $fault: failure.SenderFault === true ? "client" : "server",
  });
}

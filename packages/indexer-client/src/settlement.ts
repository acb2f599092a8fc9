import { addDocument, type Batch } from "./batch.ts";
import { actionOf, BulkBodyBuilder, sourceOf } from "./bulk-body.ts";
import type { Concurrency } from "./concurrency.ts";
import { type DeadLetter, documentEntry } from "./dead-letter.ts";
import { IndexerError } from "./errors.ts";
import type { IndexerEvent } from "./events.ts";
import type { ItemsAnswer } from "./exchange.ts";
import type { Gathering, Share } from "./gathering.ts";
import { deadLetterMessage, deniedMessage, notKeptMessage, unindexedMessage } from "./messages.ts";
import type { OpenWrites, Write } from "./open-writes.ts";
import { withDataUnindexed } from "./unindexed.ts";
import { judgeItem, type Refusal } from "./verdict.ts";
import type { Waiting } from "./waiting.ts";

/** What is left to do of a batch. */
export interface Delivered {
  readonly again: Batch<Write>;
  /** How many documents found no room. */
  readonly refusedForRoom: number;
}

export const nothingAgain: Delivered = { again: [], refusedForRoom: 0 };

export interface Settlement {
  /** Does what the verdict on each document says. @throws IndexerError where nothing can be written any more */
  settle(batch: Batch<Write>, answer: ItemsAnswer): Delivered;
  /** Keeps a document in the dead letter; where that fails, its write rejects. */
  keep(share: Share<Write>, document: number, refusal: Refusal): Promise<void>;
}

export interface SettlementParts {
  readonly deadLetter: DeadLetter;
  readonly writes: OpenWrites;
  readonly gathering: Gathering<Write>;
  readonly concurrency: Concurrency;
  readonly waiting: Waiting;
  readonly on: (event: IndexerEvent) => void;
}

export function createSettlement(parts: SettlementParts): Settlement {
  const { deadLetter, writes, gathering, concurrency, waiting, on } = parts;

  function settle(batch: Batch<Write>, { items, answered }: ItemsAnswer): Delivered {
    if (items === "all stored") {
      concurrency.succeeded(answered);
      for (const { owner, body, from, to } of batch) {
        waiting.stored(body, from, to);
        writes.accept(owner, { stored: to - from, alreadyStored: 0, deadLettered: 0 });
      }
      return nothingAgain;
    }
    const again: Share<Write>[] = [];
    let refusedForRoom = 0;
    let allStored = true;
    let at = 0;
    for (const share of batch) {
      let stored = 0;
      let alreadyStored = 0;
      for (let document = share.from; document < share.to; document++) {
        const item = items[at++] as Refusal;
        const verdict = judgeItem(item, share.faults, share.original !== undefined);
        switch (verdict) {
          case "stored":
            stored++;
            waiting.stored(share.body, document, document + 1);
            break;
          case "already-stored":
            alreadyStored++;
            waiting.stored(share.body, document, document + 1);
            break;
          case "again":
            if (item.status === 429) refusedForRoom++;
            addDocument(again, share, document, 0);
            break;
          case "a-few-times":
            addDocument(again, share, document, 1);
            break;
          case "blocked":
            waiting.say(`blocked ${actionOf(share.body, document).index}`, item);
            addDocument(again, share, document, 0);
            break;
          case "unindexed": {
            const rewritten = unindexedOf(share, document, item);
            if (rewritten === undefined) void keep(share, document, item);
            else gathering.add(rewritten);
            break;
          }
          case "denied":
            throw new IndexerError("INDEXER_DENIED", deniedMessage(item), { status: item.status });
          default:
            void keep(share, document, item);
        }
      }
      allStored &&= stored === share.to - share.from;
      writes.accept(share.owner, { stored, alreadyStored, deadLettered: 0 });
    }
    if (refusedForRoom > 0) concurrency.overloaded();
    // Documents that were refused, or there already, are answered faster than those that are written.
    else if (allStored) concurrency.succeeded(answered);
    if (refusedForRoom === at) waiting.say("busy", items[0] as Refusal);
    return { again, refusedForRoom };
  }

  function unindexedOf(share: Share<Write>, document: number, refusal: Refusal): Share<Write> | undefined {
    const source = withDataUnindexed(sourceOf(share.body, document), refusal.reason);
    if (source === undefined) return undefined;
    const { index, id } = actionOf(share.body, document);
    const builder = new BulkBodyBuilder(source.length + 512);
    builder.begin(index, id);
    builder.append(source);
    builder.end();
    on({
      type: "unindexed",
      index,
      id,
      message: unindexedMessage(id, index, refusal.reason),
    });
    return {
      owner: share.owner,
      body: builder.take(),
      from: 0,
      to: 1,
      attempts: 0,
      faults: 0,
      original: { body: share.body, document },
    };
  }

  async function keep(share: Share<Write>, document: number, { status, reason }: Refusal): Promise<void> {
    const { index, id } = actionOf(share.body, document);
    const whole = share.original ?? { body: share.body, document };
    const source = sourceOf(whole.body, whole.document);
    try {
      await deadLetter.keep(documentEntry({ status, reason, index, id, source }));
    } catch (cause) {
      writes.reject(
        share.owner,
        new IndexerError("INDEXER_DEAD_LETTER", notKeptMessage(id, index, status, cause), { status, cause }),
      );
      return;
    }
    on({
      type: "dead-letter",
      index,
      id,
      message: deadLetterMessage(id, index, status, reason),
    });
    writes.accept(share.owner, { stored: 0, alreadyStored: 0, deadLettered: 1 });
  }

  return { settle, keep };
}

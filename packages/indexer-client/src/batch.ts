import { hasId } from "./bulk-body.ts";
import { byteLengthOf, type Share } from "./gathering.ts";

/** The documents of one request. */
export type Batch<Owner> = readonly Share<Owner>[];

export function documentsOf(batch: Batch<unknown>): number {
  return batch.reduce((sum, share) => sum + share.to - share.from, 0);
}

export function sizeOf(batch: Batch<unknown>): number {
  return batch.reduce((sum, share) => sum + byteLengthOf(share), 0);
}

/** Memory for requests, taken again and again: 5 MB anew for each would cost more than to fill them. */
export interface Memory {
  /** The batch's lines in one piece: its own bytes where it is of one share, else one copy of all. */
  assemble(batch: Batch<unknown>): Buffer;
  /** The indexer has read all of it: the next request may be written over it. */
  release(request: Buffer): void;
}

export function createMemory(): Memory {
  const spare: ArrayBufferLike[] = [];
  // Weak: a request that failed is never given back, and its memory goes with it.
  const lent = new WeakSet<ArrayBufferLike>();

  function take(size: number): ArrayBufferLike {
    const memory = spare.pop();
    if (memory !== undefined && memory.byteLength >= size) return memory;
    return new ArrayBuffer(Math.ceil(size / blockBytes) * blockBytes);
  }

  return {
    assemble(batch) {
      const parts = batch.map(({ body, from, to }) => body.bytes.subarray(body.offsets[from], body.offsets[to]));
      const [only] = parts;
      if (parts.length === 1 && only !== undefined) return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
      const size = sizeOf(batch);
      const memory = take(size);
      lent.add(memory);
      const request = Buffer.from(memory, 0, size);
      let at = 0;
      for (const part of parts) {
        request.set(part, at);
        at += part.length;
      }
      return request;
    },
    release({ buffer }) {
      if (lent.delete(buffer)) spare.push(buffer);
    },
  };
}

/** Requests are nearly, not quite, of one size. */
const blockBytes = 256 * 1024;

/** Whether these are the answers to these documents, one by one. */
export function isAbout(items: readonly { readonly id: string }[], batch: Batch<unknown>): boolean {
  let at = 0;
  for (const { body, from, to } of batch) {
    for (let document = from; document < to; document++) {
      if (!hasId(body, document, (items[at++] as { id: string }).id)) return false;
    }
  }
  return true;
}

/** Two batches of half the documents each; the second is empty when there is one document. */
export function halves<Owner>(batch: Batch<Owner>): [Batch<Owner>, Batch<Owner>] {
  let room = Math.ceil(documentsOf(batch) / 2);
  const first: Share<Owner>[] = [];
  const second: Share<Owner>[] = [];
  for (const share of batch) {
    const middle = Math.min(share.to, share.from + room);
    if (middle > share.from) first.push({ ...share, to: middle });
    if (middle < share.to) second.push({ ...share, from: middle });
    room -= middle - share.from;
  }
  return [first, second];
}

/** Adds one document to what goes again; neighbours stay one share. */
export function addDocument<Owner>(batch: Share<Owner>[], share: Share<Owner>, document: number, fault: 0 | 1): void {
  const again = {
    ...share,
    from: document,
    to: document + 1,
    attempts: share.attempts + 1,
    faults: share.faults + fault,
  };
  const last = batch.at(-1);
  const isNext = last?.body === again.body && last.to === document;
  if (isNext && last.attempts === again.attempts && last.faults === again.faults) {
    batch[batch.length - 1] = { ...last, to: again.to };
  } else batch.push(again);
}

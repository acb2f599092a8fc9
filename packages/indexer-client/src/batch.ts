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

/** The request's body: the share's own bytes where it is one, else one copy of all. */
export function assemble(batch: Batch<unknown>): Buffer {
  const parts = batch.map(({ body, from, to }) => body.bytes.subarray(body.offsets[from], body.offsets[to]));
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
  return Buffer.concat(parts);
}

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
export function addDocument<Owner>(batch: Share<Owner>[], share: Share<Owner>, document: number): void {
  const last = batch.at(-1);
  if (last?.body === share.body && last.to === document && last.attempts === share.attempts + 1) {
    batch[batch.length - 1] = { ...last, to: document + 1 };
  } else batch.push({ ...share, from: document, to: document + 1, attempts: share.attempts + 1 });
}

import type { BulkBody } from "./bulk-body.ts";

/** Some neighbouring documents of one body. */
export interface Share<Owner> {
  readonly owner: Owner;
  readonly body: BulkBody;
  /** First document, and the one after the last. */
  readonly from: number;
  readonly to: number;
  /** How often they were sent without a final verdict. */
  readonly attempts: number;
  /** How often of these with an error of the indexer's own: an outage that lasted long uses none of their tries up. */
  readonly faults: number;
  /** Where their data is unindexed already: the one document that this is another form of. */
  readonly original?: { readonly body: BulkBody; readonly document: number };
}

export interface Bounds {
  readonly bytes: number;
  readonly documents: number;
}

/** What waits to be sent, first come first served. */
export interface Gathering<Owner> {
  readonly documents: number;
  add(share: Share<Owner>): void;
  /** The next request: as many documents as the bounds allow, at least one. Empty when nothing waits. */
  take(bounds: Bounds): Share<Owner>[];
  clear(): void;
}

/** @param isGone whether an owner gave up; its documents are then passed over. */
export function createGathering<Owner>(isGone: (owner: Owner) => boolean): Gathering<Owner> {
  let shares: Share<Owner>[] = [];
  let head = 0;
  let documents = 0;

  function drop(): Share<Owner> {
    const share = shares[head++] as Share<Owner>;
    documents -= share.to - share.from;
    if (head > 64 && head * 2 > shares.length) {
      shares = shares.slice(head);
      head = 0;
    }
    return share;
  }

  return {
    get documents() {
      return documents;
    },
    add(share) {
      shares.push(share);
      documents += share.to - share.from;
    },
    take(bounds) {
      const taken: Share<Owner>[] = [];
      let bytes = 0;
      let count = 0;
      while (head < shares.length) {
        const share = shares[head] as Share<Owner>;
        if (isGone(share.owner)) {
          drop();
          continue;
        }
        const room = boundOf(bounds.bytes, share.attempts) - bytes;
        const fits = fitting(share, room, bounds.documents - count);
        const take = fits === 0 && count === 0 ? 1 : fits;
        if (take === 0) break;
        const to = share.from + take;
        bytes += byteLengthOf({ ...share, to });
        count += take;
        taken.push({ ...share, to });
        if (to < share.to) {
          shares[head] = { ...share, from: to };
          documents -= take;
          break;
        }
        drop();
      }
      return taken;
    },
    clear() {
      shares = [];
      head = 0;
      documents = 0;
    },
  };
}

/** No request is made smaller than this for what failed. */
const SMALLEST_BOUND = 256 * 1024;

/** What failed goes in smaller requests: one may have been cut off, or timed out, for its size. */
function boundOf(bytes: number, attempts: number): number {
  return Math.max(bytes / 2 ** attempts, Math.min(bytes, SMALLEST_BOUND));
}

export function byteLengthOf({ body, from, to }: Pick<Share<unknown>, "body" | "from" | "to">): number {
  return (body.offsets[to] as number) - (body.offsets[from] as number);
}

function fitting({ body, from, to }: Share<unknown>, bytes: number, documents: number): number {
  const start = body.offsets[from] as number;
  const last = Math.min(to, from + documents);
  if ((body.offsets[last] as number) - start <= bytes) return last - from;
  let low = from;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((body.offsets[middle] as number) - start <= bytes) low = middle;
    else high = middle;
  }
  return low - from;
}

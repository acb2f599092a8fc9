import type { ByteSource } from "@threatlockdown/parquet-reader";

/** Bytes that may be held before they are asked for, whoever holds them. */
export interface Allowance {
  /** Whether there is room for so many more. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export function allowanceOf(most: number): Allowance {
  let taken = 0;
  return {
    take(bytes) {
      if (taken + bytes > most) return false;
      taken += bytes;
      return true;
    },
    give(bytes) {
      taken -= bytes;
    },
  };
}

interface Early {
  readonly start: number;
  readonly end: number;
  readonly bytes: Promise<Uint8Array>;
}

/**
 * The source, which fetches what it is told to expect as far as the allowance has room: while rows are read and written,
 * the next ones are on their way. What it has fetched ahead and nobody asks for is given up when it is disposed of;
 * whoever does that also ends the source's own requests.
 */
export function readAhead(source: ByteSource, allowance: Allowance): ByteSource & Disposable {
  const early = new Map<number, Early>();
  const handOver = ({ start, end, bytes }: Early): void => {
    early.delete(start);
    const free = (): void => allowance.give(end - start);
    bytes.then(free, free);
  };
  return {
    byteLength: source.byteLength,
    expect(start, end) {
      if (early.has(start) || !allowance.take(end - start)) return;
      const bytes = Promise.resolve(source.slice(start, end));
      bytes.catch(() => {}); // It is told to whoever asks for these bytes.
      early.set(start, { start, end, bytes });
    },
    slice(start, end) {
      const fetched = early.get(start);
      if (fetched?.end !== end) return source.slice(start, end);
      handOver(fetched);
      return fetched.bytes;
    },
    [Symbol.dispose]() {
      for (const fetched of early.values()) handOver(fetched);
    },
  };
}

/** What became of the documents of one write; their sum is the count of the body. */
export interface Accepted {
  readonly stored: number;
  /** A document with the same id was there. */
  readonly alreadyStored: number;
  readonly deadLettered: number;
}

/** What `write` was called with once: its promise is settled with its own last document. */
export interface Write {
  stored: number;
  alreadyStored: number;
  deadLettered: number;
  pending: number;
  settled: boolean;
  resolve(accepted: Accepted): void;
  reject(reason: unknown): void;
}

export interface OpenWrites {
  /** @param documents how many it has, at least one */
  begin(documents: number): { readonly write: Write; readonly accepted: Promise<Accepted> };
  /** Some of its documents were accepted. */
  accept(write: Write, part: Accepted): void;
  reject(write: Write, reason: unknown): void;
  rejectAll(reason: unknown): void;
  /** Resolves when none is open. */
  whenNone(): Promise<void>;
}

export function createOpenWrites(): OpenWrites {
  const open = new Set<Write>();
  let nothingOpen = (): void => {};

  function close(write: Write): void {
    write.settled = true;
    open.delete(write);
    if (open.size === 0) nothingOpen();
  }

  function reject(write: Write, reason: unknown): void {
    close(write);
    write.reject(reason);
  }

  return {
    begin(documents) {
      const { promise: accepted, resolve, reject } = Promise.withResolvers<Accepted>();
      const counts = { stored: 0, alreadyStored: 0, deadLettered: 0, pending: documents };
      const write: Write = { ...counts, settled: false, resolve, reject };
      open.add(write);
      return { write, accepted };
    },
    accept(write, { stored, alreadyStored, deadLettered }) {
      write.stored += stored;
      write.alreadyStored += alreadyStored;
      write.deadLettered += deadLettered;
      write.pending -= stored + alreadyStored + deadLettered;
      if (write.pending > 0 || write.settled) return;
      close(write);
      write.resolve({
        stored: write.stored,
        alreadyStored: write.alreadyStored,
        deadLettered: write.deadLettered,
      });
    },
    reject,
    rejectAll(reason) {
      for (const write of [...open]) reject(write, reason);
    },
    whenNone() {
      return new Promise((resolve) => {
        nothingOpen = resolve;
        if (open.size === 0) resolve();
      });
    },
  };
}

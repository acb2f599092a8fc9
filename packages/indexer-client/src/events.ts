/** What a person may want to know; `message` is one line. */
export type IndexerEvent =
  /** A request was answered document by document. */
  | { readonly type: "answered"; readonly documents: number; readonly bytes: number; readonly milliseconds: number }
  /** Said once for each cause, until `resumed`: nothing is lost, writes stay open. */
  | { readonly type: "waiting"; readonly cause: string; readonly message: string }
  | { readonly type: "resumed"; readonly cause: string; readonly message: string }
  /** A document was refused for its mapping and goes again with its data unindexed. */
  | { readonly type: "unindexed"; readonly index: string; readonly id: string; readonly message: string }
  | { readonly type: "dead-letter"; readonly index: string; readonly id: string; readonly message: string }
  /** The indexer takes smaller requests than was thought. */
  | { readonly type: "smaller"; readonly maxBytes: number; readonly message: string };

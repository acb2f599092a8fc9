import type { RequestFailure } from "./verdict.ts";

export function waitingMessage(cause: string): string {
  if (cause === "busy") return "Indexer has no room at the moment; documents wait and are sent again";
  if (cause === "unreachable") return "Indexer does not answer as it should; documents wait and are sent again";
  const index = cause.slice("blocked ".length);
  return `Indexer takes no documents${index === "" ? "" : ` into ${index}`} until somebody ends its state (free disk space, lift the block, open the index, raise cluster.max_shards_per_node, give it what the reason misses); documents wait and are sent again`;
}

export function deniedMessage({ status, reason }: { readonly status?: number; readonly reason: string }): string {
  return status === 401
    ? `Indexer refuses user or password (401): ${reason}; correct the indexer's user and password`
    : `Indexer denies a permission (${status}): ${reason}; give the user the role that the README of indexer-client shows`;
}

export function untrustedMessage({ type, reason }: RequestFailure): string {
  return `Indexer's TLS cannot be trusted (${type}): ${reason}; correct the certificate, the authority or the host name`;
}

export function tooLargeReason(bytes: number): string {
  return `the document alone makes a request of ${bytes} bytes, more than the indexer or a proxy takes (413)`;
}

export function smallerMessage(refused: number, bytes: number): string {
  return `Indexer refuses requests of ${refused} bytes (413): they have ${bytes} bytes at the most from now on; http.max_content_length, or a proxy's limit, may be raised`;
}

export function unindexedMessage(id: string, index: string, reason: string): string {
  return `Document ${id} in ${index}: the mapping refuses it, so it is sent with its data unindexed: ${reason}`;
}

export function deadLetterMessage(id: string, index: string, status: number, reason: string): string {
  return `Document ${id} for ${index} went to the dead letter: ${status} ${reason}`;
}

export function notKeptMessage(id: string, index: string, status: number, cause: unknown): string {
  return `Document ${id} for ${index} was refused (${status}), and could not be kept as a dead letter either: ${cause instanceof Error ? cause.message : cause}; nothing is deleted, make room for the dead letter file or correct its path`;
}

/**
 * What becomes of a document, or of a whole request, by what the indexer answered. Tables: the first row that fits
 * decides. This is the one place where a document is judged accepted.
 */

export type ItemVerdict =
  /** It is in the index. */
  | "stored"
  /** A document with its id is in the index already. */
  | "already-stored"
  /** The indexer is busy or in pieces: again, for as long as it takes. */
  | "again"
  /** Index or cluster are in a state that a person has to end (disk full, closed, pipeline missing): said once, and again. */
  | "blocked"
  /** An error of the indexer's own that may pass: again a few times, then a dead letter. */
  | "a-few-times"
  /** The indexer's mapping refuses the document: once more with its data unindexed. */
  | "unindexed"
  /** User or permission are wrong: the writer stops. */
  | "denied"
  /** It will never be stored. */
  | "dead-letter";

export interface Refusal {
  readonly status: number;
  /** `error.type` of the answer, such as `mapper_parsing_exception`. */
  readonly type: string;
  readonly reason: string;
}

interface ItemRow {
  readonly status: (status: number) => boolean;
  readonly type?: RegExp;
  readonly reason?: RegExp;
  readonly verdict: ItemVerdict;
}

const is =
  (...statuses: readonly number[]) =>
  (status: number): boolean =>
    statuses.includes(status);
const any = (): boolean => true;
const busy = is(408, 429, 502, 503, 504);

/** What a document's fields can bring about. */
const aboutMapping =
  /^(mapper_parsing|document_parsing|x_content_parse|json_parse|parsing|strict_dynamic_mapping|illegal_argument)_exception$/;

/** `illegal_argument_exception` is said of everything; by its beginning, which no field's name can get into: not of fields. */
const indexIsAmiss =
  /^illegal_argument_exception: (pipeline with id \[|no write index |alias \[|explicit index |composable template |index template |template \[|unknown setting |unknown value for \[index\.|failed to parse value \[.*\] for setting )/i;

/** No index can ever have the name; one that an alias has now is another matter. */
const nameIsNone = /^(?!.*already exists as)/;

const itemRows: readonly ItemRow[] = [
  { status: is(200, 201), verdict: "stored" },
  { status: is(409), type: /^version_conflict_engine_exception$/, verdict: "already-stored" },
  { status: any, type: /^cluster_block_exception$/, verdict: "blocked" },
  { status: any, type: /^index_(not_found|closed)_exception$/, verdict: "blocked" },
  { status: is(401), verdict: "denied" },
  { status: is(403), type: /^security_exception$/, verdict: "denied" },
  { status: busy, verdict: "again" },
  { status: (status) => status >= 500, verdict: "a-few-times" },
  { status: is(400), reason: indexIsAmiss, verdict: "blocked" },
  { status: is(400), type: aboutMapping, verdict: "unindexed" },
  { status: is(400), type: /^invalid_index_name_exception$/, reason: nameIsNone, verdict: "dead-letter" },
  // No room for shards, no write index, a pipeline's own fault, an index that cannot be made: nothing that a document is.
  { status: is(400), verdict: "blocked" },
  { status: any, verdict: "dead-letter" },
];

/** How often "a-few-times" is; the better part of a minute with the writer's backoff. */
const FEW_TIMES = 12;

/**
 * @param faults how often the verdict on the document was "a-few-times" before
 * @param unindexed whether it was sent with its data unindexed already
 */
export function judgeItem({ status, type, reason }: Refusal, faults: number, unindexed: boolean): ItemVerdict {
  const row = itemRows.find(
    (candidate) =>
      candidate.status(status) && (candidate.type?.test(type) ?? true) && (candidate.reason?.test(reason) ?? true),
  ) as ItemRow;
  if (row.verdict === "unindexed" && unindexed) return "dead-letter";
  if (row.verdict === "a-few-times" && faults >= FEW_TIMES) return "dead-letter";
  return row.verdict;
}

export type RequestVerdict =
  /** Busy, away, or not understood: the same documents again, their ids make it harmless. */
  | "again"
  | "blocked"
  /** Too large, or one document in it spoils it: in halves, down to the one. */
  | "split"
  | "denied"
  | "untrusted";

/** A request that brought no list of items. */
export interface RequestFailure {
  /** Absent when no answer came. */
  readonly status?: number;
  /** `error.type` of an answer in the indexer's own form, or the code of a network or TLS error. */
  readonly type?: string;
  readonly reason: string;
  /** The address that was asked, where no answer came. */
  readonly node?: string;
  /** Who asked, by user and password. */
  readonly username?: string;
}

interface RequestRow {
  readonly status: (status: number | undefined) => boolean;
  readonly type?: RegExp;
  readonly verdict: RequestVerdict;
}

const answered =
  (...statuses: readonly number[]) =>
  (status: number | undefined): boolean =>
    status !== undefined && statuses.includes(status);

/** The codes that Node gives to what OpenSSL says of a certificate, and to a protocol that is not TLS. */
const tls =
  /^(CERT_|CRL_|DEPTH_ZERO_|EPROTO$|ERR_SSL_|ERR_TLS_|ERROR_IN_C|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_|SELF_SIGNED_|UNABLE_TO_)/;

/** What one document, such as one whose id is too long, does to its whole request. */
const aboutDocuments = /^(action_request_validation|x_content_parse|json_parse|parsing|parse)_exception$/;

const requestRows: readonly RequestRow[] = [
  { status: (status) => status === undefined, type: tls, verdict: "untrusted" },
  { status: (status) => status !== undefined, type: /^cluster_block_exception$/, verdict: "blocked" },
  { status: answered(401, 403), verdict: "denied" },
  { status: answered(413), verdict: "split" },
  // Only where the indexer itself says so: a proxy's 400 is about the connection, not about a document.
  { status: answered(400), type: aboutDocuments, verdict: "split" },
  { status: answered(400), type: /_exception$/, verdict: "blocked" },
  { status: () => true, verdict: "again" },
];

export function judgeRequest(failure: RequestFailure): RequestVerdict {
  const row = requestRows.find(
    (candidate) => candidate.status(failure.status) && (candidate.type?.test(failure.type ?? "") ?? true),
  ) as RequestRow;
  return row.verdict;
}

/** Whether the same request may be taken later without anybody's doing. */
export function passes({ status, type }: RequestFailure): boolean {
  return status === undefined ? !tls.test(type ?? "") : busy(status);
}

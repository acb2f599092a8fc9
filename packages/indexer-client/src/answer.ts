import type { errors, Serializer } from "@opensearch-project/opensearch";
import type { Batch } from "./batch.ts";
import { afterId } from "./bulk-body.ts";
import type { Refusal, RequestFailure } from "./verdict.ts";

/** What is asked of a `_bulk` answer; each item keeps its status, so that items and documents stay side by side. */
export const answerFilter =
  "filter_path=errors,items.*._id,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason";

const opening = '{"errors":';
const allStoredOpening = '{"errors":false,"items":[';
const itemOpening = '{"create":{"_id":"';
const itemStored = '","status":201}}';
const closing = "]}";

/** Leaves answers to `_bulk` as text: most of them say that all is stored, and nothing has to be made of that. */
export function bulkAnswersAsText(Base: typeof Serializer): typeof Serializer {
  return class extends Base {
    override deserialize(json: string): unknown {
      return json.startsWith(opening) ? json : super.deserialize(json);
    }
  };
}

/** Whether the answer says, in the indexer's own words, that each of these documents was stored now. */
export function saysAllStored(answer: unknown, batch: Batch<unknown>): boolean {
  if (typeof answer !== "string" || !answer.startsWith(allStoredOpening)) return false;
  let at = allStoredOpening.length;
  for (const { body, from, to } of batch) {
    for (let document = from; document < to; document++) {
      if (at > allStoredOpening.length && answer[at++] !== ",") return false;
      if (!answer.startsWith(itemOpening, at)) return false;
      at = afterId(body, document, answer, at + itemOpening.length);
      if (at < 0 || !answer.startsWith(itemStored, at)) return false;
      at += itemStored.length;
    }
  }
  return at === answer.length - closing.length && answer.endsWith(closing);
}

export interface AnsweredItem extends Refusal {
  readonly id: string;
}

/**
 * The items of a `_bulk` answer in the order of the request; undefined where the answer is anything else (cut off, of a
 * proxy, with items missing), which says nothing about the documents.
 */
export function itemsOf(answer: unknown, count: number): AnsweredItem[] | undefined {
  const items = (parsed(answer) as { items?: unknown } | null | undefined)?.items;
  if (!Array.isArray(items) || items.length !== count) return undefined;
  const read: AnsweredItem[] = [];
  for (const item of items) {
    const created = (item as { create?: RawItem } | null)?.create;
    if (typeof created?._id !== "string" || typeof created.status !== "number") return undefined;
    read.push({
      id: created._id,
      status: created.status,
      type: created.error?.type ?? "",
      reason: created.error === undefined ? "" : reasonOf(created.error),
    });
  }
  return read;
}

function parsed(answer: unknown): unknown {
  if (typeof answer !== "string") return answer;
  try {
    return JSON.parse(answer);
  } catch {
    return undefined;
  }
}

interface RawItem {
  readonly _id?: unknown;
  readonly status?: unknown;
  readonly error?: RawError;
}

interface RawError {
  readonly type?: string;
  readonly reason?: string;
  readonly caused_by?: { readonly reason?: string };
}

function reasonOf(error: RawError): string {
  const cause = error.caused_by?.reason;
  const said = [error.type, error.reason, cause === error.reason ? undefined : cause].filter(Boolean).join(": ");
  return said.replaceAll(/\s*[\r\n\u2028\u2029]\s*/g, " ");
}

/** What a request that threw says: status and reason of an answer, or why none came. */
export function failureOf(error: unknown): RequestFailure {
  if (error instanceof Error && error.name === "ResponseError") {
    const { statusCode, body } = (error as errors.ResponseError).meta as { statusCode: number; body: unknown };
    const { username } = error as { username?: string };
    const who = username === undefined ? {} : { username };
    const said = (body as { error?: RawError | string } | null)?.error;
    if (typeof said === "object" && said !== null) {
      const type = said.type === undefined ? {} : { type: said.type };
      return { status: statusCode, reason: reasonOf(said), ...type, ...who };
    }
    const text =
      typeof body === "string"
        ? body
        : ((body as { message?: string; Message?: string } | null)?.message ?? JSON.stringify(body));
    return { status: statusCode, reason: `${statusCode} ${text}`.trim().slice(0, 500), ...who };
  }
  const { message, code } = codedOf(error);
  const node = nodeOf(error);
  return { reason: message, ...(code !== undefined && { type: code }), ...(node !== undefined && { node }) };
}

/** Without what an address may hold beside scheme, host and port. */
function nodeOf(error: unknown): string | undefined {
  const { meta } = error as { meta?: { meta?: { connection?: { url?: URL } | null } } | null };
  return meta?.meta?.connection?.url?.origin;
}

/** The client wraps what the socket said; the code is on the innermost cause that has one. */
function codedOf(error: unknown): { message: string; code?: string } {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && typeof cause.code === "string") return { message: cause.message, code: cause.code };
  }
  return { message: error instanceof Error ? error.message : String(error) };
}

import { errors } from "@opensearch-project/opensearch";
import type { Refusal, RequestFailure } from "./verdict.ts";

/** What is asked of a `_bulk` answer; each item keeps its status, so that items and documents stay side by side. */
export const answerFilter =
  "filter_path=errors,items.*._id,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason";

export interface AnsweredItem extends Refusal {
  readonly id: string;
}

/**
 * The items of a `_bulk` answer in the order of the request; undefined where the answer is anything else (cut off, of a
 * proxy, with items missing), which says nothing about the documents.
 */
export function itemsOf(answer: unknown, count: number): AnsweredItem[] | undefined {
  const items = (answer as { items?: unknown } | null | undefined)?.items;
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
  return [error.type, error.reason, cause === error.reason ? undefined : cause].filter(Boolean).join(": ");
}

/** What a request that threw says: status and reason of an answer, or why none came. */
export function failureOf(error: unknown): RequestFailure {
  if (error instanceof errors.ResponseError) {
    const { statusCode, body } = error.meta as { statusCode: number; body: unknown };
    const said = (body as { error?: RawError | string } | null)?.error;
    if (typeof said === "object" && said !== null) {
      return { status: statusCode, reason: reasonOf(said), ...(said.type === undefined ? {} : { type: said.type }) };
    }
    const text =
      typeof body === "string"
        ? body
        : ((body as { message?: string; Message?: string } | null)?.message ?? JSON.stringify(body));
    return { status: statusCode, reason: `${statusCode} ${text}`.trim().slice(0, 500) };
  }
  const { message, code } = codedOf(error);
  return { reason: message, ...(code === undefined ? {} : { type: code }) };
}

/** The client wraps what the socket said; the code is on the innermost cause that has one. */
function codedOf(error: unknown): { message: string; code?: string } {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && typeof cause.code === "string") return { message: cause.message, code: cause.code };
  }
  return { message: error instanceof Error ? error.message : String(error) };
}

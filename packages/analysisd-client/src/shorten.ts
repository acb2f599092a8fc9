import { maxEventBytes } from "./datagram.ts";
import { AnalysisdError } from "./errors.ts";

export interface Shortened {
  readonly bytes: Uint8Array;
  /** Paths of what was cut, with dots; empty where the event fitted as it is. */
  readonly fields: readonly string[];
}

/** How much is kept: characters of each text, members of each list or object within the event, members of the event. */
interface Caps {
  readonly text: number;
  readonly members: number;
  readonly top: number;
}

/** In Node since 21, in TypeScript's library not yet. */
const exactJson = JSON as unknown as { rawJSON(text: string): object; isRawJSON(value: unknown): boolean };

const uncut: Caps = { text: Infinity, members: Infinity, top: Infinity };

/** Texts are not cut below this before lists are: a name or an address says something only when whole. */
const shortText = 128;

/** From the gentlest to the last resort: what is cut, and from how much on. */
const steps: readonly { readonly least: number; readonly caps: (kept: number) => Caps }[] = [
  { least: shortText, caps: (text) => ({ ...uncut, text }) },
  { least: 0, caps: (members) => ({ ...uncut, text: shortText, members }) },
  { least: 0, caps: (top) => ({ text: shortText, members: 0, top }) },
];

/**
 * An event of at most `limit` bytes. The longest texts are cut first and no more than needed; then the longest lists and
 * objects; then the event's last members. Each cut leaves a mark with the number of what is missing. Numbers stay as they
 * are written, whatever their size.
 *
 * @throws {AnalysisdError} `EVENT_UNREADABLE` for an event over the limit that is no JSON object
 */
export function shorten(event: Uint8Array, limit: number = maxEventBytes): Shortened {
  if (event.byteLength <= limit) return { bytes: event, fields: [] };
  const value = parse(event);
  const attempt = (caps: Caps, fields: string[] = []): Uint8Array =>
    encode(cutObject(value, caps, caps.top, undefined, fields));
  for (const { least, caps } of steps) {
    const fits = (kept: number): boolean => attempt(caps(kept)).byteLength <= limit;
    if (!fits(least)) continue;
    const fields: string[] = [];
    return { bytes: attempt(caps(largest(least, event.byteLength, fits)), fields), fields };
  }
  throw new AnalysisdError("EVENT_TOO_LARGE", `an event does not fit into ${limit} bytes, however short`);
}

/** The largest number that fits, of those from `least`, which does, to below `beyond`. */
function largest(least: number, beyond: number, fits: (kept: number) => boolean): number {
  let [low, high] = [least, Math.max(beyond, least + 1)];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function cut(value: unknown, caps: Caps, path: string, fields: string[]): unknown {
  if (typeof value === "string") return cutText(value, caps.text, path, fields);
  if (typeof value !== "object" || value === null || exactJson.isRawJSON(value)) return value;
  if (!Array.isArray(value)) return cutObject(value as object, caps, caps.members, path, fields);
  const kept = value.slice(0, caps.members).map((item, index) => cut(item, caps, `${path}.${index}`, fields));
  const missing = value.length - kept.length;
  if (missing === 0) return kept;
  fields.push(path);
  return [...kept, `…[${missing} more]`];
}

function cutObject(value: object, caps: Caps, members: number, path: string | undefined, fields: string[]): object {
  const entries = Object.entries(value);
  const kept = entries
    .slice(0, members)
    .map(([name, member]) => [name, cut(member, caps, path === undefined ? name : `${path}.${name}`, fields)]);
  const missing = entries.length - kept.length;
  if (missing === 0) return Object.fromEntries(kept);
  fields.push(path ?? "");
  return Object.fromEntries([...kept, ["…", `[${missing} more]`]]);
}

function cutText(value: string, limit: number, path: string, fields: string[]): string {
  if (value.length <= limit) return value;
  // Half of a surrogate pair is no character.
  const end = /[\uD800-\uDBFF]/.test(value.charAt(limit - 1)) ? limit - 1 : limit;
  fields.push(path);
  return `${value.slice(0, end)}…[${value.length - end} more]`;
}

function parse(event: Uint8Array): object {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(event), (_name, member: unknown, context?: { source?: string }) =>
      typeof member === "number" && context?.source !== undefined ? exactJson.rawJSON(context.source) : member,
    );
  } catch (cause) {
    throw unreadable(event, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value) && !exactJson.isRawJSON(value)) return value;
  throw unreadable(event);
}

function encode(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function unreadable(event: Uint8Array, options?: ErrorOptions): AnalysisdError {
  return new AnalysisdError("EVENT_UNREADABLE", `an event of ${event.byteLength} bytes is no JSON object`, options);
}

/**
 * The document of an event that the mapping refuses, in a form that every mapping takes: its `data` becomes the text of
 * `data_unindexed`, and `security_lake.rejected` says why. Everything else stays byte for byte, so that the event is
 * still seen and counted by rule, source and time. Done on bytes, since parsing would round large numbers.
 */
export function withDataUnindexed(source: Uint8Array, reason: string): Uint8Array | undefined {
  const members = membersOf(source);
  const data = members?.find((member) => member.name === "data");
  if (members === undefined || data === undefined) return undefined;
  const parts = members
    .filter((member) => member.name !== "security_lake" && member !== data && member.name !== "data_unindexed")
    .map((member) => source.subarray(member.start, member.end));
  parts.push(Buffer.from(`"data_unindexed":${JSON.stringify(decoder.decode(contentOf(source, data)))}`));
  const lake = members.find((member) => member.name === "security_lake");
  parts.push(lakeMember(lake === undefined ? undefined : contentOf(source, lake), reason));
  return Buffer.concat([open, ...parts.flatMap((part, i) => (i === 0 ? [part] : [comma, part])), close]);
}

const decoder = new TextDecoder();
const open = Buffer.from("{");
const comma = Buffer.from(",");
const close = Buffer.from("}");

/** A keyword longer than this would be refused itself. */
const LONGEST_REASON = 1_000;

function lakeMember(lake: Uint8Array | undefined, reason: string): Uint8Array {
  const rejected = `"rejected":${JSON.stringify(reason.slice(0, LONGEST_REASON))}`;
  const inner = lake === undefined ? undefined : membersOf(lake);
  const kept = (inner ?? [])
    .filter((member) => member.name !== "rejected")
    .map((member) => decoder.decode((lake as Uint8Array).subarray(member.start, member.end)));
  return Buffer.from(`"security_lake":{${[...kept, rejected].join(",")}}`);
}

interface Member {
  readonly name: string;
  /** Of the whole member, its name included. */
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

function contentOf(source: Uint8Array, member: Member): Uint8Array {
  return source.subarray(member.valueStart, member.end);
}

/** The members of the object that `source` is; undefined if it is not an object in one piece. */
function membersOf(source: Uint8Array): Member[] | undefined {
  let at = afterSpace(source, 0);
  if (source[at] !== OPEN_OBJECT) return undefined;
  const members: Member[] = [];
  at = afterSpace(source, at + 1);
  if (source[at] === CLOSE_OBJECT) return members;
  while (at < source.length) {
    const start = at;
    if (source[at] !== QUOTE) return undefined;
    const nameEnd = afterString(source, at);
    const colon = afterSpace(source, nameEnd);
    if (source[colon] !== COLON) return undefined;
    const valueStart = afterSpace(source, colon + 1);
    const end = afterValue(source, valueStart);
    if (end === undefined) return undefined;
    members.push({ name: nameOf(source.subarray(start, nameEnd)), start, valueStart, end });
    at = afterSpace(source, end);
    if (source[at] === CLOSE_OBJECT) return members;
    if (source[at] !== COMMA) return undefined;
    at = afterSpace(source, at + 1);
  }
  return undefined;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

function nameOf(quoted: Uint8Array): string {
  try {
    return JSON.parse(decoder.decode(quoted)) as string;
  } catch {
    return "";
  }
}

function afterSpace(source: Uint8Array, at: number): number {
  while (source[at] === 0x20 || source[at] === 0x09 || source[at] === 0x0a || source[at] === 0x0d) at++;
  return at;
}

function afterString(source: Uint8Array, at: number): number {
  for (at++; at < source.length && source[at] !== QUOTE; at++) if (source[at] === BACKSLASH) at++;
  return at + 1;
}

function afterValue(source: Uint8Array, at: number): number | undefined {
  let depth = 0;
  while (at < source.length) {
    const byte = source[at];
    if (byte === QUOTE) {
      at = afterString(source, at);
      if (depth === 0) return at <= source.length ? at : undefined;
      continue;
    }
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      // At depth 0 the bracket is the parent's: a number or a word ended before it.
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && byte === COMMA) return at;
    at++;
  }
  return undefined;
}

import { externalIdMark, type Result } from "../check.ts";

/** The same with each text changed. */
export function mapTexts<T>(value: T, change: (text: string) => string): T {
  if (typeof value === "string") return change(value) as T;
  if (Array.isArray(value)) return value.map((one) => mapTexts(one, change)) as T;
  if (typeof value !== "object" || value === null || value instanceof Function) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, mapTexts(one, change)])) as T;
}

/** What may be told, of a result; the check itself is left as it is. */
export function mapResult({ check, ...told }: Result, change: (text: string) => string): Result {
  return { check, ...mapTexts(told, change) };
}

/** Puts the external ID where its mark stands. */
export function revealed(externalId: string): (text: string) => string {
  return (text) => text.replaceAll(externalIdMark, externalId);
}

/** What ends a sentence, or a part of it, is not the name's. */
const arn = /arn:aws[\w-]*:[\w-]*:[\w-]*:\d{0,12}:[\w+=,.@/:*-]*[\w+=@/*-]/g;
/** Names that AWS itself gives, its words for policies, and the product, are no secret. */
const common =
  /^(root|\*|aws|ext|admin|default|Allow|Deny|Effect|Statement|[Uu]ser|[Rr]ole|[Gg]roup|[Pp]olicy|[Qq]ueue|[Bb]ucket|[Kk]ey|ThreatLockDown-(AssumeRole|Subscriber)|security-lake)$/;

/** Names in the options of commands, as they stand in JSON, and in sentences. */
const named = /(?:"(?:[a-z]+-)?name":"|"rule":"|EventBridge rule |\b(?:group|policy) \\")([\w+=,.@-]{3,})/g;

/** What others have named, where texts and requests have it. */
const foreign: readonly (readonly [place: RegExp, kind: string])[] = [
  [/\/_index_template\/([\w.*%-]+)/g, "template"],
  // A custom source of the lake.
  [/(?<![\w-])ext\/([\w.-]*\w)/g, "source"],
  // Whom a certificate is of, and who has made it.
  [/\b(?:CN|OU|O|L|ST|DC|emailAddress)=([^,"\\]*[^,"\\\s])/g, "subject"],
  [/\bauthority of its certificate, \\?"([^"\\]+)/g, "subject"],
];

/** Names to be masked as well, and what they are names of. */
export type Names = readonly (readonly [name: string, kind: string])[];

/**
 * Masks account numbers, access keys and the names of what belongs to them, the same always by the same mark, so that a
 * report can be read by others. Of all texts together, for a name is masked wherever it stands.
 */
export function redaction(texts: readonly string[], names: Names = []): (text: string) => string {
  const marks = new Map<string, string>();
  const mark = (found: string, kind: string): void => {
    if (marks.has(found) || common.test(found)) return;
    const count = [...marks.values()].filter((one) => one.startsWith(`<${kind}-`)).length + 1;
    marks.set(found, `<${kind}-${count}>`);
  };
  const all = texts.join("\n");
  for (const [name, kind] of names) mark(name, kind);
  for (const found of all.match(/\baws-security-data-lake-[a-z0-9-]+\b/g) ?? []) mark(found, "bucket");
  for (const found of all.match(arn) ?? []) {
    const [, , service = "", , , ...rest] = found.split(":");
    // The name: after the kind of thing, and without folders of a bucket or a session.
    const [first = "", second, ...more] = rest.join(":").split("/");
    if (first === "assumed-role" && more[0] !== undefined) mark(more[0], "session");
    const name = (service === "s3" || second === undefined ? first : second).replace(/\*$/, "");
    if (name.length > 2) mark(name, service === "" ? "name" : service);
    // A name with folders before it, too.
    if (more.length > 0 && service !== "s3") mark(more.at(-1) ?? "", service);
  }
  for (const found of all.match(/[\w-]*AmazonSecurityLake-[\w-]+/g) ?? []) mark(found, "name");
  for (const [, found = ""] of all.matchAll(named)) mark(found, "name");
  for (const [place, kind] of foreign) {
    for (const [, found = ""] of all.matchAll(place)) for (const name of written(found)) mark(name, kind);
  }
  // Of others than this manager, as stored events have them.
  for (const [, kind = "", found = ""] of all.matchAll(/"(manager|cluster)\.name":"([^"\\]+)"/g)) mark(found, kind);
  for (const [, found = ""] of all.matchAll(/\bwritten by node ((?:[\w.-]+, )*[\w.-]*\w)/g)) {
    for (const node of found.split(", ")) mark(node, "node");
  }
  for (const found of all.match(/(?<![\w-])\/(?:home|Users)\/[\w.-]*\w/g) ?? []) mark(found, "home");
  for (const found of all.match(/\bvpce-[0-9a-z-]+/g) ?? []) mark(found, "endpoint");
  for (const found of all.match(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g) ?? []) mark(found, "id");
  for (const found of all.match(/\b(AKIA|ASIA|AIDA|AROA)[A-Z0-9]{8,}\b/g) ?? []) mark(found, "key");
  const maskNames = replacing(marks);
  // Digits within a name are none of an account, unless the name is shown.
  for (const found of maskNames(all).match(account) ?? []) mark(found, "account");
  const maskAccounts = (text: string) => text.replaceAll(account, (found) => marks.get(found) ?? found);
  return (text) => maskAccounts(maskNames(text));
}

/** In addresses, and in sentences. */
function written(found: string): ReadonlySet<string> {
  try {
    return new Set([found, decodeURIComponent(found)]);
  } catch {
    return new Set([found]);
  }
}

const account = /(?<!\d)\d{12}(?!\d)/g;

function replacing(marks: ReadonlyMap<string, string>): (text: string) => string {
  // Longer ones first: a name can be a part of another. Whole names only: a name may well be a part of a word.
  const rules = [...marks]
    .sort(([a], [b]) => b.length - a.length)
    .map(([name, masked]) => [new RegExp(`(?<![\\w-])${RegExp.escape(name)}(?![\\w-])`, "g"), masked] as const);
  return (text) => rules.reduce((left, [name, masked]) => left.replaceAll(name, masked), text);
}

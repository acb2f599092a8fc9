import { encode } from "../request.ts";
import type { Reply } from "../service.ts";
import { authorize } from "./access.ts";
import { type Bucket, byBytes, currentVersion, type ObjectVersion, sortedKeys } from "./bucket.ts";
import { invalidArgument } from "./errors.ts";
import { type S3Call, type S3Operation, xmlReply } from "./object-operations.ts";

interface Wanted {
  readonly prefix: string;
  readonly delimiter: string;
  readonly maxKeys: number;
  /** Keys up to and with this one are passed over; so is everything below it when it is a common prefix. */
  readonly after: string;
}

interface Page {
  readonly versions: readonly ObjectVersion[];
  readonly commonPrefixes: readonly string[];
  /** Where the next page goes on; undefined on the last. */
  readonly next: string | undefined;
}

/** The current objects in the order of their keys, those below a delimiter rolled up. */
function page(bucket: Bucket, { prefix, delimiter, maxKeys, after }: Wanted): Page {
  const versions: ObjectVersion[] = [];
  const commonPrefixes: string[] = [];
  const keys = sortedKeys(bucket);
  let last = after;
  if (maxKeys === 0) return { versions, commonPrefixes, next: undefined };
  for (let i = firstFrom(keys, byBytes(after, prefix) > 0 ? after : prefix); i < keys.length; i++) {
    const key = keys[i] as string;
    if (!key.startsWith(prefix)) break;
    if (byBytes(key, after) <= 0 || (delimiter !== "" && after.endsWith(delimiter) && key.startsWith(after))) continue;
    const version = currentVersion(bucket, key);
    if (version === undefined || version.deleteMarker) continue;
    const cut = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
    const common = cut === -1 ? undefined : key.slice(0, cut + delimiter.length);
    if (common !== undefined && common === commonPrefixes.at(-1)) continue;
    if (versions.length + commonPrefixes.length >= maxKeys) return { versions, commonPrefixes, next: last };
    if (common === undefined) versions.push(version);
    else commonPrefixes.push(common);
    last = common ?? key;
  }
  return { versions, commonPrefixes, next: undefined };
}

/** Index of the first key that is not before `wanted`. */
function firstFrom(keys: readonly string[], wanted: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (byBytes(keys[middle] as string, wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function parameters({ call }: S3Call) {
  const { query } = call.request;
  const text = query.get("max-keys") ?? "1000";
  if (!/^\d+$/.test(text)) throw invalidArgument("max-keys", text, "Provided max-keys not an integer or within range");
  const encoding = query.get("encoding-type");
  return {
    query,
    prefix: query.get("prefix") ?? "",
    delimiter: query.get("delimiter") ?? "",
    maxKeys: Math.min(Number(text), 1000),
    encoding,
    spell: (key: string) => (encoding === "url" ? encode(key).replaceAll("%2F", "/") : key),
  };
}

function describe(version: ObjectVersion, spell: (key: string) => string) {
  return {
    Key: spell(version.key),
    LastModified: new Date(version.lastModified).toISOString(),
    ETag: `"${version.etag}"`,
    ...(version.checksum !== undefined && {
      ChecksumAlgorithm: version.checksum.algorithm,
      ChecksumType: version.checksum.type,
    }),
    Size: version.body.length,
    StorageClass: version.storageClass,
  };
}

function list(asked: S3Call, after: string, rest: (found: Page) => object): Reply {
  const { world, call, bucket } = asked;
  authorize(world, call, bucket, "s3:ListBucket");
  const { prefix, delimiter, maxKeys, encoding, spell } = parameters(asked);
  const found = page(bucket, { prefix, delimiter, maxKeys, after });
  return xmlReply("ListBucketResult", {
    Name: bucket.name,
    Prefix: spell(prefix),
    ...(delimiter !== "" && { Delimiter: spell(delimiter) }),
    MaxKeys: maxKeys,
    EncodingType: encoding,
    IsTruncated: found.next !== undefined,
    ...rest(found),
    Contents: found.versions.map((version) => describe(version, spell)),
    CommonPrefixes: found.commonPrefixes.map((common) => ({ Prefix: spell(common) })),
  });
}

export const listOperations: Readonly<Record<string, S3Operation>> = {
  ListObjectsV2(asked) {
    const { query, spell } = parameters(asked);
    const token = query.get("continuation-token");
    const startAfter = query.get("start-after");
    const after = token === undefined ? (startAfter ?? "") : Buffer.from(token, "base64").toString();
    return list(asked, after, ({ next, versions, commonPrefixes }) => ({
      KeyCount: versions.length + commonPrefixes.length,
      ContinuationToken: token,
      StartAfter: startAfter === undefined ? undefined : spell(startAfter),
      ...(next !== undefined && { NextContinuationToken: Buffer.from(next).toString("base64") }),
    }));
  },

  ListObjects(asked) {
    const { query, spell } = parameters(asked);
    const marker = query.get("marker") ?? "";
    return list(asked, marker, ({ next }) => ({
      Marker: spell(marker),
      ...(next !== undefined && { NextMarker: spell(next) }),
    }));
  },

  ListObjectVersions(asked) {
    const { world, call, bucket } = asked;
    authorize(world, call, bucket, "s3:ListBucketVersions");
    const { query, prefix, maxKeys, encoding, spell } = parameters(asked);
    if (query.get("delimiter")) throw invalidArgument("delimiter", "", "Delimiters of versions are not implemented");
    const keyMarker = query.get("key-marker") ?? "";
    const versionMarker = query.get("version-id-marker");
    const all = sortedKeys(bucket)
      .filter((key) => key.startsWith(prefix) && byBytes(key, keyMarker) >= (versionMarker === undefined ? 1 : 0))
      .flatMap((key) => (bucket.objects.get(key) ?? []).toReversed().map((version, index) => ({ version, index })));
    const marked = all.findIndex(
      ({ version }) => version.key === keyMarker && version.versionId === versionMarker && versionMarker !== undefined,
    );
    // The others of the marker's key that are newer have been on the page before.
    const rest = all.slice(marked + 1);
    const shown = rest.slice(0, maxKeys);
    const last = shown.at(-1)?.version;
    const render = ({ version, index }: (typeof shown)[number]) => ({
      ...(version.deleteMarker
        ? { Key: spell(version.key), LastModified: new Date(version.lastModified).toISOString() }
        : describe(version, spell)),
      VersionId: version.versionId,
      IsLatest: index === 0,
    });
    return xmlReply("ListVersionsResult", {
      Name: bucket.name,
      Prefix: spell(prefix),
      KeyMarker: spell(keyMarker),
      MaxKeys: maxKeys,
      EncodingType: encoding,
      IsTruncated: rest.length > shown.length,
      ...(rest.length > shown.length && {
        NextKeyMarker: spell(last?.key ?? ""),
        NextVersionIdMarker: last?.versionId,
      }),
      Version: shown.filter(({ version }) => !version.deleteMarker).map(render),
      DeleteMarker: shown.filter(({ version }) => version.deleteMarker).map(render),
    });
  },
};

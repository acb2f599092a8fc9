import { ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  readonly modified: Date;
}

export interface Listing {
  readonly newest?: ListedObject;
  /** Whether every source, account and Region of the bucket was looked at. */
  readonly complete: boolean;
}

/** What one look at a bucket may take, so that others are done in time too. A bucket of few folders is looked at as a whole. */
interface Bounds {
  readonly folders?: readonly string[];
  readonly milliseconds?: number;
  /** Those that were written later are left out; soon after midnight that may be all of the last day. */
  readonly until?: Date | undefined;
}
const maxRequests = 200;
const atOnce = 8;
const fewRequests = 3 * atOnce;

/**
 * The newest object below folders of a lake's bucket. Goes down the folders, and where they are days or hours only into
 * the last one (the last two with `until`): keys are `<source>/<version>/region=…/accountId=…/eventDay=…/<name>`.
 */
export async function newestObject(
  s3: S3Client,
  bucket: string,
  signal: AbortSignal,
  { folders = ["aws/", "ext/"], milliseconds = 2_000, until }: Bounds = {},
): Promise<Listing> {
  const end = performance.now() + milliseconds;
  const times = until === undefined ? 1 : 2;
  let requests = 0;
  let newest: ListedObject | undefined;
  let complete = true;
  let level: readonly string[] = folders;
  while (level.length > 0) {
    const found: string[] = [];
    for (let at = 0; at < level.length; at += atOnce) {
      const batch = level.slice(at, at + atOnce);
      requests += batch.length;
      if (requests > maxRequests || (requests > fewRequests && performance.now() > end)) {
        complete = false;
        break;
      }
      for (const folder of await Promise.all(batch.map((prefix) => readFolder(s3, bucket, prefix, signal, times)))) {
        found.push(...folder.next);
        for (const object of folder.objects) {
          const late = until !== undefined && object.modified > until;
          if (!late && (!newest || object.modified > newest.modified)) newest = object;
        }
      }
    }
    level = complete ? found : [];
  }
  return { complete, ...(newest && { newest }) };
}

/** The key of one object below a folder, of the last day of an account; undefined where there is none. */
export async function someKey(
  s3: S3Client,
  bucket: string,
  folder: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { objects, next } = await readFolder(s3, bucket, folder, signal);
  if (objects[0] !== undefined) return objects[0].key;
  for (const inner of next) {
    const found = await someKey(s3, bucket, inner, signal);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The newest object of a source, account and Region. */
export interface Arrival {
  readonly source: string;
  readonly account: string;
  readonly region: string;
  readonly modified: Date;
}

/** What the folders of a bucket tell. */
export interface Arrivals {
  readonly found: readonly Arrival[];
  /** Accounts that have a folder, whether its files were looked at or not. */
  readonly accounts: ReadonlySet<string>;
  /** Sources of accounts and Regions that were left out, for there are too many. */
  readonly leftOut: number;
}

const partitionsAtOnce = 24;

/** By source, account and Region. Where time runs out, those that are left are left out. */
export async function arrivals(
  s3: S3Client,
  bucket: string,
  signal: AbortSignal,
  { most = 400, milliseconds = 4_000 }: { readonly most?: number; readonly milliseconds?: number } = {},
): Promise<Arrivals> {
  const end = performance.now() + milliseconds;
  const partitions: string[] = [];
  let level: readonly string[] = ["aws/", "ext/"];
  while (level.length > 0) {
    const next = (await inTurn(level, (prefix) => readFolder(s3, bucket, prefix, signal))).flatMap((one) => one.next);
    const isPartition = (folder: string) => /\/accountid=[^/]*\/$/i.test(folder);
    partitions.push(...next.filter(isPartition));
    // Below an account there are only times.
    level = next.filter((folder) => !isPartition(folder) && !/\/event(day|hour)=/i.test(folder));
  }
  const unread = partitions.slice(most);
  const found = await inTurn(partitions.slice(0, most), async (partition, at): Promise<Arrival[]> => {
    if (at >= partitionsAtOnce && performance.now() > end) {
      unread.push(partition);
      return [];
    }
    const { newest } = await newestObject(s3, bucket, signal, { folders: [partition] });
    if (newest === undefined) return [];
    const source = partition.split("/region=")[0] ?? partition;
    const account = valueIn(partition, "accountid");
    return [{ source, account, region: valueIn(partition, "region"), modified: newest.modified }];
  });
  const accounts = new Set([
    ...found.flat().map(({ account }) => account),
    ...unread.map((partition) => valueIn(partition, "accountid")),
  ]);
  return { found: found.flat(), accounts, leftOut: unread.length };
}

const valueIn = (folder: string, name: string): string => new RegExp(`/${name}=([^/]*)/`, "i").exec(folder)?.[1] ?? "";

/** Some at a time, results in order. */
async function inTurn<In, Out>(all: readonly In[], work: (one: In, at: number) => Promise<Out>): Promise<Out[]> {
  const results: Out[] = [];
  let next = 0;
  const workers = Array.from({ length: Math.min(partitionsAtOnce, all.length) }, async () => {
    for (let at = next++; at < all.length; at = next++) results[at] = await work(all[at] as In, at);
  });
  await Promise.all(workers);
  return results;
}

async function readFolder(s3: S3Client, bucket: string, prefix: string, signal: AbortSignal, lastTimes = 1) {
  const objects: ListedObject[] = [];
  const folders: string[] = [];
  let token: string | undefined;
  do {
    const page = await s3.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        Delimiter: "/",
        ...(token !== undefined && { ContinuationToken: token }),
      }),
      { abortSignal: signal },
    );
    for (const { Key: key = "", Size: size = 0, LastModified: modified } of page.Contents ?? []) {
      if (key.endsWith(".parquet") && modified !== undefined) objects.push({ key, size, modified });
    }
    folders.push(...(page.CommonPrefixes ?? []).flatMap(({ Prefix }) => Prefix ?? []));
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return { objects, next: withoutEarlierTimes(folders, lastTimes) };
}

/** S3 gives folders in the order of their names, which for days and hours is that of time. */
function withoutEarlierTimes(folders: readonly string[], last: number): string[] {
  const times = folders.filter(
    (folder) => /\/event(day|hour)=[^/]*\/$/i.test(folder) && !folder.includes("/metadata/"),
  );
  return [
    ...folders.filter((folder) => !times.includes(folder) && !folder.endsWith("/metadata/")),
    ...times.slice(-last),
  ];
}

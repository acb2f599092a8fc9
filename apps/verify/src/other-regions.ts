import { ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";
import { findRegion } from "@threatlockdown/aws-auth";
import { queueAddress } from "@threatlockdown/sqs-consumer";
import { isDenied } from "./administrator.ts";
import { bucketPrefix, foldersIn } from "./flow.ts";
import type { Lake } from "./lake.ts";

/** A bucket of another Region. */
export interface OtherRegion {
  readonly region: string;
  readonly bucket: string;
}

/**
 * Buckets of other Regions that hold objects of which none is in the buckets here, for nothing rolls them up; and which no
 * other subscriber of the manager is there for. A queue tells of its own Region's objects alone.
 */
export async function notRolledUp(lake: Lake, s3: S3Client): Promise<readonly OtherRegion[]> {
  const { elsewhere } = await lake.flow();
  const others = elsewhere.flatMap((bucket) => {
    const region = regionIn(bucket);
    return region === undefined ? [] : [{ region, bucket }];
  });
  if (others.length === 0) return [];
  const known = new Set([...(await regionsHere(lake, s3)), ...(await regionsOfOthers(lake))]);
  const left = others.filter(({ region }) => !known.has(region));
  const used = await Promise.all(left.map(({ bucket }) => hasObjects(s3, bucket)));
  return left.filter((_, at) => used[at]);
}

export const regionIn = (bucket: string): string | undefined =>
  /^[a-z]{2}(?:-[a-z]+)+-\d(?=-)/.exec(bucket.slice(bucketPrefix.length))?.[0];

/** Of which there are events in the buckets of the queue's Region. */
async function regionsHere(lake: Lake, s3: S3Client): Promise<readonly string[]> {
  const { buckets } = await lake.flow();
  const sources = buckets.flatMap(({ name, sources: some }) => some.map((source) => [name, source] as const));
  const folders = await Promise.all(sources.map(([name, source]) => foldersIn(s3, name, source)));
  return folders.flat().flatMap((folder) => /\/region=([^/]+)\/$/i.exec(folder)?.[1] ?? []);
}

async function regionsOfOthers({ manager, subscriber }: Lake): Promise<readonly string[]> {
  const others = (manager?.settings.modules ?? [])
    .flatMap(({ enabled, subscribers }) => (enabled ? subscribers : []))
    .filter(({ line }) => line !== subscriber.line);
  const regions = others.map((one) => findRegion({ ...queueAddress(one.queue), ...one }).catch(() => undefined));
  return (await Promise.all(regions)).flatMap((region) => region ?? []);
}

/** Where that may not be looked at, nothing is said of it. */
async function hasObjects(s3: S3Client, Bucket: string): Promise<boolean> {
  try {
    const pages = await Promise.all(
      ["aws/", "ext/"].map((Prefix) => s3.send(new ListObjectsV2Command({ Bucket, Prefix, MaxKeys: 1 }))),
    );
    return pages.some(({ Contents = [] }) => Contents.length > 0);
  } catch (error) {
    if (isDenied(error)) return false;
    throw error;
  }
}

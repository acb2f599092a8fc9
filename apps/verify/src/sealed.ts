import { isDenied, needsProfile, refusedTo } from "./administrator.ts";
import type { Obstacle } from "./check.ts";
import type { Bucket, Encryption } from "./flow.ts";
import type { Key } from "./kms.ts";
import type { Lake } from "./lake.ts";

/** A bucket of the lake, or its queue, and the key that encrypts what it holds. */
export interface Sealed {
  readonly kind: "bucket" | "queue";
  readonly name: string;
  readonly bucket?: Bucket;
  /** As it is called there; absent where it has none of KMS. */
  readonly named?: string;
  /** Absent where there is none of that name. */
  readonly key?: Key;
  /** What stands in the way of telling its key. */
  readonly obstacle?: Obstacle;
}

/** All that may have a key. An administrator is there. @throws the SDK's errors */
export async function sealedOf(lake: Lake): Promise<readonly Sealed[]> {
  const { buckets } = await lake.flow();
  return Promise.all([
    ...buckets.map(async (bucket) => {
      const subject = { kind: "bucket", name: bucket.name, bucket } as const;
      return withKey(lake, subject, bucket.encryption ?? (await lake.newestRead(bucket.name)).encryption);
    }),
    sealedQueue(lake),
  ]);
}

async function sealedQueue(lake: Lake): Promise<Sealed> {
  const arn = await lake.queueArn();
  const subject = { kind: "queue", name: arn.slice(arn.lastIndexOf(":") + 1) } as const;
  try {
    const found = await lake.queueAttributes();
    return await withKey(lake, subject, found && keyIn(found), (key) => inPlaceOf(arn, key));
  } catch (error) {
    if (isDenied(error)) return withKey(lake, subject, undefined);
    const because = `what the queue ${subject.name} is encrypted by is not known: ${lake.explain(error)}`;
    return { ...subject, obstacle: { because, how: "Go by the check queue first" } };
  }
}

/** What a queue's attributes say. */
export function keyIn({ KmsMasterKeyId: key }: Readonly<Record<string, string>>): Encryption {
  return key === undefined || key === "" ? {} : { key };
}

const looking = { bucket: ["s3:GetEncryptionConfiguration"], queue: ["sqs:GetQueueAttributes"] } as const;

/** A queue looks for a key that is called by alias or id where it is itself. */
export function inPlaceOf(queueArn: string, key: string): string {
  const [, partition, , region, account = ""] = queueArn.split(":");
  if (key.startsWith("arn:") || !/^\d+$/.test(account)) return key;
  return `arn:${partition}:kms:${region}:${account}:${key.startsWith("alias/") ? key : `key/${key}`}`;
}

async function withKey(
  lake: Lake,
  subject: Sealed,
  encryption: Encryption | undefined,
  whole: (name: string) => string = (name) => name,
): Promise<Sealed> {
  const { kind, name } = subject;
  if (encryption === undefined) {
    const because = `what the ${kind} ${name} is encrypted by may not be looked at`;
    return { ...subject, obstacle: { because, rights: looking[kind], how: needsProfile } };
  }
  if (encryption.key === undefined) return subject;
  const named = { ...subject, named: encryption.key };
  try {
    const key = await lake.key(whole(encryption.key));
    return key === undefined ? named : { ...named, key };
  } catch (error) {
    if (!isDenied(error)) throw error;
    return { ...named, obstacle: refusedTo(lake, error, ["kms:DescribeKey"]) };
  }
}

/** ARN of a key that others can be let use. */
export function ownKeyOf({ named = "", key }: Sealed): string | undefined {
  if (key !== undefined) return key.ofAws ? undefined : key.arn;
  return /^arn:[^:]+:kms:[^:]*:\d+:key\//.test(named) ? named : undefined;
}

import type { Rule } from "./event-rule.ts";
import type { Identity } from "./identity.ts";
import type { KmsKey } from "./kms.ts";
import type { Bucket } from "./s3/bucket.ts";
import type { Queue } from "./sqs/queue.ts";

/** Everything that is kept, in memory. */
export interface World {
  /** ms since the epoch */
  readonly now: () => number;
  /** Where this stand-in listens: http://127.0.0.1:4566 */
  readonly url: string;
  readonly identity: Identity;
  /** By ARN. */
  readonly queues: Map<string, Queue>;
  /** By name. */
  readonly buckets: Map<string, Bucket>;
  readonly keys: KmsKey[];
  readonly rules: Rule[];
  /**
   * Services deliver into queues of their own account that have no policy at all, which AWS's would refuse. Off, it
   * is as in AWS.
   */
  readonly lenientDelivery: boolean;
  /** Seconds that every session lives, whatever was asked for; for tests of refreshing. */
  readonly sessionSeconds: number | undefined;
}

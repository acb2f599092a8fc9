import type { EventPattern, RuleTarget } from "./event-rule.ts";
import type { Credentials } from "./identity.ts";
import type { NotificationForm } from "./notifications.ts";
import type { PolicySource } from "./policy.ts";
import type { AttributeMap } from "./sqs/queue-attributes.ts";

/** Where what is seeded stands. */
interface Placed {
  /** Default: the first account. */
  readonly account?: string;
}

export interface NewUser extends Placed {
  readonly name: string;
  readonly path?: string;
  /** Inline, by name. */
  readonly policies?: Readonly<Record<string, PolicySource>>;
  /** ARNs of managed policies. */
  readonly attached?: readonly string[];
  /** Names of groups, which are made when they are not there. */
  readonly groups?: readonly string[];
  /** ARN of a managed policy. */
  readonly boundary?: string;
  readonly credentials?: Credentials;
}

export interface NewRole extends Placed {
  readonly name: string;
  readonly path?: string;
  readonly trust: PolicySource;
  readonly policies?: Readonly<Record<string, PolicySource>>;
  readonly attached?: readonly string[];
  readonly boundary?: string;
  /** Seconds. Default 3600. */
  readonly maxSessionDuration?: number;
}

export interface NewOidcProvider extends Placed {
  /** https://… */
  readonly issuer: string;
  /** Default sts.amazonaws.com. */
  readonly audiences?: readonly string[];
}

export interface NewBucket extends Placed {
  readonly name: string;
  readonly region?: string;
  readonly versioned?: boolean;
  readonly policy?: PolicySource;
  /** Events go to the rules of EventBridge. */
  readonly eventBridge?: boolean;
  /** ARN of the key by which objects are encrypted unless they say otherwise. */
  readonly kmsKey?: string;
  readonly requesterPays?: boolean;
}

export interface NewQueue extends Placed {
  readonly name: string;
  readonly region?: string;
  /** As CreateQueue takes them. */
  readonly attributes?: AttributeMap;
}

export interface NewObject {
  readonly bucket: string;
  readonly key: string;
  readonly body: Uint8Array | string;
  /** content-type, x-amz-meta-…, … */
  readonly headers?: Readonly<Record<string, string>>;
  /** GLACIER and DEEP_ARCHIVE cannot be read until restored. */
  readonly storageClass?: string;
  /** ARN or id; default: the bucket's. */
  readonly kmsKey?: string;
  /** Off: no notification is sent. Default on. */
  readonly announce?: boolean;
}

export interface PutObjectResult {
  /** Without quotes. */
  readonly etag: string;
  readonly versionId: string | undefined;
  readonly size: number;
}

export interface NewRule extends Placed {
  readonly name: string;
  readonly region?: string;
  readonly pattern: EventPattern;
  readonly targets: readonly RuleTarget[];
}

export interface NewKey extends Placed {
  readonly region?: string;
  /** alias/lake */
  readonly alias?: string;
  /** Default: the account decides by identity policies. */
  readonly policy?: PolicySource;
}

export interface Announcement {
  readonly bucket: string;
  readonly key: string;
  /** Name, URL or ARN. */
  readonly queue: string;
  /** Default: Security Lake's own. */
  readonly form?: NotificationForm;
  readonly versionId?: string;
}

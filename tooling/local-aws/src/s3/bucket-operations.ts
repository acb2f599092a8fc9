import { AwsError, notImplemented } from "../aws-error.ts";
import { sender, sendTestEvent, whyNot } from "../notifications.ts";
import { parsePolicy } from "../policy.ts";
import type { Call, Reply } from "../service.ts";
import type { World } from "../world.ts";
import { childrenOf, childText, parseXml, type XmlElement } from "../xml.ts";
import { authorize, authorizeOn, bucketArn } from "./access.ts";
import { type Bucket, checkBucketName } from "./bucket.ts";
import { invalidArgument, malformedXml } from "./errors.ts";
import {
  noNotifications,
  readNotificationConfiguration,
  renderNotificationConfiguration,
} from "./notification-configuration.ts";
import { type S3Call, type S3Operation, xmlReply } from "./object-operations.ts";

/** The one way in which buckets come to be, by call and by seeding. */
export function addBucket(
  world: World,
  { name, region, account }: { readonly name: string; readonly region: string; readonly account: string },
): Bucket {
  checkBucketName(name);
  const taken = world.buckets.get(name);
  if (taken !== undefined) {
    const mine = taken.account === account;
    throw new AwsError(
      409,
      mine ? "BucketAlreadyOwnedByYou" : "BucketAlreadyExists",
      mine
        ? "Your previous request to create the named bucket succeeded and you already own it."
        : "The requested bucket name is not available.",
      { fields: { BucketName: name } },
    );
  }
  const bucket: Bucket = {
    name,
    arn: bucketArn(region, name),
    region,
    account,
    createdAt: world.now(),
    versioning: undefined,
    policy: undefined,
    notifications: noNotifications,
    kmsKey: undefined,
    requesterPays: false,
    tags: new Map(),
    objects: new Map(),
    uploads: new Map(),
    sortedKeys: undefined,
  };
  world.buckets.set(name, bucket);
  return bucket;
}

/** What is asked of S3 before there is a bucket. */
export const serviceOperations: Readonly<Record<string, (world: World, call: Call) => Reply>> = {
  ListBuckets(world, call) {
    authorizeOn(world, call, "s3:ListAllMyBuckets", "arn:aws:s3:::*");
    const own = [...world.buckets.values()].filter(({ account }) => account === call.caller.account);
    const buckets = own.sort((a, b) => (a.name < b.name ? -1 : 1));
    return xmlReply("ListAllMyBucketsResult", {
      Buckets: {
        Bucket: buckets.map(({ name, region, createdAt }) => ({
          Name: name,
          CreationDate: new Date(createdAt).toISOString(),
          BucketRegion: region,
        })),
      },
      Owner: { ID: call.caller.account },
    });
  },

  CreateBucket(world, call) {
    const name = call.intent.bucket as string;
    authorizeOn(world, call, "s3:CreateBucket", bucketArn(call.region, name));
    const region =
      call.body.length === 0 ? undefined : childText(readBody(call, "CreateBucketConfiguration"), "LocationConstraint");
    if ((region ?? "us-east-1") !== call.region) {
      throw new AwsError(
        400,
        "IllegalLocationConstraintException",
        `The ${region ?? "unspecified"} location constraint is incompatible for the region specific endpoint this request was sent to.`,
      );
    }
    addBucket(world, { name, region: call.region, account: call.caller.account });
    return { status: 200, headers: { location: `/${name}` } };
  },
};

function readBody(call: Call, name: string): XmlElement {
  const root = parseXml(call.body.toString());
  if (root?.name !== name) throw malformedXml();
  return root;
}

function allowed({ world, call, bucket }: S3Call, action: string): void {
  authorize(world, call, bucket, action);
}

export const bucketOperations: Readonly<Record<string, S3Operation>> = {
  HeadBucket(asked) {
    allowed(asked, "s3:ListBucket");
    return { status: 200, headers: { "x-amz-bucket-region": asked.bucket.region } };
  },

  DeleteBucket(asked) {
    allowed(asked, "s3:DeleteBucket");
    if (asked.bucket.objects.size > 0) {
      throw new AwsError(409, "BucketNotEmpty", "The bucket you tried to delete is not empty");
    }
    asked.world.buckets.delete(asked.bucket.name);
    return { status: 204 };
  },

  GetBucketLocation(asked) {
    allowed(asked, "s3:GetBucketLocation");
    return xmlReply("LocationConstraint", asked.bucket.region === "us-east-1" ? "" : asked.bucket.region);
  },

  GetBucketVersioning(asked) {
    allowed(asked, "s3:GetBucketVersioning");
    return xmlReply("VersioningConfiguration", { Status: asked.bucket.versioning });
  },

  PutBucketVersioning(asked) {
    allowed(asked, "s3:PutBucketVersioning");
    const status = childText(readBody(asked.call, "VersioningConfiguration"), "Status");
    if (status !== "Enabled" && status !== "Suspended") throw malformedXml();
    asked.bucket.versioning = status;
    return { status: 200 };
  },

  GetBucketPolicy(asked) {
    allowed(asked, "s3:GetBucketPolicy");
    const { policy } = asked.bucket;
    if (policy === undefined) {
      throw new AwsError(404, "NoSuchBucketPolicy", "The bucket policy does not exist", {
        fields: { BucketName: asked.bucket.name },
      });
    }
    return { status: 200, headers: { "content-type": "application/json" }, body: policy.text };
  },

  PutBucketPolicy(asked) {
    allowed(asked, "s3:PutBucketPolicy");
    try {
      asked.bucket.policy = parsePolicy(asked.call.body.toString(), "resource");
    } catch (cause) {
      throw new AwsError(400, "MalformedPolicy", (cause as Error).message);
    }
    return { status: 204 };
  },

  DeleteBucketPolicy(asked) {
    allowed(asked, "s3:DeleteBucketPolicy");
    asked.bucket.policy = undefined;
    return { status: 204 };
  },

  GetBucketNotificationConfiguration(asked) {
    allowed(asked, "s3:GetBucketNotification");
    return xmlReply("NotificationConfiguration", renderNotificationConfiguration(asked.bucket.notifications));
  },

  PutBucketNotificationConfiguration(asked) {
    allowed(asked, "s3:PutBucketNotification");
    const { world, call, bucket } = asked;
    const root = readBody(call, "NotificationConfiguration");
    const wanted = readNotificationConfiguration(root, () => crypto.randomUUID());
    const arns = wanted.queues.map(({ queueArn }) => queueArn);
    for (const arn of arns) {
      const from = sender("s3.amazonaws.com", bucket.arn, bucket.account);
      const reason = whyNot(world, world.queues.get(arn), from);
      if (reason === undefined) continue;
      throw invalidArgument(arn, reason, "Unable to validate the following destination configurations");
    }
    const known = new Set(bucket.notifications.queues.map(({ queueArn }) => queueArn));
    bucket.notifications = wanted;
    for (const arn of new Set(arns)) {
      const queue = world.queues.get(arn);
      if (queue !== undefined && !known.has(arn)) sendTestEvent(queue, bucket, call.requestId, call.now);
    }
    return { status: 200 };
  },

  GetBucketEncryption(asked) {
    allowed(asked, "s3:GetEncryptionConfiguration");
    const { kmsKey } = asked.bucket;
    return xmlReply("ServerSideEncryptionConfiguration", {
      Rule: {
        ApplyServerSideEncryptionByDefault:
          kmsKey === undefined ? { SSEAlgorithm: "AES256" } : { SSEAlgorithm: "aws:kms", KMSMasterKeyID: kmsKey },
        BucketKeyEnabled: false,
      },
    });
  },

  PutBucketEncryption(asked) {
    allowed(asked, "s3:PutEncryptionConfiguration");
    const [rule] = childrenOf(readBody(asked.call, "ServerSideEncryptionConfiguration"), "Rule");
    const [wanted] = childrenOf(rule, "ApplyServerSideEncryptionByDefault");
    const algorithm = childText(wanted, "SSEAlgorithm");
    if (algorithm === "AES256") asked.bucket.kmsKey = undefined;
    else if (algorithm === "aws:kms") asked.bucket.kmsKey = childText(wanted, "KMSMasterKeyID") ?? "alias/aws/s3";
    else throw notImplemented(`bucket encryption by ${algorithm}`);
    return { status: 200 };
  },

  GetBucketRequestPayment(asked) {
    allowed(asked, "s3:GetBucketRequestPayment");
    return xmlReply("RequestPaymentConfiguration", { Payer: asked.bucket.requesterPays ? "Requester" : "BucketOwner" });
  },
};

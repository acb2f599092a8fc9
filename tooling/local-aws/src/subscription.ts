import { randomBytes, randomUUID } from "node:crypto";
import type { EventForm } from "./event-rule.ts";
import type { Credentials } from "./identity.ts";
import type { LocalAws } from "./local-aws.ts";

export interface SubscriptionOptions {
  /** Account of the lake: its bucket, queue and role. Default: the first account. */
  readonly account?: string;
  /** Account of the user that assumes the role. Default: the lake's. */
  readonly userAccount?: string;
  readonly region?: string;
  readonly externalId?: string;
  /** One that is there already may assume this role too. Default threatlockdown. */
  readonly userName?: string;
  /** Sources that the role may read: aws/VPC_FLOW, ext/okta, … Default: all. */
  readonly sources?: readonly string[];
  /** Seconds. Default 300, as Security Lake makes it. */
  readonly visibilityTimeout?: number;
  /** Seconds. Default 3600. */
  readonly maxSessionDuration?: number;
  /** Makes a dead-letter queue too. Security Lake does not. */
  readonly maxReceiveCount?: number;
  /** ARN of a customer managed key for bucket and queue. */
  readonly kmsKey?: string;
  /** Default: Security Lake's own. */
  readonly form?: EventForm;
  /** Off: nothing is announced when objects are written. Default on. */
  readonly announce?: boolean;
}

export interface Subscription {
  readonly account: string;
  readonly region: string;
  readonly bucket: string;
  readonly queueName: string;
  readonly queueUrl: string;
  readonly queueArn: string;
  /** Name of the dead-letter queue, when there is one. */
  readonly deadLetterQueueName: string | undefined;
  readonly roleName: string;
  readonly roleArn: string;
  readonly externalId: string;
  readonly userName: string;
  readonly userArn: string;
  readonly userCredentials: Credentials;
}

/**
 * What Security Lake makes for a subscriber with S3 data access and an SQS queue, and what the administrator adds: the
 * user that the role trusts. Bucket, queue and role have the names and rights of the real ones.
 */
export function createSubscription(aws: LocalAws, options: SubscriptionOptions = {}): Subscription {
  const {
    account = aws.account,
    userAccount = account,
    region = aws.region,
    externalId = "threatlockdown-external-id",
    userName = "threatlockdown",
    sources = ["aws", "ext"],
    visibilityTimeout = 300,
    maxSessionDuration = 3600,
    maxReceiveCount,
    kmsKey,
    form = "security-lake",
    announce = true,
  } = options;
  const subscriber = `AmazonSecurityLake-${randomUUID()}`;
  const bucket = aws.createBucket({
    name: `aws-security-data-lake-${region}-${randomBytes(15).toString("hex")}`,
    region,
    account,
    eventBridge: announce,
    ...(kmsKey !== undefined && { kmsKey }),
  });
  const queueName = `${subscriber}-Main-Queue`;
  const ruleName = `${subscriber}-Rule`;
  const partition = bucket.arn.split(":")[1] as string;
  const ruleArn = `arn:${partition}:events:${region}:${account}:rule/${ruleName}`;
  const deadLetters =
    maxReceiveCount === undefined
      ? undefined
      : aws.createQueue({ name: `${subscriber}-Dead-Letter-Queue`, account, region });
  const queue = aws.createQueue({
    name: queueName,
    account,
    region,
    attributes: {
      VisibilityTimeout: String(visibilityTimeout),
      ...(kmsKey !== undefined && { KmsMasterKeyId: kmsKey }),
      ...(deadLetters !== undefined && {
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount }),
      }),
      Policy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "events.amazonaws.com" },
            Action: "sqs:SendMessage",
            Resource: `arn:${partition}:sqs:${region}:${account}:${queueName}`,
            Condition: { ArnEquals: { "aws:SourceArn": ruleArn } },
          },
        ],
      }),
    },
  });
  if (announce) {
    aws.createRule({
      name: ruleName,
      account,
      region,
      pattern: {
        source: ["aws.s3"],
        "detail-type": ["Object Created"],
        detail: {
          bucket: { name: [bucket.name] },
          object: { key: sources.map((source) => ({ prefix: `${source}/` })) },
        },
      },
      targets: [{ queueArn: queue.arn, form }],
    });
  }
  const user = aws.findUser(userName, userAccount) ?? aws.createUser({ name: userName, account: userAccount });
  const role = aws.createRole({
    name: subscriber,
    account,
    path: "/",
    maxSessionDuration,
    trust: {
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "1",
          Effect: "Allow",
          Principal: { AWS: user.arn },
          Action: "sts:AssumeRole",
          Condition: { StringEquals: { "sts:ExternalId": [externalId] } },
        },
      ],
    },
    policies: {
      SubscriberQueue: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Action: [
              "sqs:ReceiveMessage",
              "sqs:DeleteMessage",
              "sqs:ChangeMessageVisibility",
              "sqs:GetQueueUrl",
              "sqs:GetQueueAttributes",
            ],
            Resource: queue.arn,
          },
        ],
      },
      SubscriberSources: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Action: ["s3:GetObject", "s3:GetObjectVersion"],
            Resource: sources.map((source) => `${bucket.arn}/${source}/*`),
          },
          ...(kmsKey === undefined ? [] : [{ Effect: "Allow", Action: "kms:Decrypt", Resource: kmsKey }]),
        ],
      },
    },
  });
  aws.putUserPolicy(user.arn, `Assume-${subscriber}`, {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Resource: role.arn }],
  });
  return {
    account,
    region,
    bucket: bucket.name,
    queueName,
    queueUrl: queue.url,
    queueArn: queue.arn,
    deadLetterQueueName: deadLetters?.name,
    roleName: role.name,
    roleArn: role.arn,
    externalId,
    userName,
    userArn: user.arn,
    userCredentials: user.credentials,
  };
}

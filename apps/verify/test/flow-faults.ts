import type { Fault } from "./faults.ts";
import type { Setting, SettingOptions } from "./setting.ts";

const version = "2012-10-17";
const unannounced: SettingOptions = { subscription: () => ({ announce: false }) };

/** Not to be made together with other faults: the queue's policy is opened. */
const alone: SettingOptions = {};

const setQueuePolicy = ({ aws_cli, lake }: Setting, ...Statement: readonly object[]): Promise<void> => {
  const attributes = JSON.stringify({ Policy: JSON.stringify({ Version: version, Statement }) });
  return aws_cli(`aws sqs set-queue-attributes --queue-url ${lake.queueUrl} --attributes '${attributes}'`);
};

const mayBeSentTo = ({ lake }: Setting, more: object = {}) => ({
  Effect: "Allow",
  Principal: { Service: ["events.amazonaws.com", "s3.amazonaws.com"] },
  Action: "sqs:SendMessage",
  Resource: lake.queueArn,
  ...more,
});

const notify = ({ aws_cli, lake }: Setting, configuration: object): Promise<void> =>
  aws_cli(
    `aws s3api put-bucket-notification-configuration --bucket ${lake.bucket} --notification-configuration '${JSON.stringify(configuration)}'`,
  );

const ruleName = ({ lake }: Setting): string => lake.queueName.replace("-Main-Queue", "-Rule");

/** Patterns of the subscriber's own rule that take nothing of the lake. */
const patterns: readonly (readonly [of: string, change: (bucket: string) => object, seen?: RegExp])[] = [
  ["other resources", () => ({ resources: ["arn:aws:s3:::other"] })],
  ["another account", () => ({ account: ["999999999999"] })],
  ["another Region", () => ({ region: [{ prefix: "eu-" }] })],
  ["copies", (bucket) => ({ detail: { bucket: { name: [bucket] }, reason: ["CopyObject"] } })],
  [
    "all buckets but the lake's",
    (bucket) => ({ detail: { bucket: { name: [{ "anything-but": [bucket] }] } } }),
    /leads to the queue, and not from aws-security-data-lake/,
  ],
  [
    "files of another kind",
    (bucket) => ({ detail: { bucket: { name: [bucket] }, object: { key: [{ suffix: ".avro" }] } } }),
  ],
  [
    "one of two things that are not there",
    (bucket) => ({ detail: { bucket: { name: [bucket] }, $or: [{ reason: ["POST"] }, { version: ["1"] }] } }),
  ],
];

const forPatterns = patterns.map(
  ([of, change, seen = /no EventBridge rule and no event notification leads/]): Fault => ({
    name: `rule is of ${of}`,
    options: alone,
    make: async (setting) => {
      const { bucket } = setting.lake;
      const pattern = { source: ["aws.s3"], detail: { bucket: { name: [bucket] } }, ...change(bucket) };
      await setting.aws_cli(
        `aws events put-rule --name ${ruleName(setting)} --event-pattern '${JSON.stringify(pattern)}'`,
      );
      await setQueuePolicy(setting, mayBeSentTo(setting));
    },
    found: "notification",
    seen,
  }),
);

const byItself: readonly Fault[] = [
  {
    name: "bucket tells of copies only",
    options: unannounced,
    make: async (setting) => {
      await setQueuePolicy(setting, mayBeSentTo(setting));
      const QueueConfigurations = [{ QueueArn: setting.lake.queueArn, Events: ["s3:ObjectCreated:Copy"] }];
      await notify(setting, { QueueConfigurations });
    },
    found: "notification",
    seen: /no EventBridge rule and no event notification leads/,
  },
];

const queues: readonly Fault[] = [
  {
    name: "queue is another one, beside the role's own",
    make: (setting) => {
      setting.aws.createQueue({ name: "billing-jobs" });
      setting.subscriber = { ...setting.subscriber, queue: "billing-jobs" };
    },
    found: "queue-name",
    seen: /^billing-jobs is there, and nothing leads to it from the lake; the role's own queue is AmazonSecurityLake-/,
    mend: (setting) => {
      setting.subscriber = { ...setting.subscriber, queue: setting.lake.queueName };
    },
  },
];

export const flowFaults: readonly Fault[] = [...forPatterns, ...byItself, ...queues];

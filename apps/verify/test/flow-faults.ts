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
  ([
    of,
    change,
    seen = /no EventBridge rule and no event notification leads .*; the patterns of the rules .*: AmazonSecurityLake-.*-Rule$/,
  ]): Fault => ({
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

/** What no service has when it sends: it comes from no VPC, organization or account of a customer's. */
const denies: readonly Fault[] = (
  [
    ["VPC endpoint", { "aws:SourceVpce": "vpce-1a2b3c4d" }],
    ["organization", { "aws:PrincipalOrgID": "o-mine" }],
    ["account", { "aws:PrincipalAccount": "123456789012" }],
  ] as const
).map(([of, wanted]) => ({
  name: `queue's policy forbids to send outside of one ${of}`,
  options: alone,
  make: (setting) =>
    setQueuePolicy(
      setting,
      mayBeSentTo(setting),
      mayBeSentTo(setting, { Effect: "Deny", Principal: "*", Condition: { StringNotEquals: wanted } }),
    ),
  found: "queue-policy",
  seen: /^it does not let in: EventBridge rule/,
}));

/** The rule sends to the queue as a role that may do so. */
async function sendAsRole({ aws, aws_cli, lake }: Setting): Promise<string> {
  const document = (statement: object) => ({ Version: version, Statement: [{ Effect: "Allow", ...statement }] });
  const role = aws.createRole({
    name: "EventBridgeToSqs",
    path: "/service-role/",
    trust: document({ Principal: { Service: "events.amazonaws.com" }, Action: "sts:AssumeRole" }),
    policies: { Send: document({ Action: ["sqs:SendMessage", "kms:*"], Resource: "*" }) },
  });
  const targets = JSON.stringify([{ Id: "1", Arn: lake.queueArn, RoleArn: role.arn }]);
  const rule = lake.queueName.replace("-Main-Queue", "-Rule");
  await aws_cli(`aws events put-targets --rule ${rule} --targets '${targets}'`);
  return role.arn;
}

const roles: readonly Fault[] = [
  {
    name: "rule sends as a role",
    options: alone,
    make: async (setting) => void (await sendAsRole(setting)),
    found: "queue-policy",
    state: "warning",
    seen: /^the rule AmazonSecurityLake-.*-Rule sends as the role arn:.*EventBridgeToSqs: AWS says that events/,
  },
  {
    name: "rule sends as a role, which alone is let in",
    options: alone,
    make: async (setting) => {
      const AWS = await sendAsRole(setting);
      await setQueuePolicy(setting, mayBeSentTo(setting, { Principal: { AWS } }));
    },
    found: "queue-policy",
    state: "warning",
    seen: /^the rule AmazonSecurityLake-.*-Rule sends as the role arn:.*EventBridgeToSqs: AWS says that events/,
  },
];

export const flowFaults: readonly Fault[] = [...forPatterns, ...byItself, ...queues, ...denies, ...roles];

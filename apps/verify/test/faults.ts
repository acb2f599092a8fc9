import { PutBucketNotificationConfigurationCommand, S3Client } from "@aws-sdk/client-s3";
import { ReceiveMessageCommand, SetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { notification } from "@threatlockdown/tooling-lake";
import type { SubscriptionOptions } from "@threatlockdown/tooling-local-aws";
import { flowFaults } from "./flow-faults.ts";
import { keyFaults } from "./key-faults.ts";
import { lakeKey, laterObject, otherObject, provider, type Setting, type SettingOptions } from "./setting.ts";

/** One thing that is wrong. */
export interface Fault {
  readonly name: string;
  readonly options?: SettingOptions;
  make(setting: Setting): void | Promise<void>;
  /** The check that finds it, before all others. */
  readonly found: string;
  readonly state?: "warning";
  /** What is told. */
  readonly seen: RegExp;
  /** The fix, where it is not one of AWS: done by hand here. Default: the commands as printed. */
  readonly mend?: (setting: Setting) => void | Promise<void>;
}

const subscribe = (options: SubscriptionOptions): SettingOptions => ({ subscription: () => options });
const version = "2012-10-17";

function trust(setting: Setting, change: object): void {
  const { lake, aws } = setting;
  const statement = {
    Effect: "Allow",
    Principal: { AWS: lake.userArn },
    Action: "sts:AssumeRole",
    Condition: { StringEquals: { "sts:ExternalId": [lake.externalId] } },
    ...change,
  };
  aws.setTrust(lake.roleArn, { Version: version, Statement: [statement] });
}

/** The role trusts its account, so that the user's own policies count. */
function byPolicies(setting: Setting): void {
  trust(setting, { Principal: { AWS: `arn:aws:iam::${setting.lake.account}:root` } });
}

const assumePolicy = ({ lake }: Setting) => `Assume-${lake.roleName}`;

function userMay(setting: Setting, statement: object): void {
  const { aws, lake } = setting;
  aws.putUserPolicy(lake.userArn, assumePolicy(setting), { Version: version, Statement: [statement] });
}

const subscriberActions = [
  "ReceiveMessage",
  "DeleteMessage",
  "ChangeMessageVisibility",
  "GetQueueUrl",
  "GetQueueAttributes",
];

function rolePolicy({ aws, lake }: Setting, name: string, statement: object): void {
  aws.putRolePolicy(lake.roleArn, name, { Version: version, Statement: [{ Effect: "Allow", ...statement }] });
}

function clientSettings({ aws, lake }: Setting) {
  return { endpoint: aws.url, region: lake.region, credentials: aws.credentials, forcePathStyle: true };
}

async function setQueue(setting: Setting, Attributes: Record<string, string>): Promise<void> {
  const command = new SetQueueAttributesCommand({ QueueUrl: setting.lake.queueUrl, Attributes });
  await new SQSClient(clientSettings(setting)).send(command);
}

async function setNotifications(setting: Setting, NotificationConfiguration: object): Promise<void> {
  const command = new PutBucketNotificationConfigurationCommand({
    Bucket: setting.lake.bucket,
    NotificationConfiguration,
  });
  await new S3Client(clientSettings(setting)).send(command);
}

function ruleArn({ lake }: Setting): string {
  const name = lake.queueName.replace("-Main-Queue", "-Rule");
  return `arn:aws:events:${lake.region}:${lake.account}:rule/${name}`;
}

function ruleFor(setting: Setting, bucket: string, queueArn: string, change: object = {}): void {
  const pattern = { source: ["aws.s3"], detail: { bucket: { name: [bucket] } }, ...change };
  const name = ruleArn(setting).split("/").at(-1) ?? "";
  setting.aws.createRule({ name, pattern, targets: [{ queueArn, form: "eventbridge" }] });
}

function sendStatement(setting: Setting, change: object): Record<string, string> {
  const statement = {
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: setting.lake.queueArn,
    Condition: { ArnEquals: { "aws:SourceArn": ruleArn(setting) } },
    ...change,
  };
  return { Policy: JSON.stringify({ Version: version, Statement: [statement] }) };
}

/** A bucket that tells its queue itself. */
async function native(setting: Setting, sourceArn = `arn:aws:s3:::${setting.lake.bucket}`): Promise<void> {
  const QueueConfigurations = [{ QueueArn: setting.lake.queueArn, Events: ["s3:ObjectCreated:*"] }];
  const from = (arn: string) =>
    sendStatement(setting, {
      Principal: { Service: "s3.amazonaws.com" },
      Condition: { ArnLike: { "aws:SourceArn": arn } },
    });
  await setQueue(setting, from(`arn:aws:s3:::${setting.lake.bucket}`));
  await setNotifications(setting, { QueueConfigurations });
  await setQueue(setting, from(sourceArn));
}

/** A queue that nothing stale is in. */
async function afresh(setting: Setting): Promise<void> {
  await setting.aws_cli(`aws sqs purge-queue --queue-url ${setting.lake.queueUrl}`);
  setting.put();
}

const trusts: readonly Fault[] = (
  [
    ["names another user", { Principal: { AWS: "arn:aws:iam::123456789012:user/admin" } }, /does not name arn/],
    ["names another account", { Principal: { AWS: "arn:aws:iam::210987654321:root" } }, /does not name arn/],
    ["names a service", { Principal: { Service: "ec2.amazonaws.com" } }, /does not name arn/],
    ["allows another action", { Action: "sts:TagSession" }, /without the action sts:AssumeRole/],
    [
      "asks for another external ID",
      { Condition: { StringEquals: { "sts:ExternalId": ["another"] } } },
      /another external ID/,
    ],
    [
      "asks for one of other external IDs",
      { Condition: { StringLike: { "sts:ExternalId": ["a*", "b*"] } } },
      /another external ID/,
    ],
    ["forbids the user", { Effect: "Deny" }, /Effect Deny/],
    [
      "forbids this external ID",
      { Condition: { StringNotEquals: { "sts:ExternalId": ["threatlockdown-external-id"] } } },
      /another external ID/,
    ],
    [
      "wants other conditions too",
      { Condition: { StringEquals: { "aws:PrincipalAccount": "210987654321" } } },
      /conditions that these requests do not meet/,
    ],
  ] as const
).map(([name, change, seen]) => ({
  name: `trust policy ${name}`,
  make: (setting) => {
    if (name.includes("another account")) setting.aws.createAccount({ id: "210987654321" });
    trust(setting, change);
  },
  found: "role",
  seen,
}));

const laxTrusts: readonly Fault[] = (
  [
    ["asks for no external ID", { Condition: {} }],
    ["takes any external ID", { Condition: { StringLike: { "sts:ExternalId": "*" } } }],
    [
      "takes also no external ID",
      { Condition: { StringEqualsIfExists: { "sts:ExternalId": "threatlockdown-external-id" } } },
    ],
  ] as const
).map(([name, change]) => ({
  name: `trust policy ${name}`,
  make: (setting) => trust(setting, change),
  found: "role",
  state: "warning",
  seen: /whatever the external ID is/,
}));

const users: readonly Fault[] = [
  {
    name: "user has no policy for another role's name",
    make: (setting) => {
      byPolicies(setting);
      userMay(setting, { Effect: "Allow", Action: "sts:AssumeRole", Resource: `${setting.lake.roleArn}-other` });
    },
    found: "user",
    seen: /no policy allows it/,
  },
  {
    name: "user's policy allows another action",
    make: (setting) => {
      byPolicies(setting);
      userMay(setting, { Effect: "Allow", Action: "sts:GetSessionToken", Resource: "*" });
    },
    found: "user",
    seen: /no policy allows it/,
  },
  {
    name: "user is forbidden by an own policy",
    make: ({ aws, lake }) =>
      aws.putUserPolicy(lake.userArn, "Less", {
        Version: version,
        Statement: [{ Effect: "Deny", Action: "sts:*", Resource: "*" }],
      }),
    found: "user",
    seen: /Effect Deny forbids it/,
  },
  {
    name: "user is forbidden by one statement among others",
    make: ({ aws, lake }) =>
      aws.putUserPolicy(lake.userArn, "Less", {
        Version: version,
        Statement: [
          { Effect: "Allow", Action: "iam:GetUser", Resource: "*" },
          { Effect: "Deny", Action: ["iam:CreateUser", "sts:AssumeRole"], Resource: "*" },
        ],
      }),
    found: "user",
    seen: /Effect Deny forbids it/,
  },
  {
    name: "user's boundary does not allow it",
    make: async (setting) => {
      byPolicies(setting);
      const arn = setting.aws.createManagedPolicy("Bounds", {
        Version: version,
        Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "*" }],
      });
      await setting.aws_cli(
        `aws iam put-user-permissions-boundary --user-name ${setting.lake.userName} --permissions-boundary ${arn}`,
      );
    },
    found: "user",
    seen: /permissions boundary does not allow it/,
  },
  {
    name: "organization does not allow the user's account to assume roles",
    make: ({ aws, lake }) =>
      aws.setServiceControlPolicies(lake.account, [
        { Version: version, Statement: [{ Effect: "Allow", NotAction: "sts:AssumeRole", Resource: "*" }] },
      ]),
    found: "user",
    seen: /service control policy/,
    mend: ({ aws, lake }) => aws.setServiceControlPolicies(lake.account, []),
  },
];

const denyAssume = JSON.stringify({
  Version: version,
  Statement: [
    { Effect: "Allow", Action: "iam:GetUser", Resource: "*" },
    { Effect: "Deny", Action: "sts:Assume*", Resource: "*" },
  ],
});

async function join(setting: Setting, group: string): Promise<void> {
  await setting.aws_cli(`aws iam create-group --group-name ${group}`);
  await setting.aws_cli(`aws iam add-user-to-group --group-name ${group} --user-name ${setting.lake.userName}`);
}

const elsewhere: readonly Fault[] = [
  {
    name: "user is forbidden by a policy of its group",
    make: async (setting) => {
      await join(setting, "managers");
      await setting.aws_cli(
        `aws iam put-group-policy --group-name managers --policy-name Less --policy-document '${denyAssume}'`,
      );
    },
    found: "user",
    seen: /Effect Deny forbids it/,
  },
  {
    name: "user is forbidden by a managed policy of its group",
    make: async (setting) => {
      await join(setting, "managers");
      const arn = setting.aws.createManagedPolicy("Less", denyAssume);
      await setting.aws_cli(`aws iam attach-group-policy --group-name managers --policy-arn ${arn}`);
    },
    found: "user",
    seen: /Effect Deny forbids it/,
  },
  {
    name: "user is forbidden by a managed policy that says nothing else",
    make: async (setting) => {
      const arn = setting.aws.createManagedPolicy("Less", {
        Version: version,
        Statement: [{ Effect: "Deny", Action: "sts:*", Resource: "*" }],
      });
      await setting.aws_cli(`aws iam attach-user-policy --user-name ${setting.lake.userName} --policy-arn ${arn}`);
    },
    found: "user",
    seen: /Effect Deny forbids it/,
  },
  {
    name: "user's boundary forbids it",
    make: async (setting) => {
      const arn = setting.aws.createManagedPolicy("Bounds", {
        Version: version,
        Statement: [
          { Effect: "Allow", Action: "*", Resource: "*" },
          { Effect: "Deny", Action: "sts:AssumeRole", Resource: "*" },
        ],
      });
      await setting.aws_cli(
        `aws iam put-user-permissions-boundary --user-name ${setting.lake.userName} --permissions-boundary ${arn}`,
      );
    },
    found: "user",
    seen: /Effect Deny forbids it/,
  },
  {
    name: "role is forbidden all but one action",
    make: (setting) =>
      rolePolicy(setting, "Less", { Effect: "Deny", NotAction: ["sqs:ReceiveMessage"], Resource: "*" }),
    found: "role-permissions",
    seen: /sqs:DeleteMessage.* on .*Effect Deny forbids it/,
  },
  {
    name: "role is forbidden an action, and lacks it too",
    make: (setting) => {
      rolePolicy(setting, "Less", { Effect: "Deny", Action: "sqs:DeleteMessage", Resource: "*" });
      const Action = subscriberActions.filter((one) => one !== "DeleteMessage").map((one) => `sqs:${one}`);
      rolePolicy(setting, "SubscriberQueue", { Action, Resource: setting.lake.queueArn });
    },
    found: "role-permissions",
    seen: /sqs:DeleteMessage.* on .*Effect Deny forbids it/,
  },
  {
    name: "role is forbidden an action by a managed policy, lacks others, and has a boundary",
    make: async (setting) => {
      const { aws, lake } = setting;
      const policy = (Statement: object[]) => ({ Version: version, Statement });
      const deny = aws.createManagedPolicy("Less", policy([{ Effect: "Deny", Action: "sqs:Delete*", Resource: "*" }]));
      const bounds = aws.createManagedPolicy("Bounds", policy([{ Effect: "Allow", Action: "s3:*", Resource: "*" }]));
      await setting.aws_cli(`aws iam attach-role-policy --role-name ${lake.roleName} --policy-arn ${deny}`);
      await setting.aws_cli(
        `aws iam put-role-permissions-boundary --role-name ${lake.roleName} --permissions-boundary ${bounds}`,
      );
      rolePolicy(setting, "SubscriberQueue", { Action: "sqs:GetQueueUrl", Resource: lake.queueArn });
    },
    found: "role-permissions",
    seen: /sqs:DeleteMessage.* on .*Effect Deny forbids it/,
  },
];

const withKey: SettingOptions = { subscription: (aws) => ({ kmsKey: lakeKey(aws) }) };

function keyPolicy({ aws, key = "" }: Setting, ...principals: readonly object[]): void {
  const Statement = principals.map((Principal) => ({ Effect: "Allow", Principal, Action: "kms:*", Resource: "*" }));
  aws.setKeyPolicy(key, { Version: version, Statement });
}

function bucketPolicy(setting: Setting, ...Statement: readonly object[]): Promise<void> {
  const policy = JSON.stringify({ Version: version, Statement });
  return setting.aws_cli(`aws s3api put-bucket-policy --bucket ${setting.lake.bucket} --policy '${policy}'`);
}

const overTls = ({ lake }: Setting) => ({
  Effect: "Deny",
  Principal: "*",
  Action: "s3:*",
  Resource: `arn:aws:s3:::${lake.bucket}/*`,
  Condition: { Bool: { "aws:SecureTransport": "false" } },
});

const bucketPolicies: readonly Fault[] = [
  {
    name: "bucket's policy forbids the role to read",
    make: (setting) =>
      bucketPolicy(setting, overTls(setting), {
        Effect: "Deny",
        Principal: { AWS: setting.lake.roleArn },
        Action: "s3:Get*",
        Resource: `arn:aws:s3:::${setting.lake.bucket}/aws/*`,
      }),
    found: "bucket-policy",
    seen: /forbids arn:aws:iam::\d+:role\/AmazonSecurityLake-.* to read aws\/VPC_FLOW\/2\.0\/$/,
  },
  {
    name: "bucket's policy forbids everybody but its administrator to read",
    make: (setting) =>
      bucketPolicy(setting, {
        Effect: "Deny",
        Principal: "*",
        Action: "s3:GetObject",
        Resource: `arn:aws:s3:::${setting.lake.bucket}/*`,
        Condition: { StringNotEquals: { "aws:PrincipalArn": `arn:aws:iam::${setting.lake.account}:user/admin` } },
      }),
    found: "bucket-policy",
    seen: /forbids arn:aws:iam::\d+:role/,
  },
];

const otherUser = "arn:aws:iam::123456789012:user/admin";

/** Statements that forbid something to others, too: it stays forbidden to them. */
const deniesOfOthers: readonly Fault[] = [
  {
    name: "bucket's policy forbids a user and the role to read",
    make: (setting) =>
      bucketPolicy(setting, {
        Effect: "Deny",
        Principal: { AWS: [setting.lake.userArn, setting.lake.roleArn] },
        Action: "s3:Get*",
        Resource: `arn:aws:s3:::${setting.lake.bucket}/aws/*`,
      }),
    found: "bucket-policy",
    seen: /forbids arn:aws:iam::\d+:role/,
  },
  {
    name: "bucket's policy forbids everybody but a user and its account to read",
    make: (setting) =>
      bucketPolicy(setting, {
        Effect: "Deny",
        NotPrincipal: { AWS: [otherUser, `arn:aws:iam::${setting.lake.account}:root`] },
        Action: "s3:GetObject",
        Resource: `arn:aws:s3:::${setting.lake.bucket}/*`,
      }),
    found: "bucket-policy",
    seen: /forbids arn:aws:iam::\d+:role/,
  },
  {
    name: "bucket's policy forbids everybody but the role, without its account, to read",
    make: (setting) =>
      bucketPolicy(setting, {
        Effect: "Deny",
        NotPrincipal: { AWS: setting.lake.roleArn },
        Action: "s3:GetObject",
        Resource: `arn:aws:s3:::${setting.lake.bucket}/*`,
      }),
    found: "bucket-policy",
    seen: /forbids arn:aws:iam::\d+:role/,
  },
  {
    name: "bucket's policy forbids everybody but the role, which has a boundary, to read",
    make: async (setting) => {
      const { aws, aws_cli, lake } = setting;
      const Statement = [{ Effect: "Allow", Action: "*", Resource: "*" }];
      const arn = aws.createManagedPolicy("Bounds", { Version: version, Statement });
      await aws_cli(`aws iam put-role-permissions-boundary --role-name ${lake.roleName} --permissions-boundary ${arn}`);
      await bucketPolicy(setting, {
        Effect: "Deny",
        NotPrincipal: { AWS: [lake.roleArn, lake.account] },
        Action: "s3:GetObject",
        Resource: `arn:aws:s3:::${lake.bucket}/*`,
      });
    },
    found: "bucket-policy",
    seen: /forbids arn:aws:iam::\d+:role/,
  },
  {
    name: "queue's policy forbids everybody to send",
    make: (setting) => {
      const { Statement } = JSON.parse(sendStatement(setting, {}).Policy as string);
      const deny = { Effect: "Deny", Principal: "*", Action: "sqs:SendMessage", Resource: setting.lake.queueArn };
      return setQueue(setting, { Policy: JSON.stringify({ Version: version, Statement: [...Statement, deny] }) });
    },
    found: "queue-policy",
    seen: /does not let in: EventBridge rule/,
  },
  {
    name: "queue's policy forbids all services but one to send",
    make: (setting) => {
      const { Statement } = JSON.parse(sendStatement(setting, {}).Policy as string);
      const NotPrincipal = { Service: "s3.amazonaws.com" };
      const deny = { Effect: "Deny", NotPrincipal, Action: "sqs:SendMessage", Resource: setting.lake.queueArn };
      return setQueue(setting, { Policy: JSON.stringify({ Version: version, Statement: [...Statement, deny] }) });
    },
    found: "queue-policy",
    seen: /does not let in: EventBridge rule/,
  },
  {
    name: "key forbids the role and another user to use it",
    options: withKey,
    make: ({ aws, lake, key = "" }) => {
      const statement = (Effect: string, Principal: object, Action = "kms:*") => ({
        Effect,
        Principal,
        Action,
        Resource: "*",
      });
      aws.setKeyPolicy(key, {
        Version: version,
        Statement: [
          statement("Allow", { AWS: `arn:aws:iam::${lake.account}:root` }),
          statement("Allow", { Service: "events.amazonaws.com" }),
          statement("Deny", { AWS: [lake.roleArn, lake.userArn] }, "kms:Decrypt"),
        ],
      });
    },
    found: "keys",
    seen: /does not let arn:aws:iam::\d+:role.* do kms:Decrypt/,
  },
  {
    name: "trust policy forbids everybody but another user",
    make: ({ aws, lake }) => {
      const statement = { Action: "sts:AssumeRole" };
      const Condition = { StringEquals: { "sts:ExternalId": [lake.externalId] } };
      aws.setTrust(lake.roleArn, {
        Version: version,
        Statement: [
          { ...statement, Effect: "Allow", Principal: { AWS: lake.userArn }, Condition },
          { ...statement, Effect: "Deny", NotPrincipal: { AWS: [otherUser, lake.account] } },
        ],
      });
    },
    found: "role",
    seen: /Effect Deny/,
  },
];

const keys: readonly Fault[] = [
  {
    name: "key does not let EventBridge send",
    options: withKey,
    make: (setting) => keyPolicy(setting, { AWS: `arn:aws:iam::${setting.lake.account}:root` }),
    found: "keys",
    seen: /key\/.* does not let events\.amazonaws\.com do kms:GenerateDataKey/,
  },
  {
    name: "key lets its administrator and EventBridge use it, and no role",
    options: withKey,
    make: (setting) =>
      keyPolicy(
        setting,
        { AWS: `arn:aws:iam::${setting.lake.account}:user/admin` },
        { Service: "events.amazonaws.com" },
      ),
    found: "keys",
    seen: /key\/.* does not let arn:aws:iam::\d+:role\/AmazonSecurityLake-.* do kms:Decrypt/,
  },
  {
    name: "key is disabled",
    options: withKey,
    make: ({ aws, key = "" }) => aws.setKeyEnabled(key, false),
    found: "keys",
    seen: /key\/.* is disabled$/,
  },
  {
    name: "key is disabled, and does not let EventBridge send",
    options: withKey,
    make: (setting) => {
      keyPolicy(setting, { AWS: `arn:aws:iam::${setting.lake.account}:root` });
      setting.aws.setKeyEnabled(setting.key ?? "", false);
    },
    found: "keys",
    seen: /is disabled, and does not let events\.amazonaws\.com/,
  },
];

const permissions: readonly Fault[] = [
  ...subscriberActions.map(
    (missing): Fault => ({
      name: `role lacks sqs:${missing}`,
      make: (setting) => {
        const Action = subscriberActions.filter((one) => one !== missing).map((one) => `sqs:${one}`);
        rolePolicy(setting, "SubscriberQueue", { Action, Resource: setting.lake.queueArn });
      },
      found: "role-permissions",
      // The subscriber does without them.
      ...(/^(ChangeMessageVisibility|GetQueueAttributes)$/.test(missing) && { state: "warning" as const }),
      seen: new RegExp(`sqs:${missing} on .*no policy allows it`),
    }),
  ),
  {
    name: "role's policy names another queue",
    make: (setting) =>
      rolePolicy(setting, "SubscriberQueue", { Action: "sqs:*", Resource: `${setting.lake.queueArn}-2` }),
    found: "role-permissions",
    seen: /may not do sqs:ReceiveMessage, sqs:DeleteMessage, [^;]* on arn:aws:sqs:[^;]*-Main-Queue \(no policy allows it\)$/,
  },
  {
    name: "role's policy names another bucket",
    make: (setting) =>
      rolePolicy(setting, "SubscriberSources", { Action: "s3:GetObject", Resource: "arn:aws:s3:::other/*" }),
    found: "role-permissions",
    seen: /s3:GetObject on arn:aws:s3:::aws-security-data-lake.*VPC_FLOW/,
  },
  {
    name: "role may list the bucket only",
    make: (setting) =>
      rolePolicy(setting, "SubscriberSources", {
        Action: "s3:ListBucket",
        Resource: `arn:aws:s3:::${setting.lake.bucket}`,
      }),
    found: "role-permissions",
    seen: /s3:GetObject on/,
  },
  {
    name: "role may not read one of the sources that are announced",
    make: (setting) => {
      setting.put(otherObject);
      rolePolicy(setting, "SubscriberSources", {
        Action: "s3:GetObject",
        Resource: `arn:aws:s3:::${setting.lake.bucket}/aws/VPC_FLOW/*`,
      });
    },
    found: "role-permissions",
    seen: /s3:GetObject on [^;]*WAF\/2\.0\/\* \(no policy allows it\)$/,
  },
  ...["sqs:DeleteMessage", "sqs:*", "s3:GetObject", "s3:Get*"].map(
    (Action): Fault => ({
      name: `role is forbidden ${Action}`,
      make: (setting) => rolePolicy(setting, "Less", { Effect: "Deny", Action, Resource: "*" }),
      found: "role-permissions",
      seen: /Effect Deny forbids it/,
    }),
  ),
  {
    name: "role's boundary does not allow the queue",
    make: async (setting) => {
      const arn = setting.aws.createManagedPolicy("Bounds", {
        Version: version,
        Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "*" }],
      });
      await setting.aws_cli(
        `aws iam put-role-permissions-boundary --role-name ${setting.lake.roleName} --permissions-boundary ${arn}`,
      );
    },
    found: "role-permissions",
    seen: /sqs:ReceiveMessage.* on .*boundary does not allow it/,
  },
  {
    name: "role may not decrypt with the lake's own key",
    options: { subscription: (aws) => ({ kmsKey: lakeKey(aws) }) },
    make: (setting) =>
      rolePolicy(setting, "SubscriberSources", {
        Action: ["s3:GetObject", "s3:GetObjectVersion"],
        Resource: `arn:aws:s3:::${setting.lake.bucket}/aws/*`,
      }),
    found: "role-permissions",
    seen: /kms:Decrypt on arn:aws:kms/,
  },
  {
    name: "role gives shorter sessions than are asked for",
    make: (setting) => {
      setting.subscriber = { ...setting.subscriber, durationSeconds: 7_200 };
    },
    found: "role",
    seen: /3600 s at most; <iam_role_duration> asks for 7200 s/,
  },
];

const notifications: readonly Fault[] = [
  {
    name: "bucket does not tell EventBridge",
    make: (setting) => setNotifications(setting, {}),
    found: "notification",
    seen: /does not tell EventBridge/,
  },
  {
    name: "rule is disabled",
    make: (setting) => setting.aws.setRuleEnabled(ruleArn(setting), false),
    found: "notification",
    seen: /rule AmazonSecurityLake-.* is disabled/,
  },
  {
    name: "rule is disabled, and the bucket does not tell EventBridge",
    make: async (setting) => {
      setting.aws.setRuleEnabled(ruleArn(setting), false);
      await setNotifications(setting, {});
    },
    found: "notification",
    seen: /does not tell EventBridge.*, and the EventBridge rule .* is disabled/,
  },
  {
    name: "there is no rule",
    options: subscribe({ announce: false }),
    make: (setting) => setQueue(setting, sendStatement(setting, { Condition: {} })),
    found: "notification",
    seen: /no EventBridge rule and no event notification leads/,
  },
  {
    name: "there is no rule, though the bucket tells EventBridge",
    options: subscribe({ announce: false }),
    make: async (setting) => {
      await setNotifications(setting, { EventBridgeConfiguration: {} });
      await setQueue(setting, sendStatement(setting, { Condition: {} }));
    },
    found: "notification",
    seen: /no EventBridge rule and no event notification leads/,
  },
  {
    name: "rule is of another bucket",
    options: subscribe({ announce: false }),
    make: async (setting) => {
      await setNotifications(setting, { EventBridgeConfiguration: {} });
      ruleFor(setting, "some-other-bucket", setting.lake.queueArn);
    },
    found: "notification",
    seen: /leads to the queue, and not from aws-security-data-lake/,
  },
  {
    name: "rule leads to another queue",
    options: subscribe({ announce: false }),
    make: async (setting) => {
      await setNotifications(setting, { EventBridgeConfiguration: {} });
      ruleFor(setting, setting.lake.bucket, setting.aws.createQueue({ name: "other" }).arn);
    },
    found: "notification",
    seen: /to other targets, not to the queue/,
  },
  ...(
    [
      ["removed objects only", () => ({ "detail-type": ["Object Deleted"] })],
      [
        "other objects of the bucket only",
        (name: string) => ({ detail: { bucket: { name: [name] }, object: { key: [{ prefix: "inventory/" }] } } }),
      ],
    ] as const
  ).map(
    ([of, change]): Fault => ({
      name: `rule is of ${of}`,
      options: subscribe({ announce: false }),
      make: async (setting) => {
        const { bucket, queueArn } = setting.lake;
        await setNotifications(setting, { EventBridgeConfiguration: {} });
        ruleFor(setting, bucket, queueArn, change(bucket));
        await setQueue(setting, sendStatement(setting, { Condition: {} }));
      },
      found: "notification",
      seen: /no EventBridge rule and no event notification leads/,
    }),
  ),
  {
    name: "bucket tells of other objects only",
    options: subscribe({ announce: false }),
    make: async (setting) => {
      await native(setting);
      const Filter = { Key: { FilterRules: [{ Name: "suffix", Value: ".csv" }] } };
      const QueueConfigurations = [{ QueueArn: setting.lake.queueArn, Events: ["s3:ObjectCreated:*"], Filter }];
      await setNotifications(setting, { QueueConfigurations });
      await setQueue(
        setting,
        sendStatement(setting, { Principal: { Service: ["s3.amazonaws.com", "events.amazonaws.com"] }, Condition: {} }),
      );
    },
    found: "notification",
    seen: /no EventBridge rule and no event notification leads/,
  },
  {
    name: "bucket tells of removed objects only",
    options: subscribe({ announce: false }),
    make: async (setting) => {
      await native(setting);
      const QueueConfigurations = [{ QueueArn: setting.lake.queueArn, Events: ["s3:ObjectRemoved:*"] }];
      await setNotifications(setting, { QueueConfigurations });
      await setQueue(
        setting,
        sendStatement(setting, { Principal: { Service: ["s3.amazonaws.com", "events.amazonaws.com"] }, Condition: {} }),
      );
    },
    found: "notification",
    seen: /no EventBridge rule and no event notification leads/,
  },
];

const policies: readonly Fault[] = [
  ...(
    [
      [
        "lets another rule in",
        { Condition: { ArnEquals: { "aws:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/other" } } },
      ],
      ["lets another account in", { Condition: { StringEquals: { "aws:SourceAccount": "210987654321" } } }],
      ["lets another service in", { Principal: { Service: "sns.amazonaws.com" } }],
      ["lets S3 in, not EventBridge", { Principal: { Service: "s3.amazonaws.com" } }],
      ["is about another queue", { Resource: "arn:aws:sqs:us-east-1:123456789012:other" }],
      ["allows another action", { Action: "sqs:GetQueueUrl" }],
      ["forbids EventBridge", { Effect: "Deny", Condition: {} }],
      [
        "forbids everybody",
        { Effect: "Deny", Principal: { Service: "events.amazonaws.com" }, Action: "sqs:Send*", Condition: {} },
      ],
    ] as const
  ).map(
    ([name, change]): Fault => ({
      name: `queue's policy ${name}`,
      make: (setting) => setQueue(setting, sendStatement(setting, change)),
      found: "queue-policy",
      seen: /does not let in: EventBridge rule/,
    }),
  ),
  {
    name: "queue has no policy",
    make: (setting) => setQueue(setting, { Policy: "" }),
    found: "queue-policy",
    seen: /the queue has no policy/,
  },
  {
    name: "queue's policy does not let the bucket in",
    options: subscribe({ announce: false }),
    make: (setting) => native(setting, "arn:aws:s3:::other"),
    found: "queue-policy",
    seen: /does not let in: event notification of the bucket/,
  },
];

/** Receives what is in the queue until that puts it away. */
async function putAway(setting: Setting): Promise<void> {
  const sqs = new SQSClient(clientSettings(setting));
  const { queueUrl: QueueUrl } = setting.lake;
  while (setting.aws.messages(QueueUrl).length > 0) {
    await sqs.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0 }));
  }
}

const attributes: readonly Fault[] = [
  {
    name: "visibility timeout is short",
    options: subscribe({ visibilityTimeout: 10 }),
    make: () => {},
    found: "queue",
    state: "warning",
    seen: /visibility timeout 10 s/,
  },
  {
    name: "messages are kept for an hour",
    make: (setting) => setQueue(setting, { MessageRetentionPeriod: "3600" }),
    found: "queue",
    state: "warning",
    seen: /kept 3600 s/,
  },
  {
    name: "messages go to the dead-letter queue soon",
    options: subscribe({ maxReceiveCount: 1 }),
    make: () => {},
    found: "queue",
    state: "warning",
    seen: /after 1 receive to/,
  },
  {
    name: "messages were put away",
    options: subscribe({ maxReceiveCount: 10 }),
    make: putAway,
    found: "queue-dead-letters",
    state: "warning",
    seen: /messages in AmazonSecurityLake-.*-Dead-Letter-Queue: 1$/,
  },
  {
    name: "the dead-letter queue is gone",
    options: subscribe({ maxReceiveCount: 10 }),
    make: (setting) => {
      const url = setting.lake.queueUrl.replace(setting.lake.queueName, setting.lake.deadLetterQueueName ?? "");
      return setting.aws_cli(`aws sqs delete-queue --queue-url ${url}`);
    },
    found: "queue-dead-letters",
    state: "warning",
    seen: /Dead-Letter-Queue of AmazonSecurityLake-.* does not exist/,
    // A name is free again a minute after its queue is gone.
    mend: async (setting) => {
      setting.ahead = 61_000;
      await setting.aws_cli(`aws sqs create-queue --queue-name ${setting.lake.deadLetterQueueName}`);
      setting.ahead = 0;
    },
  },
  {
    name: "queue is encrypted by AWS's own key",
    make: (setting) => setQueue(setting, { KmsMasterKeyId: "alias/aws/sqs" }),
    found: "queue-encryption",
    seen: /alias\/aws\/sqs, which AWS manages: SQS alone may use it/,
  },
];

const settings: readonly Fault[] = [
  {
    name: "external ID is wrong",
    make: (setting) => {
      setting.subscriber = { ...setting.subscriber, externalId: "not-the-right-one" };
    },
    found: "role",
    seen: /another external ID than the one that is set/,
    mend: (setting) => {
      setting.subscriber = { ...setting.subscriber, externalId: setting.lake.externalId };
    },
  },
  {
    name: "external ID is missing",
    make: (setting) => {
      const { externalId: _, ...subscriber } = setting.subscriber;
      setting.subscriber = subscriber;
    },
    found: "role",
    seen: /asks for an external ID and none is set/,
    mend: (setting) => {
      setting.subscriber = { ...setting.subscriber, externalId: setting.lake.externalId };
    },
  },
  {
    name: "role does not exist",
    make: (setting) => {
      setting.subscriber = { ...setting.subscriber, roleArn: `${setting.lake.roleArn}x` };
    },
    found: "role",
    seen: /there is no role/,
    mend: (setting) => {
      setting.subscriber = { ...setting.subscriber, roleArn: setting.lake.roleArn };
    },
  },
  {
    name: "access key is not known",
    make: (setting) => {
      const base = provider({ ...setting.lake.userCredentials, accessKeyId: "AKIAUNKNOWN000000000" });
      setting.surroundings = { ...setting.surroundings, base };
    },
    found: "credentials",
    seen: /access key does not exist or is inactive/,
    mend: withUser,
  },
  {
    name: "secret key is wrong",
    make: (setting) => {
      const base = provider({ ...setting.lake.userCredentials, secretAccessKey: "wrong" });
      setting.surroundings = { ...setting.surroundings, base };
    },
    found: "credentials",
    seen: /secret access key does not belong/,
    mend: withUser,
  },
  {
    name: "session of the base credentials has ended",
    make: (setting) => {
      const role = setting.aws.createRole({
        name: "instance",
        trust: {
          Version: version,
          Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
        },
      });
      const base = provider(setting.aws.issueSession(role.arn));
      setting.aws.expireSessions(role.arn);
      setting.surroundings = { ...setting.surroundings, base };
    },
    found: "credentials",
    seen: /credentials have expired/,
    mend: withUser,
  },
  {
    name: "clock is ten minutes off",
    make: (setting) => {
      setting.ahead = 600_000;
    },
    found: "clock",
    seen: /(59[5-9]|60[0-5]) s behind that of AWS/,
    mend: (setting) => {
      setting.ahead = 0;
    },
  },
  {
    name: "clock is two minutes off",
    make: (setting) => {
      setting.ahead = -120_000;
    },
    found: "clock",
    state: "warning",
    seen: /(11[5-9]|12[0-5]) s ahead of that of AWS/,
    mend: (setting) => {
      setting.ahead = 0;
    },
  },
  {
    name: "nothing listens at the endpoint",
    make: (setting) => {
      setting.surroundings = { ...setting.surroundings, endpoint: "http://127.0.0.1:1" };
    },
    found: "endpoints",
    seen: /no connection to 127\.0\.0\.1:1 \(ECONNREFUSED\)/,
    mend: withEndpoint,
  },
  {
    name: "endpoint's name is not found",
    make: (setting) => {
      setting.surroundings = { ...setting.surroundings, endpoint: "http://nowhere.invalid" };
    },
    found: "endpoints",
    seen: /the name is not found/,
    mend: withEndpoint,
  },
  {
    name: "endpoint has no TLS",
    make: (setting) => {
      setting.surroundings = { ...setting.surroundings, endpoint: setting.aws.url.replace("http:", "https:") };
    },
    found: "endpoints",
    seen: /no TLS/,
    mend: withEndpoint,
  },
  {
    name: "module is disabled",
    make: (setting) => {
      setting.enabled = false;
    },
    found: "configuration",
    seen: /module of the subscriber is disabled/,
    mend: (setting) => {
      setting.enabled = true;
    },
  },
  {
    name: "configuration has a remark",
    make: (setting) => {
      const issue = {
        severity: "warning",
        line: 3,
        column: 5,
        subject: "<interval>",
        problem: "is odd",
        fix: "Write it",
      } as const;
      setting.manager = { issues: [issue] };
    },
    found: "configuration",
    state: "warning",
    seen: /ossec\.conf:3:5: warning: <interval> is odd/,
    mend: (setting) => {
      setting.manager = {};
    },
  },
];

function withUser(setting: Setting): void {
  setting.surroundings = { ...setting.surroundings, base: provider(setting.lake.userCredentials) };
}

function withEndpoint(setting: Setting): void {
  setting.surroundings = { ...setting.surroundings, endpoint: setting.aws.url };
}

const inOrganization = (id: string) => ({ id, organization: "o-example" });

function inAccount(account: string): { readonly key: string; readonly bytes: Uint8Array } {
  return { ...otherObject, key: otherObject.key.replace(/accountId=\d+/, `accountId=${account}`) };
}

const objects: readonly Fault[] = [
  {
    name: "queue is that of another subscriber",
    make: (setting) => {
      const name = "AmazonSecurityLake-00000000-0000-4000-8000-000000000000-Main-Queue";
      setting.subscriber = { ...setting.subscriber, queue: setting.aws.createQueue({ name }).arn };
    },
    found: "queue-name",
    seen: /is the queue of the subscriber 00000000-.*, and the role is that of the subscriber/,
    mend: (setting) => {
      setting.subscriber = { ...setting.subscriber, queue: setting.lake.queueName };
    },
  },
  {
    name: "bucket that is named does not exist",
    options: {},
    make: (setting) => {
      setting.surroundings = { ...setting.surroundings, buckets: [`${setting.lake.bucket}x`] };
    },
    found: "buckets",
    seen: /^there is no bucket aws-security-data-lake-us-east-1-\w+x$/,
    mend: (setting) => {
      setting.surroundings = { ...setting.surroundings, buckets: [setting.lake.bucket] };
    },
  },
  {
    name: "Region that is given is another than the lake's",
    options: {},
    make: (setting) => {
      setting.surroundings = { ...setting.surroundings, region: "eu-west-1" };
    },
    found: "queue-name",
    seen: /; the lake has no bucket in that Region, and has in us-east-1$/,
    mend: (setting) => {
      setting.surroundings = { ...setting.surroundings, region: setting.lake.region };
    },
  },
  {
    name: "queue does not exist",
    // Not to be made together with others: the role's policies are opened.
    options: {},
    make: (setting) => {
      rolePolicy(setting, "Any", { Action: "sqs:*", Resource: "*" });
      setting.subscriber = { ...setting.subscriber, queue: setting.lake.queueArn.replace("-Main-", "-Other-") };
    },
    found: "queue-name",
    seen: /no queue AmazonSecurityLake-.*-Other-Queue in account 123456789012 and Region us-east-1; Security Lake has made there: AmazonSecurityLake-.*-Main-Queue/,
    mend: (setting) => {
      setting.subscriber = { ...setting.subscriber, queue: setting.lake.queueName };
    },
  },
  {
    name: "queue's name is misspelt",
    make: (setting) => {
      setting.subscriber = { ...setting.subscriber, queue: setting.lake.queueName.replace("Queue", "Quue") };
    },
    found: "queue-name",
    seen: /no queue AmazonSecurityLake-.*-Main-Quue in account .*; Security Lake has made there: AmazonSecurityLake-.*-Main-Queue/,
    mend: (setting) => {
      setting.subscriber = { ...setting.subscriber, queue: setting.lake.queueName };
    },
  },
  {
    name: "role is of another account than the queue",
    options: { aws: { accounts: ["123456789012", "210987654321"] } },
    make: (setting) => {
      const roleArn = setting.lake.roleArn.replace("123456789012", "210987654321");
      setting.subscriber = { ...setting.subscriber, queue: setting.lake.queueArn, roleArn };
    },
    found: "queue-name",
    seen: /is in account 123456789012, and its subscriber's role in 210987654321/,
    mend: (setting) => {
      setting.subscriber = { ...setting.subscriber, roleArn: setting.lake.roleArn };
    },
  },
  {
    name: "an account sends nothing",
    make: (setting) => {
      setting.surroundings = { ...setting.surroundings, accounts: ["210987654321"] };
    },
    found: "arriving",
    seen: /of account 210987654321 there is no Parquet file/,
    mend: (setting) => {
      setting.surroundings = { ...setting.surroundings, accounts: [] };
    },
  },
  {
    name: "nothing has come for two days",
    options: { empty: true },
    make: (setting) => {
      setting.ahead = -2 * 86_400_000;
      setting.put();
      setting.ahead = 0;
    },
    found: "arriving",
    state: "warning",
    seen: /nothing has come for 24 h or more: aws\/VPC_FLOW\/2\.0 of 111122223333 in us-east-1: 48 h ago/,
    mend: (setting) => setting.put(laterObject),
  },
  {
    name: "one source has sent nothing for two days",
    make: (setting) => {
      setting.ahead = -2 * 86_400_000;
      setting.put(otherObject);
      setting.ahead = 0;
    },
    found: "arriving",
    state: "warning",
    seen: /nothing has come for 24 h or more: aws\/WAF\/2\.0 of \d+ in us-east-1: 48 h ago; aws\/VPC_FLOW\/2\.0 of \d+ in us-east-1: \d min ago/,
    mend: (setting) => setting.put(otherObject),
  },
  {
    name: "an account of the organization sends nothing",
    options: { aws: { accounts: ["123456789012", "111122223333", "210987654321"].map(inOrganization) } },
    make: (setting) => setting.put(inAccount("123456789012")),
    found: "arriving",
    state: "warning",
    seen: /of account 210987654321 there is no Parquet file.*3 accounts expected, as the organization says/,
    mend: (setting) => setting.put(inAccount("210987654321")),
  },
  {
    name: "nothing announces objects for a day",
    options: { empty: true },
    make: ({ aws, lake }) =>
      void aws.putObject({ bucket: lake.bucket, key: otherObject.key, body: otherObject.bytes, announce: false }),
    found: "messages",
    state: "warning",
    seen: /no message that was sent to it for 24 h/,
    mend: (setting) => setting.put(),
  },
  {
    name: "newest object is no Parquet file",
    options: { empty: true },
    make: (setting) => setting.put({ key: otherObject.key, bytes: Buffer.from("this is no Parquet file") }),
    found: "newest-object",
    seen: /PAR1/,
    mend: afresh,
  },
  {
    name: "announced object is gone",
    options: { empty: true },
    make: (setting) => {
      const { bucket, queueUrl } = setting.lake;
      setting.aws.putObject({
        bucket,
        key: "aws/WAF/2.0/region=us-east-1/accountId=123456789012/eventDay=20240101/a.gz.parquet",
        body: otherObject.bytes,
        announce: false,
      });
      setting.aws.sendMessage(
        queueUrl,
        notification({ bucket, key: otherObject.key, size: 100, etag: "0".repeat(32) }),
      );
    },
    found: "newest-object",
    state: "warning",
    seen: /does not exist/,
    mend: afresh,
  },
  {
    name: "lake has no bucket in the Region",
    options: { aws: { accounts: ["123456789012", "210987654321"] } },
    make: (setting) => {
      setting.surroundings = { ...setting.surroundings, region: "eu-west-1" };
      setting.subscriber = { ...setting.subscriber, queue: setting.lake.queueArn.replace("us-east-1", "eu-west-1") };
    },
    found: "queue-name",
    seen: /no queue AmazonSecurityLake-.*-Main-Queue in account 123456789012 and Region eu-west-1$/,
    mend: (setting) => {
      setting.surroundings = { ...setting.surroundings, region: "us-east-1" };
      setting.subscriber = { ...setting.subscriber, queue: setting.lake.queueName };
    },
  },
];

export const faults: readonly Fault[] = [
  ...trusts,
  ...laxTrusts,
  ...users,
  ...elsewhere,
  ...permissions,
  ...keys,
  ...keyFaults,
  ...flowFaults,
  ...bucketPolicies,
  ...deniesOfOthers,
  ...notifications,
  ...policies,
  ...attributes,
  ...settings,
  ...objects,
];

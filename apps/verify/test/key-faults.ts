import { DescribeKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import type { Fault } from "./faults.ts";
import { lakeKey, provider, type Setting, type SettingOptions } from "./setting.ts";

const version = "2012-10-17";
const alias = "alias/lake";
const byAlias: SettingOptions = { subscription: (aws) => ({ kmsKey: lakeKey(aws, alias) }) };

const setQueue = ({ aws_cli, lake }: Setting, attributes: object): Promise<void> =>
  aws_cli(`aws sqs set-queue-attributes --queue-url ${lake.queueUrl} --attributes '${JSON.stringify(attributes)}'`);

const bySqs = { KmsMasterKeyId: "", SqsManagedSseEnabled: "true" };

/** Of objects that come from now on. */
function setBucketKey({ aws_cli, lake }: Setting, KMSMasterKeyID: string): Promise<void> {
  const encryption = {
    Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID } }],
  };
  return aws_cli(
    `aws s3api put-bucket-encryption --bucket ${lake.bucket} --server-side-encryption-configuration '${JSON.stringify(encryption)}'`,
  );
}

/** As keys are called where they are used. */
const calls: readonly (readonly [how: string, name: (key: string) => string])[] = [
  ["its alias", () => alias],
  ["its alias's ARN", (key) => key.replace(/key\/.*/, alias)],
  ["its id", (key) => key.split("/")[1] as string],
];

export function setKeyPolicy({ aws, key = "" }: Setting, ...principals: readonly object[]): void {
  const Statement = principals.map((Principal) => ({ Effect: "Allow", Principal, Action: "kms:*", Resource: "*" }));
  aws.setKeyPolicy(key, { Version: version, Statement });
}

const administrator = { AWS: "arn:aws:iam::123456789012:user/admin" };
const eventBridge = { Service: "events.amazonaws.com" };

async function awsKey({ aws, lake: { region } }: Setting, name: string): Promise<string> {
  const kms = new KMSClient({ endpoint: aws.url, region, credentials: aws.credentials });
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: name }));
  return KeyMetadata?.Arn ?? "";
}

/** Who reads is of another account than the lake, without a role. */
async function readFromOutside(setting: Setting): Promise<void> {
  const { aws, lake, aws_cli } = setting;
  const all = (more: object) => ({ Effect: "Allow", Action: ["sqs:*", "s3:*", "kms:*"], Resource: "*", ...more });
  const policies = { Reads: { Version: version, Statement: [all({})] } };
  const user = aws.createUser({ name: "outside", account: "210987654321", policies });
  const Principal = { AWS: user.arn };
  const objects = all({ Principal, Action: "s3:GetObject", Resource: `arn:aws:s3:::${lake.bucket}/*` });
  const policy = JSON.stringify({ Version: version, Statement: [objects] });
  await aws_cli(`aws s3api put-bucket-policy --bucket ${lake.bucket} --policy '${policy}'`);
  const own = all({ Principal: eventBridge, Action: "sqs:SendMessage" });
  const others = all({ Principal, Action: "sqs:*" });
  await setQueue(setting, { Policy: JSON.stringify({ Version: version, Statement: [own, others] }) });
  const { roleArn: _, externalId: __, durationSeconds: ___, ...subscriber } = setting.subscriber;
  setting.subscriber = { ...subscriber, queue: lake.queueArn };
  setting.surroundings = { ...setting.surroundings, base: provider(user.credentials) };
}

/** The role may use it by way of its account. */
function letUse({ aws, key = "", lake }: Setting, ...statements: readonly object[]): void {
  const all = { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${lake.account}:root` }, Action: "kms:*" };
  const Statement = [all, ...statements].map((one) => ({ Effect: "Allow", Resource: "*", ...one }));
  aws.setKeyPolicy(key, { Version: version, Statement });
}

export const keyFaults: readonly Fault[] = [
  {
    name: "key lets EventBridge make data keys, and not decrypt them",
    options: byAlias,
    make: (setting) => letUse(setting, { Principal: eventBridge, Action: "kms:GenerateDataKey" }),
    found: "keys",
    seen: /key\/\S+ does not let events\.amazonaws\.com do kms:Decrypt$/,
  },
  {
    name: "key lets EventBridge use it for another queue",
    options: byAlias,
    make: (setting) =>
      letUse(setting, {
        Principal: eventBridge,
        Action: ["kms:GenerateDataKey", "kms:Decrypt"],
        Condition: { StringEquals: { "kms:EncryptionContext:aws:sqs:arn": "arn:aws:sqs:us-east-1:123456789012:x" } },
      }),
    found: "keys",
    seen: /does not let events\.amazonaws\.com do kms:GenerateDataKey, and does not let events\.amazonaws\.com do kms:D/,
  },
  {
    name: "key lets the role use it by way of another Region's S3",
    options: byAlias,
    make: async (setting) => {
      await setQueue(setting, bySqs);
      const { aws, key = "", lake } = setting;
      const Condition = { StringEquals: { "kms:ViaService": "s3.eu-west-1.amazonaws.com" } };
      const Principal = { AWS: lake.roleArn };
      const to = (more: object) => ({ Effect: "Allow", Action: "kms:*", Resource: "*", ...more });
      const Statement = [to({ Principal: administrator }), to({ Principal, Condition })];
      aws.setKeyPolicy(key, { Version: version, Statement });
    },
    found: "keys",
    seen: /key\/\S+ does not let arn:aws:iam::\d+:role\/AmazonSecurityLake-\S+ do kms:Decrypt$/,
  },
  ...calls.flatMap(([how, name]): Fault[] => [
    {
      name: `key that the queue calls by ${how} does not let EventBridge send`,
      options: byAlias,
      make: async (setting) => {
        await setQueue(setting, { KmsMasterKeyId: name(setting.key ?? "") });
        setKeyPolicy(setting, { AWS: `arn:aws:iam::${setting.lake.account}:root` });
      },
      found: "keys",
      seen: /key\/.* does not let events\.amazonaws\.com do kms:GenerateDataKey/,
    },
    {
      name: `key that the bucket calls by ${how} lets no role use it`,
      options: byAlias,
      make: async (setting) => {
        await setQueue(setting, bySqs);
        await setBucketKey(setting, name(setting.key ?? ""));
        setKeyPolicy(setting, administrator);
      },
      found: "keys",
      seen: /key\/.* does not let arn:aws:iam::\d+:role\/AmazonSecurityLake-.* do kms:Decrypt/,
    },
  ]),
  {
    name: "queue is encrypted by AWS's own key, by its ARN",
    make: async (setting) => setQueue(setting, { KmsMasterKeyId: await awsKey(setting, "alias/aws/sqs") }),
    found: "queue-encryption",
    seen: /key\/.*, which AWS manages: SQS alone may use it, so that neither EventBridge nor S3 can send/,
  },
  {
    name: "queue's key does not exist",
    make: (setting) => setQueue(setting, { KmsMasterKeyId: "alias/gone" }),
    found: "queue-encryption",
    seen: /by the key alias\/gone, and there is none of that name/,
  },
  {
    name: "bucket's key does not exist",
    options: { empty: true },
    make: (setting) => setBucketKey(setting, "alias/gone"),
    found: "keys",
    seen: /bucket .* is to be encrypted by the key alias\/gone, and there is none of that name/,
  },
  {
    name: "bucket is encrypted by AWS's own key, and read from another account",
    options: { empty: true, aws: { accounts: ["123456789012", "210987654321"] } },
    make: async (setting) => {
      await readFromOutside(setting);
      await setBucketKey(setting, "alias/aws/s3");
    },
    found: "keys",
    seen: /alias\/aws\/s3, which AWS manages: nobody outside of account 123456789012 can be let use it, as arn:.*outside is/,
  },
];

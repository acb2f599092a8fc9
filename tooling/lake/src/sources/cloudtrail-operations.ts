import type { Setting } from "./world.ts";

/** An API call that CloudTrail records, with what goes in and what comes back. */
export interface Operation {
  readonly service: string;
  readonly name: string;
  readonly activity: Activity;
  readonly weight: number;
  readonly request?: (call: Call) => Record<string, unknown>;
  readonly response?: (call: Call) => Record<string, unknown>;
  /** ARN and type of what the call is about. */
  readonly resource?: (call: Call) => readonly [uid: string, type: string];
  /** The OCSF class where it is not API Activity. */
  readonly as?: "authentication" | "account change";
}
export type Activity = "Create" | "Read" | "Update" | "Delete";

/** Values that the parts of one call share. */
export interface Call extends Setting {
  readonly role: string;
  readonly user: string;
  readonly service: string;
  readonly bucket: string;
  readonly key: string;
}

const roleArn = ({ account, role }: Call): string => `arn:aws:iam::${account}:role/${role}`;
const bucketArn = ({ bucket }: Call): string => `arn:aws:s3:::${bucket}`;
const functionArn = ({ region, account, service }: Call): string =>
  `arn:aws:lambda:${region}:${account}:function:${service}`;
const trustPolicy = ({ account }: Call): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: "sts:AssumeRole" }],
  });
const kmsKey = (call: Call): readonly [string, string] => [
  `arn:aws:kms:${call.region}:${call.account}:key/${call.random.uuid()}`,
  "AWS::KMS::Key",
];
const role = (call: Call): readonly [string, string] => [roleArn(call), "AWS::IAM::Role"];
const bucket = (call: Call): readonly [string, string] => [bucketArn(call), "AWS::S3::Bucket"];
const done = (): Record<string, unknown> => ({ _return: true });

function reads(service: string, weights: Readonly<Record<string, number>>): Operation[] {
  return Object.entries(weights).map(([name, weight]) => ({
    service,
    name,
    activity: "Read",
    weight,
    request: () => ({ maxResults: 1000 }),
  }));
}

export const managementOperations: readonly Operation[] = [
  {
    service: "sts",
    name: "AssumeRole",
    activity: "Read",
    weight: 200,
    as: "authentication",
    request: (call) => ({ roleArn: roleArn(call), roleSessionName: call.service, durationSeconds: 3600 }),
    response: (call) => ({
      credentials: { accessKeyId: `ASIA${call.random.base32(16)}`, sessionToken: call.random.hex(64) },
      assumedRoleUser: { arn: `arn:aws:sts::${call.account}:assumed-role/${call.role}/${call.service}` },
    }),
    resource: role,
  },
  ...reads("ec2", { DescribeInstances: 120, DescribeNetworkInterfaces: 60, DescribeSecurityGroups: 45 }),
  ...reads("iam", { ListRoles: 20, ListUsers: 6 }),
  ...reads("monitoring", { DescribeAlarms: 35 }),
  ...reads("autoscaling", { DescribeAutoScalingGroups: 40 }),
  ...reads("cloudtrail", { LookupEvents: 8 }),
  {
    service: "kms",
    name: "Decrypt",
    activity: "Read",
    weight: 150,
    request: (call) => ({
      encryptionContext: { "aws:s3:arn": bucketArn(call) },
      encryptionAlgorithm: "SYMMETRIC_DEFAULT",
    }),
    resource: kmsKey,
  },
  {
    service: "kms",
    name: "GenerateDataKey",
    activity: "Read",
    weight: 80,
    request: () => ({ keySpec: "AES_256" }),
    resource: kmsKey,
  },
  { service: "s3", name: "ListBuckets", activity: "Read", weight: 30 },
  {
    service: "s3",
    name: "GetBucketAcl",
    activity: "Read",
    weight: 40,
    request: (call) => ({ bucketName: call.bucket, acl: "" }),
    resource: bucket,
  },
  {
    service: "s3",
    name: "PutBucketPolicy",
    activity: "Update",
    weight: 3,
    request: (call) => ({ bucketName: call.bucket, policy: "" }),
    resource: bucket,
  },
  {
    service: "logs",
    name: "CreateLogStream",
    activity: "Create",
    weight: 90,
    request: (call) => ({
      logGroupName: `/aws/lambda/${call.service}`,
      logStreamName: `[$LATEST]${call.random.hex(32)}`,
    }),
  },
  {
    service: "ssm",
    name: "UpdateInstanceInformation",
    activity: "Update",
    weight: 130,
    request: (call) => ({
      instanceId: `i-${call.random.hex(17)}`,
      agentVersion: "3.3.551.0",
      platformType: "Linux",
      iPAddress: call.random.skewed(call.world.privateAddresses),
    }),
  },
  {
    service: "ssm",
    name: "GetParameter",
    activity: "Read",
    weight: 50,
    request: (call) => ({ name: `/prod/${call.service}/db_url`, withDecryption: true }),
  },
  {
    service: "secretsmanager",
    name: "GetSecretValue",
    activity: "Read",
    weight: 40,
    request: (call) => ({ secretId: `${call.service}/db` }),
  },
  {
    service: "lambda",
    name: "UpdateFunctionCode20150331v2",
    activity: "Update",
    weight: 4,
    request: (call) => ({ functionName: call.service, publish: false }),
    response: (call) => ({
      functionArn: functionArn(call),
      runtime: "nodejs20.x",
      codeSize: call.random.between(1000, 10_000_000),
    }),
    resource: (call) => [functionArn(call), "AWS::Lambda::Function"],
  },
  {
    service: "ec2",
    name: "RunInstances",
    activity: "Create",
    weight: 4,
    request: (call) => ({
      instancesSet: { items: [{ imageId: `ami-${call.random.hex(17)}`, minCount: 1, maxCount: 1 }] },
      instanceType: "m6i.large",
    }),
    response: (call) => ({ reservationId: `r-${call.random.hex(17)}`, ownerId: call.account }),
  },
  {
    service: "ec2",
    name: "TerminateInstances",
    activity: "Delete",
    weight: 3,
    request: (call) => ({ instancesSet: { items: [{ instanceId: `i-${call.random.hex(17)}` }] } }),
  },
  {
    service: "ec2",
    name: "AuthorizeSecurityGroupIngress",
    activity: "Update",
    weight: 8,
    request: (call) => ({
      groupId: `sg-${call.random.hex(17)}`,
      ipPermissions: {
        items: [{ ipProtocol: "tcp", fromPort: 22, toPort: 22, ipRanges: { items: [{ cidrIp: "0.0.0.0/0" }] } }],
      },
    }),
    response: done,
  },
  {
    service: "ec2",
    name: "GetPasswordData",
    activity: "Read",
    weight: 6,
    request: (call) => ({ instanceId: `i-${call.random.hex(17)}` }),
  },
  {
    service: "iam",
    name: "CreateRole",
    activity: "Create",
    weight: 5,
    request: (call) => ({ roleName: call.role, assumeRolePolicyDocument: trustPolicy(call) }),
    response: (call) => ({ role: { arn: roleArn(call), roleName: call.role } }),
    resource: role,
  },
  {
    service: "iam",
    name: "UpdateAssumeRolePolicy",
    activity: "Update",
    weight: 4,
    request: (call) => ({ roleName: call.role, policyDocument: trustPolicy(call) }),
    resource: role,
  },
  {
    service: "iam",
    name: "AttachRolePolicy",
    activity: "Update",
    weight: 5,
    as: "account change",
    request: (call) => ({ roleName: call.role, policyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }),
  },
  {
    service: "iam",
    name: "CreateUser",
    activity: "Create",
    weight: 4,
    as: "account change",
    request: (call) => ({ userName: call.user }),
  },
  {
    service: "cloudtrail",
    name: "PutEventSelectors",
    activity: "Update",
    weight: 4,
    request: () => ({
      trailName: "organization",
      eventSelectors: [{ readWriteType: "WriteOnly", includeManagementEvents: true }],
    }),
  },
  {
    service: "cloudtrail",
    name: "StopLogging",
    activity: "Update",
    weight: 2,
    request: () => ({ name: "organization" }),
  },
  { service: "signin", name: "ConsoleLogin", activity: "Read", weight: 16, as: "authentication" },
];

const objectCall = (call: Call): Record<string, unknown> => ({
  bucketName: call.bucket,
  Host: `${call.bucket}.s3.${call.region}.amazonaws.com`,
  key: call.key,
});

export const objectOperations: readonly Operation[] = [
  { service: "s3", name: "GetObject", activity: "Read", weight: 500, request: objectCall, resource: bucket },
  {
    service: "s3",
    name: "PutObject",
    activity: "Create",
    weight: 220,
    request: objectCall,
    response: () => ({ "x-amz-server-side-encryption": "aws:kms" }),
    resource: bucket,
  },
  { service: "s3", name: "HeadObject", activity: "Read", weight: 160, request: objectCall, resource: bucket },
  {
    service: "s3",
    name: "ListObjects",
    activity: "Read",
    weight: 90,
    request: (call) => ({ bucketName: call.bucket, "list-type": "2" }),
    resource: bucket,
  },
  { service: "s3", name: "DeleteObject", activity: "Delete", weight: 30, request: objectCall, resource: bucket },
];

export const invocations: readonly Operation[] = [
  {
    service: "lambda",
    name: "Invoke",
    activity: "Read",
    weight: 1,
    request: (call) => ({ functionName: functionArn(call), invocationType: "Event" }),
    resource: (call) => [functionArn(call), "AWS::Lambda::Function"],
  },
];

import { choice } from "../random.ts";
import {
  type Activity,
  type Call,
  invocations,
  managementOperations,
  type Operation,
  objectOperations,
} from "./cloudtrail-operations.ts";
import { kind, observable, type Setting } from "./world.ts";

type Row = Record<string, unknown>;
type Source = (setting: Setting, time: number) => Row;

const activityIds: Record<Activity, number> = { Create: 1, Read: 2, Update: 3, Delete: 4 };

export const cloudTrailManagementV1: Source = source(
  // What is no API activity goes to objects of another class in source version 1.
  managementOperations.filter((operation) => operation.as === undefined),
  "Management, Data, and Insights",
  rowV1,
);
export const cloudTrailManagement: Source = source(managementOperations, "Management", rowV2);
export const s3Data: Source = source(objectOperations, "Data", rowV2);
export const lambdaExecution: Source = source(invocations, "Data", rowV2);

/** What both source versions say of one call. */
interface ApiCall {
  readonly call: Call;
  readonly operation: Operation;
  readonly feature: string;
  /** CloudTrail's times have whole seconds. */
  readonly time: number;
  readonly identity: Identity;
  readonly caller: { readonly address: string | null; readonly domain: string | null; readonly agent: string };
  readonly error: readonly [code: string, message: string] | undefined;
  readonly request: Record<string, unknown> | undefined;
  readonly response: Record<string, unknown> | undefined;
  readonly resource: readonly [uid: string, type: string] | undefined;
}
interface Identity {
  readonly type: "AssumedRole" | "IAMUser" | "AWSService" | "Root";
  readonly name: string | null;
  readonly arn: string | null;
  readonly principal: string | null;
  readonly accessKey: string | null;
  readonly issuer: string | null;
  readonly service: string | null;
}

function source(operations: readonly Operation[], feature: string, row: (record: ApiCall) => Row): Source {
  const pick = choice(operations.map((operation) => [operation, operation.weight] as const));
  return (setting, time) => {
    const { random, world } = setting;
    const operation = pick(random);
    const call: Call = {
      ...setting,
      role: random.skewed(world.roles),
      user: random.skewed(world.users),
      service: random.skewed(world.services),
      bucket: random.skewed(world.buckets),
      key: `${random.skewed(world.services)}/${random.hex(24)}.${random.pick(["json.gz", "parquet", "png"])}`,
    };
    const identity = identityOf(call, operation.name === "ConsoleLogin" ? "IAMUser" : identityType(random));
    const error = errorOf(call, operation, identity);
    return row({
      call,
      operation,
      feature,
      time: time - (time % 1000),
      identity,
      caller: callerOf(call, identity),
      error,
      request: operation.request?.(call),
      response: error ? undefined : operation.response?.(call),
      resource: operation.resource?.(call),
    });
  };
}

const identityType = choice<Identity["type"]>([
  ["AssumedRole", 78],
  ["IAMUser", 8],
  ["AWSService", 13],
  ["Root", 0.5],
]);

function identityOf({ random, world, account, role, user, service }: Call, type: Identity["type"]): Identity {
  const nobody = { type, name: null, arn: null, principal: null, accessKey: null, issuer: null, service: null };
  switch (type) {
    case "AssumedRole":
      return {
        ...nobody,
        arn: `arn:aws:sts::${account}:assumed-role/${role}/${service}`,
        principal: `${world.principals.get(role)}:${service}`,
        accessKey: `ASIA${random.base32(16)}`,
        issuer: `arn:aws:iam::${account}:role/${role}`,
      };
    case "IAMUser":
      return {
        ...nobody,
        name: user,
        arn: `arn:aws:iam::${account}:user/${user}`,
        principal: world.principals.get(user) ?? null,
        accessKey: `AKIA${random.base32(16)}`,
      };
    case "Root":
      return { ...nobody, arn: `arn:aws:iam::${account}:root`, principal: account };
    case "AWSService":
      return { ...nobody, service: random.skewed(awsServices) };
  }
}

const awsServices = ["ec2", "autoscaling", "lambda", "config", "eks", "ssm", "cloudformation"].map(
  (name) => `${name}.amazonaws.com`,
);

function callerOf({ random, world }: Call, { service }: Identity): ApiCall["caller"] {
  if (service !== null) return { address: null, domain: service, agent: service };
  const address = random.chance(0.45) ? random.skewed(world.publicAddresses) : random.skewed(world.privateAddresses);
  return { address, domain: null, agent: random.skewed(agents) };
}

const agents = [
  "aws-sdk-java/2.25.31 Linux/5.10.210 OpenJDK_64-Bit_Server_VM/17.0.10+8-LTS exec-env/AWS_ECS_FARGATE",
  "Boto3/1.34.84 md/Botocore#1.34.84 ua/2.0 os/linux#6.1.79 lang/python#3.11.8 exec-env/AWS_Lambda_python3.11",
  "aws-cli/2.15.40 Python/3.11.8 Darwin/23.4.0 exe/x86_64 prompt/off command/ec2.describe-instances",
  "APN/1.0 HashiCorp/1.0 Terraform/1.7.5 (+https://www.terraform.io) aws-sdk-go-v2/1.26.1 os/linux",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
  "aws-sdk-go/1.51.21 (go1.22.1; linux; amd64) amazon-ssm-agent/",
  ...Array.from(
    { length: 40 },
    (_, at) => `aws-sdk-js/3.${500 + at}.0 ua/2.0 os/linux lang/js md/nodejs#20.${at % 13}.0`,
  ),
];

function errorOf(call: Call, operation: Operation, { arn }: Identity): ApiCall["error"] {
  const { random } = call;
  if (operation.name === "ConsoleLogin") return random.chance(0.4) ? ["Failure", "Failed authentication"] : undefined;
  if (!random.chance(0.05)) return undefined;
  const action = `${operation.service}:${operation.name}`;
  return random.pick([
    [
      "AccessDenied",
      `User: ${arn ?? call.account} is not authorized to perform: ${action} because no identity-based policy allows the ${action} action`,
    ],
    ["Client.UnauthorizedOperation", "You are not authorized to perform this operation."],
    ["ThrottlingException", "Rate exceeded"],
    ["ResourceNotFoundException", "Requested resource not found"],
  ] as const);
}

function unmapped({ call, operation, identity, caller, feature }: ApiCall): Record<string, string> {
  const { random } = call;
  return {
    recipientAccountId: call.account,
    readOnly: String(operation.activity === "Read"),
    managementEvent: String(feature !== "Data"),
    ...(identity.issuer === null
      ? {}
      : {
          "userIdentity.sessionContext.sessionIssuer.type": "Role",
          "userIdentity.sessionContext.sessionIssuer.userName": call.role,
          "userIdentity.sessionContext.sessionIssuer.arn": identity.issuer,
        }),
    ...(caller.address === null
      ? { sharedEventID: random.uuid() }
      : {
          "tlsDetails.tlsVersion": "TLSv1.3",
          "tlsDetails.cipherSuite": "TLS_AES_128_GCM_SHA256",
          "tlsDetails.clientProvidedHostHeader": `${operation.service}.${call.region}.amazonaws.com`,
        }),
    // Keys and values that break careless JSON writers.
    ...(random.chance(0.02) ? { 'errorCode.raw "quoted"\n': "line 1\nline 2\t\u0001 é 中 🔒 \\" } : {}),
  };
}

const versions = choice([
  ["1.09", 60],
  ["1.08", 25],
  ["1.10", 15],
]);

function rowV1(record: ApiCall): Row {
  const { call, operation, identity, caller, error, time, resource } = record;
  const { random } = call;
  return {
    metadata: {
      product: { version: versions(random), name: "CloudTrail", vendor_name: "AWS", feature: { name: record.feature } },
      uid: random.uuid(),
      profiles: ["cloud"],
      version: "1.0.0-rc.2",
    },
    time,
    cloud: { region: call.region, provider: "AWS" },
    api: {
      response: { error: error?.[0], message: error?.[1] },
      operation: operation.name,
      service: { name: `${operation.service}.amazonaws.com` },
      request: { uid: random.uuid() },
    },
    resources: resource && [{ uid: resource[0], account_uid: call.account, type: resource[1] }],
    actor: {
      user: {
        type: identity.type,
        name: identity.name,
        uid: identity.principal,
        uuid: identity.arn,
        account_uid: call.account,
        credential_uid: identity.accessKey,
      },
      session:
        identity.issuer === null
          ? null
          : { created_time: time - random.between(0, 3_600_000), mfa: false, issuer: identity.issuer },
      invoked_by: identity.service,
    },
    http_request: { user_agent: caller.agent },
    src_endpoint: { ip: caller.address, domain: caller.domain },
    ...kind(3005, "API Activity", [3, "Audit Activity"], [activityIds[operation.activity], operation.activity]),
    status: error ? "Failure" : "Success",
    status_id: error ? 2 : 1,
    unmapped: {
      eventType: "AwsApiCall",
      ...unmapped(record),
      ...flattened("requestParameters", record.request),
      ...flattened("responseElements", record.response),
    },
  };
}

function flattened(prefix: string, values: Record<string, unknown> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values ?? {}).map(([key, value]) => [
      `${prefix}.${key}`,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
}

function rowV2(record: ApiCall): Row {
  const { call, operation, identity, caller, error, time, resource } = record;
  const { random } = call;
  const login = operation.name === "ConsoleLogin";
  const multiFactor = identity.type === "IAMUser" && random.chance(0.5);
  const response = login ? { ConsoleLogin: error ? "Failure" : "Success" } : record.response;
  return {
    metadata: {
      product: { version: versions(random), name: "CloudTrail", vendor_name: "AWS", feature: { name: record.feature } },
      event_code: login ? "AwsConsoleSignIn" : "AwsApiCall",
      uid: random.uuid(),
      profiles: ["cloud", "datetime"],
      version: "1.1.0",
    },
    time,
    time_dt: time,
    cloud: { region: call.region, provider: "AWS" },
    api: {
      response:
        error || response
          ? { error: error?.[0], message: error?.[1], data: response && JSON.stringify(response) }
          : null,
      operation: operation.name,
      service: { name: `${operation.service}.amazonaws.com` },
      request: { data: record.request && JSON.stringify(record.request), uid: random.uuid() },
    },
    dst_endpoint: login
      ? { svc_name: "https://console.aws.amazon.com/console/home?state=hashArgs%23&isauthcode=true" }
      : null,
    actor: {
      user: {
        type: identity.type,
        name: identity.name,
        uid_alt: identity.principal,
        uid: identity.arn,
        account: identity.service === null ? { uid: call.account } : null,
        credential_uid: login ? null : identity.accessKey,
      },
      session:
        identity.issuer === null
          ? null
          : { created_time_dt: time - random.between(0, 3_600_000), is_mfa: multiFactor, issuer: identity.issuer },
      invoked_by: identity.service,
    },
    http_request: { user_agent: caller.agent },
    src_endpoint: {
      uid: random.chance(0.05) ? `vpce-${random.hex(17)}` : null,
      ip: caller.address,
      domain: caller.domain,
    },
    session: operation.name === "AssumeRole" && !error ? { credential_uid: `ASIA${random.base32(16)}` } : null,
    policy: operation.name === "AttachRolePolicy" ? { uid: "arn:aws:iam::aws:policy/ReadOnlyAccess" } : null,
    resources: resource && [{ uid: resource[0], owner: { account: { uid: call.account } }, type: resource[1] }],
    user: userOf(record),
    ...kindOf(operation),
    status: error ? "Failure" : "Success",
    is_mfa: login ? multiFactor : null,
    unmapped: unmapped(record),
    observables: [
      ...(caller.address === null ? [] : [observable("src_endpoint.ip", caller.address, "IP Address")]),
      ...(identity.name === null ? [] : [observable("actor.user.name", identity.name, "User Name")]),
      ...(resource === undefined ? [] : [observable("resources[].uid", resource[0], "Resource UID")]),
    ],
  };
}

const identityCategory = [3, "Identity & Access Management"] as const;

function kindOf({ name, activity, as }: Operation): object {
  if (as === "authentication") return kind(3002, "Authentication", identityCategory, [1, "Logon"]);
  if (as === "account change")
    return kind(3001, "Account Change", identityCategory, name === "CreateUser" ? [1, "Create"] : [7, "Attach Policy"]);
  return kind(6003, "API Activity", [6, "Application Activity"], [activityIds[activity], activity]);
}

/** Whom an authentication or an account change is about. */
function userOf({ call, operation }: ApiCall): object | null {
  if (operation.as === undefined) return null;
  if (operation.name === "AssumeRole" || operation.name === "AttachRolePolicy")
    return { uid: `arn:aws:iam::${call.account}:role/${call.role}`, name: call.role };
  return {
    uid_alt: call.world.principals.get(call.user),
    uid: `arn:aws:iam::${call.account}:user/${call.user}`,
    name: call.user,
  };
}

import { parseArgs } from "node:util";
import { type LocalAws, startLocalAws } from "./local-aws.ts";
import type { LoggedRequest } from "./request-log.ts";
import { createSubscription, type Subscription } from "./subscription.ts";

const usage = `Usage: local-aws [options]

Starts SQS, S3, STS and IAM on this machine, in memory, with a Security Lake subscription in them, and prints what to
export in a shell. Ends on ctrl-C; everything is gone then.

  --port N         default 4566; 0 takes any free one
  --region NAME    default us-east-1
  --account ID     12 digits, default 123456789012
  --key ID         access key of the administrator, default test
  --secret TEXT    its secret, default test
  --quiet          no line for each request
  --help
`;

interface Options {
  readonly port: number;
  readonly region: string;
  readonly account: string;
  readonly key: string;
  readonly secret: string;
  readonly quiet: boolean;
}

function readOptions(): Options | "help" {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "4566" },
      region: { type: "string", default: "us-east-1" },
      account: { type: "string", default: "123456789012" },
      key: { type: "string", default: "test" },
      secret: { type: "string", default: "test" },
      quiet: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > 65_535) throw new RangeError(`--port ${values.port}: must be 0 to 65535`);
  if (!/^\d{12}$/.test(values.account)) throw new RangeError(`--account ${values.account}: must be 12 digits`);
  return { ...values, port };
}

async function run({ port, region, account, key, secret, quiet }: Options): Promise<void> {
  const aws = await startLocalAws({
    port,
    region,
    accounts: [account],
    adminCredentials: { accessKeyId: key, secretAccessKey: secret },
    lenientDelivery: true,
    trouble: (error) => console.error(error),
    ...(!quiet && { onRequest: (request) => console.error(line(request)) }),
  });
  const subscription = createSubscription(aws, { account, region });
  seedRoleForTrying(aws);
  process.stdout.write(exports(aws, subscription));
  console.error(`Listening on ${aws.url}. Ends on ctrl-C.`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void aws.close());
}

/** A role with an external id and a user without rights, for those who look at IAM and STS by hand. */
function seedRoleForTrying(aws: LocalAws): void {
  const partition = aws.region.startsWith("cn-") ? "aws-cn" : "aws";
  aws.createUser({ name: "u" });
  aws.createRole({
    name: "R",
    trust: {
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Principal: { AWS: `arn:${partition}:iam::${aws.account}:root` },
        Action: "sts:AssumeRole",
        Condition: { StringEquals: { "sts:ExternalId": "lab-external-id" } },
      },
    },
    policies: {
      Read: {
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action: ["s3:GetObject", "s3:ListBucket"], Resource: "*" }],
      },
    },
  });
}

/** Each value is quoted for a POSIX shell. */
function exports(aws: LocalAws, subscription: Subscription): string {
  const { userCredentials } = subscription;
  const sections: readonly [string, Readonly<Record<string, string>>][] = [
    [
      "The user that may assume the subscriber's role",
      {
        AWS_ENDPOINT_URL: aws.url,
        AWS_REGION: aws.region,
        AWS_DEFAULT_REGION: aws.region,
        AWS_ACCESS_KEY_ID: userCredentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: userCredentials.secretAccessKey,
      },
    ],
    [
      "The subscription: queue, role, external id, bucket",
      {
        SQS_NAME: subscription.queueName,
        SQS_URL: subscription.queueUrl,
        IAM_ROLE_ARN: subscription.roleArn,
        EXTERNAL_ID: subscription.externalId,
        BUCKET: subscription.bucket,
      },
    ],
    [
      "An administrator of the account: may do everything",
      {
        ADMIN_AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
        ADMIN_AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
      },
    ],
  ];
  return sections
    .map(([title, variables]) => [`# ${title}`, ...Object.entries(variables).map(exported)].join("\n"))
    .concat(upload(aws))
    .join("\n")
    .concat("\n");
}

/** How an object gets into the lake, and with it a message into the queue: a comment, to be copied. */
function upload({ account, region }: LocalAws): string {
  const day = new Date().toISOString().slice(0, 10).replaceAll("-", "");
  const key = `aws/CLOUD_TRAIL_MGMT/2.0/region=${region}/accountId=${account}/eventDay=${day}/FILE.gz.parquet`;
  return [
    "# Puts an object into the lake, which announces it in the queue. Some to try with are in the folder",
    "# packages/parquet-reader/test/fixtures/generated of the repository:",
    "#   AWS_ACCESS_KEY_ID=$ADMIN_AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY=$ADMIN_AWS_SECRET_ACCESS_KEY \\",
    `#   aws s3 cp FILE.gz.parquet s3://$BUCKET/${key}`,
  ].join("\n");
}

function exported([name, value]: readonly [string, string]): string {
  return `export ${name}=${/^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`}`;
}

function line({ at, service, operation, queue, bucket, key, status, code, duration }: LoggedRequest): string {
  const subject = queue ?? [bucket, key].filter((part) => part !== undefined).join("/");
  const outcome = code === undefined ? status : `${status} ${code}`;
  return `${at.toISOString()} ${service} ${operation} ${subject} ${outcome} ${duration.toFixed(1)} ms`;
}

try {
  const options = readOptions();
  if (options === "help") process.stdout.write(usage);
  else await run(options);
} catch (error) {
  const { code, port, message } = error as NodeJS.ErrnoException & { port?: number };
  const taken = `port ${port} is in use; take another by --port, or any free one by --port 0`;
  console.error(`local-aws: ${code === "EADDRINUSE" ? taken : message}`);
  process.exitCode = 2;
}

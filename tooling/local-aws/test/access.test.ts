import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalAws, PolicySource } from "../src/index.ts";
import { clientsOf, failure, refusal, startLocalAws } from "./clients.ts";

const [lake, other] = ["123456789012", "210987654321"] as const;
const Bucket = "access-bucket";
let aws: LocalAws;
let queue: { arn: string; url: string };
let count = 0;

beforeAll(async () => {
  aws = await startLocalAws({ accounts: [lake, other] });
  aws.createBucket({ name: Bucket });
  aws.putObject({ bucket: Bucket, key: "k", body: "v" });
  queue = aws.createQueue({ name: "access-queue" });
});
afterAll(() => aws.close());

const statement = (Effect: "Allow" | "Deny", Action: string | string[], Resource: string | string[] = "*") => ({
  Version: "2012-10-17",
  Statement: { Effect, Action, Resource },
});

function user(policies: Readonly<Record<string, PolicySource>>, more: object = {}) {
  const made = aws.createUser({ name: `user-${count++}`, policies, ...more });
  const clients = clientsOf(aws, made.credentials);
  return {
    ...made,
    ...clients,
    get: (Key = "k") => clients.s3.send(new GetObjectCommand({ Bucket, Key })),
    receive: () => clients.sqs.send(new ReceiveMessageCommand({ QueueUrl: queue.url })),
  };
}

describe("what no policy allows", () => {
  it("is denied by SQS in its words", async () => {
    const { arn, receive } = user({});
    const error = await failure(receive());
    expect(error).toMatchObject({ name: "AccessDenied", $metadata: { httpStatusCode: 403 } });
    expect(error.message).toBe(
      `User: ${arn} is not authorized to perform: sqs:receivemessage on resource: ${queue.arn} ` +
        "because no identity-based policy allows the sqs:receivemessage action",
    );
  });

  it("is denied by S3 in its words", async () => {
    const { arn, get } = user({ list: statement("Allow", "s3:ListBucket") });
    expect((await failure(get())).message).toBe(
      `User: ${arn} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::${Bucket}/k" ` +
        "because no identity-based policy allows the s3:GetObject action",
    );
  });

  it("is allowed as soon as a policy says so", async () => {
    const { arn, get } = user({});
    expect(await refusal(get())).toBe("AccessDenied");
    aws.putUserPolicy(arn, "read", statement("Allow", "s3:GetObject", `arn:aws:s3:::${Bucket}/*`));
    await get();
  });

  it("hides from those who may not list whether an object is there", async () => {
    const { arn, get } = user({ read: statement("Allow", "s3:GetObject") });
    const hidden = await failure(get("missing"));
    expect(hidden).toMatchObject({ name: "AccessDenied", $metadata: { httpStatusCode: 403 } });
    aws.putUserPolicy(arn, "list", statement("Allow", "s3:ListBucket", `arn:aws:s3:::${Bucket}`));
    expect(await refusal(get("missing"))).toBe("NoSuchKey");
  });
});

describe("explicit denies", () => {
  it("of an identity policy", async () => {
    const { get } = user({ all: statement("Allow", "*"), not: statement("Deny", "s3:Get*") });
    expect((await failure(get())).message).toMatch(/with an explicit deny in an identity-based policy$/);
  });

  it("of a bucket's policy, which counts for administrators too", async () => {
    aws.createBucket({
      name: "sealed-bucket",
      policy: {
        Version: "2012-10-17",
        Statement: { Effect: "Deny", Principal: "*", Action: "s3:PutObject", Resource: "arn:aws:s3:::sealed-bucket/*" },
      },
    });
    const { s3 } = clientsOf(aws);
    const error = await failure(s3.send(new PutObjectCommand({ Bucket: "sealed-bucket", Key: "k", Body: "v" })));
    expect(error.message).toMatch(/with an explicit deny in a resource-based policy$/);
  });

  it("of a service control policy, and what such a policy does not mention", async () => {
    const { get } = user({ all: statement("Allow", "*") });
    aws.setServiceControlPolicies(lake, [statement("Allow", "*"), statement("Deny", "s3:GetObject")]);
    expect((await failure(get())).message).toMatch(/with an explicit deny in a service control policy$/);
    aws.setServiceControlPolicies(lake, [statement("Allow", "sqs:*")]);
    expect((await failure(get())).message).toMatch(/because no service control policy allows the s3:GetObject action$/);
    aws.setServiceControlPolicies(lake, []);
    await get();
  });
});

describe("resource control policies", () => {
  it("forbid what is done with the account's own, whoever does it", async () => {
    const bucketPolicy = {
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::lent-bucket/*" },
    };
    aws.createBucket({ name: "lent-bucket", policy: bucketPolicy });
    aws.putObject({ bucket: "lent-bucket", key: "k", body: "v" });
    const { s3 } = user({ all: statement("Allow", "*") }, { account: other });
    const lent = () => s3.send(new GetObjectCommand({ Bucket: "lent-bucket", Key: "k" }));
    await lent();
    aws.setResourceControlPolicies(lake, [statement("Allow", "*"), statement("Deny", "s3:GetObject")]);
    expect(await refusal(lent())).toBe("AccessDenied");
    const own = await failure(user({ all: statement("Allow", "*") }).get());
    expect(own.message).toMatch(/with an explicit deny in a resource control policy$/);
    aws.setResourceControlPolicies(lake, []);
    await lent();
  });
});

describe("a VPC endpoint", () => {
  it("limits by its policy what is asked for by it, and is told to other policies", async () => {
    const { get, receive } = user({ all: statement("Allow", "*") });
    const policy = {
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Principal: "*", Action: "s3:*", Resource: "*" },
    };
    aws.setVpcEndpoint({ id: "vpce-1", policy });
    await get();
    const refused = await failure(receive());
    expect(refused.message).toMatch(/because no VPC endpoint policy allows the sqs:receivemessage action$/);
    aws.setVpcEndpoint({ id: "vpce-1" });
    await receive();
    const elsewhere = { StringNotEquals: { "aws:SourceVpce": "vpce-2" } };
    const guard = { ...statement("Deny", "s3:*").Statement, Condition: elsewhere };
    const guarded = user({ all: statement("Allow", "*"), guard: { Version: "2012-10-17", Statement: guard } });
    expect(await refusal(guarded.get())).toBe("AccessDenied");
    aws.setVpcEndpoint({ id: "vpce-2" });
    await guarded.get();
    aws.setVpcEndpoint(undefined);
    expect(await refusal(guarded.get())).toBe("AccessDenied");
  });
});

describe("permissions boundaries", () => {
  it("limit what the policies allow", async () => {
    const boundary = aws.createManagedPolicy("OnlyQueues", statement("Allow", "sqs:*"));
    const { get, receive } = user({ all: statement("Allow", "*") }, { boundary });
    await receive();
    expect((await failure(get())).message).toMatch(/because no permissions boundary allows the s3:GetObject action$/);
  });
});

describe("groups", () => {
  it("lend their policies to their users", async () => {
    const { PutGroupPolicyCommand } = await import("@aws-sdk/client-iam");
    const { get } = user({}, { groups: ["readers"] });
    expect(await refusal(get())).toBe("AccessDenied");
    await clientsOf(aws).iam.send(
      new PutGroupPolicyCommand({
        GroupName: "readers",
        PolicyName: "read",
        PolicyDocument: JSON.stringify(statement("Allow", "s3:GetObject")),
      }),
    );
    await get();
  });
});

describe("resource policies", () => {
  it("grant to users of the own account by name, without an identity policy", async () => {
    const { arn, sqs } = user({});
    const name = "open-queue";
    const { url } = aws.createQueue({
      name,
      attributes: {
        Policy: JSON.stringify({
          Version: "2012-10-17",
          Statement: { Effect: "Allow", Principal: { AWS: arn }, Action: "sqs:SendMessage", Resource: "*" },
        }),
      },
    });
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: "x" }));
    expect(await refusal(sqs.send(new ReceiveMessageCommand({ QueueUrl: url })))).toBe("AccessDenied");
  });

  it("and identity policies are both needed across accounts, where S3 gives no reason", async () => {
    const guest = user({ read: statement("Allow", "s3:*") }, { account: other });
    expect((await failure(guest.get())).message).toBe("Access Denied");
    aws.createBucket({
      name: "guest-bucket",
      policy: {
        Version: "2012-10-17",
        Statement: {
          Effect: "Allow",
          Principal: { AWS: `arn:aws:iam::${other}:root` },
          Action: "s3:GetObject",
          Resource: "arn:aws:s3:::guest-bucket/*",
        },
      },
    });
    aws.putObject({ bucket: "guest-bucket", key: "k", body: "v" });
    const get = (s3: typeof guest.s3) => s3.send(new GetObjectCommand({ Bucket: "guest-bucket", Key: "k" }));
    await get(guest.s3);
    expect(await refusal(get(user({}, { account: other }).s3))).toBe("AccessDenied");
  });

  it("see the prefix of a listing", async () => {
    const { s3 } = user({
      list: {
        Version: "2012-10-17",
        Statement: {
          Effect: "Allow",
          Action: "s3:ListBucket",
          Resource: "*",
          Condition: { StringLike: { "s3:prefix": "aws/*" } },
        },
      },
    });
    await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "aws/VPC_FLOW/" }));
    expect(await refusal(s3.send(new ListObjectsV2Command({ Bucket, Prefix: "ext/" })))).toBe("AccessDenied");
  });

  it("open a bucket to those who do not sign", async () => {
    aws.createBucket({
      name: "public-bucket",
      policy: {
        Version: "2012-10-17",
        Statement: {
          Effect: "Allow",
          Principal: "*",
          Action: "s3:GetObject",
          Resource: "arn:aws:s3:::public-bucket/*",
        },
      },
    });
    aws.putObject({ bucket: "public-bucket", key: "k", body: "v" });
    expect(await (await fetch(`${aws.url}/public-bucket/k`)).text()).toBe("v");
    expect((await fetch(`${aws.url}/${Bucket}/k`)).status).toBe(403);
  });
});

describe("customer managed keys", () => {
  it("must be allowed for reading an object", async () => {
    const key = aws.createKey();
    aws.putObject({ bucket: Bucket, key: "sealed", body: "v", kmsKey: key });
    const { arn, get } = user({ read: statement("Allow", "s3:*") });
    const denied = await failure(get("sealed"));
    expect(denied.name).toBe("AccessDenied");
    expect(denied.message).toBe(
      `User: ${arn} is not authorized to perform: kms:Decrypt on resource: ${key} ` +
        "because no identity-based policy allows the kms:Decrypt action",
    );
    aws.putUserPolicy(arn, "decrypt", statement("Allow", "kms:Decrypt", key));
    expect((await get("sealed")).SSEKMSKeyId).toBe(key);
    aws.setKeyEnabled(key, false);
    expect(await refusal(get("sealed"))).toBe("KMS.DisabledException");
  });

  it("have a policy of their own that has to let the caller in", async () => {
    const key = aws.createKey({
      policy: {
        Version: "2012-10-17",
        Statement: {
          Effect: "Allow",
          Principal: { AWS: `arn:aws:iam::${other}:root` },
          Action: "kms:*",
          Resource: "*",
        },
      },
    });
    aws.putObject({ bucket: Bucket, key: "foreign", body: "v", kmsKey: key });
    const { get } = user({ all: statement("Allow", ["s3:*", "kms:*"]) });
    expect((await failure(get("foreign"))).message).toMatch(/no resource-based policy allows the kms:Decrypt action$/);
  });

  it("must be allowed for receiving from a queue", async () => {
    const key = aws.createKey();
    const { url } = aws.createQueue({ name: "sealed-queue", attributes: { KmsMasterKeyId: key } });
    const { arn, sqs } = user({ receive: statement("Allow", "sqs:*") });
    const receive = () => sqs.send(new ReceiveMessageCommand({ QueueUrl: url }));
    expect(await refusal(receive())).toMatch(/KmsAccessDenied|KMS.AccessDeniedException/);
    aws.putUserPolicy(arn, "decrypt", statement("Allow", "kms:Decrypt", key));
    await receive();
  });

  it("are named by their alias and id too, where they are", async () => {
    const key = aws.createKey({ alias: "alias/lake" });
    const elsewhere = aws.createKey({ alias: "alias/lake", region: "eu-west-1" });
    const may = { use: statement("Allow", ["sqs:*", "s3:*"]), decrypt: statement("Allow", "kms:*", key) };
    const { s3, sqs } = user(may);
    for (const [at, name] of ["alias/lake", key.split("/")[1], key.replace(/key\/.*/, "alias/lake")].entries()) {
      const attributes = { KmsMasterKeyId: name as string };
      const { url } = aws.createQueue({ name: `alias-queue-${at}`, attributes });
      await sqs.send(new ReceiveMessageCommand({ QueueUrl: url }));
      aws.putObject({ bucket: Bucket, key: "alias", body: "v", kmsKey: name as string });
      expect((await s3.send(new GetObjectCommand({ Bucket, Key: "alias" }))).SSEKMSKeyId).toBe(key);
    }
    const { url } = aws.createQueue({ name: "alias-queue", attributes: { KmsMasterKeyId: elsewhere } });
    expect(await refusal(sqs.send(new ReceiveMessageCommand({ QueueUrl: url })))).toMatch(/AccessDenied/);
  });

  it("let in whom a grant names, for what it is for", async () => {
    const key = aws.createKey();
    aws.putObject({ bucket: Bucket, key: "granted", body: "v", kmsKey: key });
    const { arn, get } = user({ read: statement("Allow", "s3:*") });
    const sealed = `arn:aws:s3:::${Bucket}/granted`;
    aws.grant(key, { grantee: arn, operations: ["GenerateDataKey"] });
    aws.grant(key, { grantee: `${arn}-other`, operations: ["Decrypt"] });
    aws.grant(key, { grantee: arn, operations: ["Decrypt"], encryptionContext: { "aws:s3:arn": `${sealed}-not` } });
    expect(await refusal(get("granted"))).toBe("AccessDenied");
    aws.grant(key, { grantee: arn, operations: ["Decrypt"], encryptionContext: { "aws:s3:arn": sealed } });
    await get("granted");
    aws.putUserPolicy(arn, "not", statement("Deny", "kms:*", key));
    expect(await refusal(get("granted"))).toBe("AccessDenied");
  });

  it("are not needed for what is told of an object, but for its checksum", async () => {
    const key = aws.createKey();
    aws.putObject({ bucket: Bucket, key: "told", body: "v", kmsKey: key });
    const { s3 } = user({ read: statement("Allow", "s3:*") });
    const head = (more: object = {}) => s3.send(new HeadObjectCommand({ Bucket, Key: "told", ...more }));
    expect((await head()).SSEKMSKeyId).toBe(key);
    expect((await failure(head({ ChecksumMode: "ENABLED" }))).$metadata?.httpStatusCode).toBe(403);
  });
});

describe("AWS's own keys", () => {
  it("let those of their account in by way of their service, and no service", async () => {
    const attributes = (Principal: object) => ({
      KmsMasterKeyId: "alias/aws/sqs",
      Policy: JSON.stringify({
        Version: "2012-10-17",
        Statement: { Effect: "Allow", Principal, Action: "sqs:*", Resource: "*" },
      }),
    });
    const { url } = aws.createQueue({ name: "own", attributes: attributes({ AWS: other }) });
    const receive = ({ sqs }: ReturnType<typeof user>) => sqs.send(new ReceiveMessageCommand({ QueueUrl: url }));
    const all = { all: statement("Allow", ["sqs:*", "kms:*"]) };
    await receive(user(all));
    expect(await refusal(receive(user(all, { account: other })))).toMatch(/KmsAccessDenied|KMS.AccessDeniedException/);
    const told = aws.createQueue({ name: "told", attributes: attributes({ Service: "events.amazonaws.com" }) });
    aws.createBucket({ name: "telling-bucket", eventBridge: true });
    const pattern = { source: ["aws.s3"], detail: { bucket: { name: ["telling-bucket"] } } };
    aws.createRule({ name: "telling", pattern, targets: [{ queueArn: told.arn, form: "eventbridge" }] });
    aws.putObject({ bucket: "telling-bucket", key: "k", body: "v" });
    expect(aws.messages(told.url)).toEqual([]);
  });
});

it("lets requesters of another account pay where they must", async () => {
  aws.createBucket({
    name: "paying-bucket",
    requesterPays: true,
    policy: {
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Principal: { AWS: other },
        Action: "s3:*",
        Resource: "arn:aws:s3:::paying-bucket/*",
      },
    },
  });
  aws.putObject({ bucket: "paying-bucket", key: "k", body: "v" });
  const { s3 } = user({ all: statement("Allow", "s3:*") }, { account: other });
  const get = (more: object) => s3.send(new GetObjectCommand({ Bucket: "paying-bucket", Key: "k", ...more }));
  expect(await refusal(get({}))).toBe("AccessDenied");
  await get({ RequestPayer: "requester" });
});

import { GetObjectCommand } from "@aws-sdk/client-s3";
import { ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  AssumeRoleWithWebIdentityCommand,
  GetCallerIdentityCommand,
  STSClient,
} from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Credentials, LocalAws } from "../src/index.ts";
import { clientsOf, createClock, failure, refusal, startLocalAws } from "./clients.ts";

const [lake, other] = ["123456789012", "210987654321"] as const;
const clock = createClock();
let aws: LocalAws;
let user: { arn: string; credentials: Credentials };
let role: string;

const mayAssume = {
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Action: "sts:AssumeRole", Resource: "*" },
};
const trusting = (Principal: object | string, ...externalIds: string[]) => ({
  Version: "2012-10-17",
  Statement: {
    Effect: "Allow",
    Principal,
    Action: "sts:AssumeRole",
    ...(externalIds.length > 0 && { Condition: { StringEquals: { "sts:ExternalId": externalIds } } }),
  },
});

beforeAll(async () => {
  aws = await startLocalAws({
    now: clock.now,
    clockSkew: Number.POSITIVE_INFINITY,
    accounts: [lake, other],
  });
  user = aws.createUser({ name: "subscriber", policies: { assume: mayAssume } });
  aws.createBucket({ name: "sts-bucket" });
  aws.putObject({ bucket: "sts-bucket", key: "k", body: "v" });
  role = aws.createRole({
    name: "reader",
    trust: trusting({ AWS: user.arn }, "the-id"),
    policies: {
      read: { Version: "2012-10-17", Statement: { Effect: "Allow", Action: ["s3:*", "sts:*"], Resource: "*" } },
    },
    maxSessionDuration: 7200,
  }).arn;
});
afterAll(() => aws.close());

async function assume(more: Partial<AssumeRoleCommandInput> = {}, credentials: Credentials = user.credentials) {
  const { sts } = clientsOf(aws, credentials);
  const input = { RoleArn: role, RoleSessionName: "host", ExternalId: "the-id", ...more };
  const { Credentials: given, AssumedRoleUser } = await sts.send(new AssumeRoleCommand(input));
  return {
    arn: AssumedRoleUser?.Arn,
    expiration: given?.Expiration,
    credentials: {
      accessKeyId: given?.AccessKeyId ?? "",
      secretAccessKey: given?.SecretAccessKey ?? "",
      sessionToken: given?.SessionToken ?? "",
    },
  };
}

const get = (credentials: Credentials) =>
  clientsOf(aws, credentials).s3.send(new GetObjectCommand({ Bucket: "sts-bucket", Key: "k" }));

describe("GetCallerIdentity", () => {
  it("tells users and sessions who they are, whatever their rights", async () => {
    const identify = (credentials: Credentials) =>
      clientsOf(aws, credentials).sts.send(new GetCallerIdentityCommand({}));
    expect(await identify(user.credentials)).toMatchObject({ Account: lake, Arn: user.arn });
    const session = await assume();
    expect(session.arn).toBe(`arn:aws:sts::${lake}:assumed-role/reader/host`);
    expect((await identify(session.credentials)).Arn).toBe(session.arn);
  });
});

describe("AssumeRole", () => {
  it("gives credentials that have the role's rights for the time asked for", async () => {
    const session = await assume({ DurationSeconds: 900 });
    expect(Math.abs((session.expiration?.getTime() ?? 0) - clock.now() - 900_000)).toBeLessThan(1000);
    await get(session.credentials);
    expect(await refusal(get(user.credentials))).toBe("AccessDenied");
  });

  it("says the same of a wrong and a missing external id and of a role that is not there", async () => {
    const words = (arn: string) => `User: ${user.arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`;
    const missing = `arn:aws:iam::${lake}:role/missing`;
    for (const [input, arn] of [
      [{ ExternalId: "another" }, role],
      [{ ExternalId: undefined }, role],
      [{ RoleArn: missing }, missing],
    ] as const) {
      const error = await failure(assume(input));
      expect([error.name, error.$metadata?.httpStatusCode, error.message]).toEqual(["AccessDenied", 403, words(arn)]);
    }
  });

  it("needs a trust policy that names the caller, and the caller's own right when it names the account", async () => {
    const stranger = aws.createUser({ name: "stranger" });
    expect(await refusal(assume({}, stranger.credentials))).toBe("AccessDenied");
    const open = aws.createRole({ name: "open", trust: trusting({ AWS: lake }) }).arn;
    expect(await refusal(assume({ RoleArn: open }, stranger.credentials))).toBe("AccessDenied");
    await assume({ RoleArn: open });
    aws.setTrust(open, trusting({ AWS: stranger.arn }));
    await assume({ RoleArn: open }, stranger.credentials);
  });

  it("works across accounts when both sides allow it", async () => {
    const guest = aws.createUser({ name: "guest", account: other });
    const shared = aws.createRole({ name: "shared", trust: trusting({ AWS: guest.arn }) }).arn;
    expect(await refusal(assume({ RoleArn: shared }, guest.credentials))).toBe("AccessDenied");
    aws.putUserPolicy(guest.arn, "assume", mayAssume);
    await assume({ RoleArn: shared }, guest.credentials);
  });

  it("limits the duration: 900 s to 12 h, the role's own limit, one hour for a session's session", async () => {
    expect((await failure(assume({ DurationSeconds: 899 }))).message).toContain("greater than or equal to 900");
    expect((await failure(assume({ DurationSeconds: 43_201 }))).message).toContain("less than or equal to 43200");
    const beyond = await failure(assume({ DurationSeconds: 7201 }));
    expect([beyond.name, beyond.message]).toEqual([
      "ValidationError",
      "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    ]);
    await assume({ DurationSeconds: 7200 });
    aws.setTrust(role, trusting({ AWS: [user.arn, role] }, "the-id"));
    const session = await assume();
    expect((await failure(assume({ DurationSeconds: 3601 }, session.credentials))).message).toContain("role chaining");
    await assume({ DurationSeconds: 3600 }, session.credentials);
  });

  it("checks the external id's and the session name's characters", async () => {
    expect(await refusal(assume({ ExternalId: "with space" }))).toBe("ValidationError");
    expect(await refusal(assume({ RoleSessionName: "a/b" }))).toBe("ValidationError");
  });

  it("can narrow a session by a policy", async () => {
    const narrow = { Version: "2012-10-17", Statement: { Effect: "Allow", Action: "sqs:*", Resource: "*" } };
    const session = await assume({ Policy: JSON.stringify(narrow) });
    expect((await failure(get(session.credentials))).message).toMatch(/because no session policy allows/);
  });
});

describe("AssumeRoleWithWebIdentity", () => {
  const issuer = "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE";
  const host = issuer.slice("https://".length);
  const subject = "system:serviceaccount:security:lake-reader";
  let provider: ReturnType<LocalAws["createOidcProvider"]>;
  let pod: string;

  const trustingPods = (condition: object, { arn } = provider) => ({
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Principal: { Federated: arn },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: condition,
    },
  });

  beforeAll(() => {
    provider = aws.createOidcProvider({ issuer });
    const condition = { StringEquals: { [`${host}:aud`]: "sts.amazonaws.com", [`${host}:sub`]: subject } };
    pod = aws.createRole({ name: "pod", trust: trustingPods(condition), maxSessionDuration: 7200 }).arn;
  });

  const open = (token: string, more: { RoleArn?: string; DurationSeconds?: number } = {}) => {
    const sts = new STSClient({ region: "us-east-1", endpoint: aws.url });
    const input = { RoleArn: pod, RoleSessionName: "pod-1", WebIdentityToken: token, ...more };
    return sts.send(new AssumeRoleWithWebIdentityCommand(input));
  };
  const refused = async (token: string, more: { RoleArn?: string } = {}) => {
    const { name, message, $metadata } = await failure(open(token, more));
    return [$metadata?.httpStatusCode, name.replace(/Exception$/, ""), message];
  };

  it("opens the role to whom its trust policy means, without a signature", async () => {
    const { Credentials: given, ...rest } = await open(provider.token({ sub: subject }), { DurationSeconds: 7200 });
    expect(rest).toMatchObject({
      SubjectFromWebIdentityToken: subject,
      Audience: "sts.amazonaws.com",
      Provider: issuer,
      AssumedRoleUser: { Arn: `arn:aws:sts::${lake}:assumed-role/pod/pod-1` },
    });
    expect(given?.Expiration?.getTime()).toBe(Math.floor(clock.now() / 1000) * 1000 + 7_200_000);
    const credentials = {
      accessKeyId: given?.AccessKeyId ?? "",
      secretAccessKey: given?.SecretAccessKey ?? "",
      sessionToken: given?.SessionToken ?? "",
    };
    const caller = await clientsOf(aws, credentials).sts.send(new GetCallerIdentityCommand({}));
    expect(caller.Arn).toBe(`arn:aws:sts::${lake}:assumed-role/pod/pod-1`);
    expect(await refusal(open(provider.token({ sub: subject }), { DurationSeconds: 7201 }))).toBe("ValidationError");
  });

  it("stays shut to other subjects and audiences of the provider, to keys, and where there is no such role", async () => {
    const shut = [403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"];
    expect(await refused(provider.token({ sub: "system:serviceaccount:security:other" }))).toEqual(shut);
    expect(await refused(provider.token({ sub: subject }), { RoleArn: `${pod}-other` })).toEqual(shut);
    expect(await refused(provider.token({ sub: subject }), { RoleArn: role })).toEqual(shut);
    const also = aws.createOidcProvider({ issuer: `${issuer}/also`, audiences: ["sts.amazonaws.com", "lake"] });
    expect(await refused(also.token({ sub: subject }))).toEqual(shut);
    const trust = trustingPods({ StringEquals: { [`${host}/also:aud`]: "lake" } }, also);
    const { arn } = aws.createRole({ name: "lake-only", trust });
    expect(await refused(also.token(), { RoleArn: arn })).toEqual(shut);
    await open(also.token({ aud: "lake" }), { RoleArn: arn });
    expect(await refusal(assume({ RoleArn: pod }))).toBe("AccessDenied");
  });

  it("believes no token of an issuer that the role's account does not know, nor one that another has signed", async () => {
    const stranger = aws.createOidcProvider({ issuer: "https://stranger.example", account: other });
    expect(await refused(stranger.token())).toEqual([
      400,
      "InvalidIdentityToken",
      "No OpenIDConnect provider found in your account for https://stranger.example",
    ]);
    expect(await refused(stranger.token({ iss: issuer, sub: subject }))).toEqual([
      400,
      "InvalidIdentityToken",
      expect.stringMatching(/^Couldn't retrieve verification key/),
    ]);
    const [head, , signature] = provider.token({ sub: "system:serviceaccount:security:other" }).split(".");
    const [, claims] = provider.token({ sub: subject }).split(".");
    expect((await refused(`${head}.${claims}.${signature}`))[1]).toBe("InvalidIdentityToken");
    expect(await refused("no-token")).toEqual([
      400,
      "InvalidIdentityToken",
      "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
    ]);
  });

  it("believes no token that is over, nor one for somebody else", async () => {
    const now = Math.floor(clock.now() / 1000);
    expect(await refused(provider.token({ sub: subject, exp: now }))).toEqual([
      400,
      "ExpiredToken",
      `Token expired: current date/time ${now} must be before the expiration date/time ${now}`,
    ]);
    expect(await refused(provider.token({ sub: subject, aud: "somebody" }))).toEqual([
      400,
      "InvalidIdentityToken",
      "Incorrect token audience",
    ]);
  });
});

describe("sessions", () => {
  it("end: each service then says that the token has expired", async () => {
    const { url } = aws.createQueue({ name: "sts-queue" });
    const { credentials } = await assume({ DurationSeconds: 900 });
    clock.pass(899);
    await get(credentials);
    clock.pass(1);
    const clients = clientsOf(aws, credentials);
    expect(await failure(get(credentials))).toMatchObject({ name: "ExpiredToken", $metadata: { httpStatusCode: 400 } });
    expect(await failure(clients.sts.send(new GetCallerIdentityCommand({})))).toMatchObject({
      name: expect.stringMatching(/^ExpiredToken/),
      $metadata: { httpStatusCode: 403 },
    });
    expect(await failure(clients.sqs.send(new ReceiveMessageCommand({ QueueUrl: url })))).toMatchObject({
      name: expect.stringMatching(/^ExpiredToken/),
      $metadata: { httpStatusCode: 403 },
    });
  });

  it("can be ended by a test, and be had without asking", async () => {
    const issued = aws.issueSession(role, { seconds: 60 });
    await get(issued);
    aws.expireSessions(role);
    expect(await refusal(get(issued))).toBe("ExpiredToken");
  });

  it("are nothing without their token, or with another", async () => {
    const { sessionToken: _, ...bare } = aws.issueSession(role);
    expect(await refusal(get(bare))).toBe("InvalidToken");
    expect(await refusal(get({ ...bare, sessionToken: "another" }))).toBe("InvalidToken");
  });

  it("may live shorter than asked for where a test wants them to", async () => {
    await using short = await startLocalAws({ sessionSeconds: 2 });
    const { arn } = short.createRole({ name: "r", trust: trusting("*") });
    const { Credentials: given } = await clientsOf(short).sts.send(
      new AssumeRoleCommand({ RoleArn: arn, RoleSessionName: "host" }),
    );
    expect((given?.Expiration?.getTime() ?? 0) - Date.now()).toBeLessThan(2000);
  });
});

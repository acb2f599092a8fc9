import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSubscription, type LocalAws, startLocalAws } from "@threatlockdown/tooling-local-aws";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { findRegion, lakeCredentials } from "../src/index.ts";

const inAnHour = () => new Date(Date.now() + 3_600_000);

type Answer = (request: IncomingMessage) => { readonly body: string } | undefined;

/** What gives credentials on a machine of AWS: metadata of instance and container, SSO's portal. */
const givers: Readonly<Record<string, Answer>> = {
  "PUT /latest/api/token": () => ({ body: "metadata-token" }),
  "GET /latest/meta-data/iam/security-credentials/": (request) =>
    request.headers["x-aws-ec2-metadata-token"] === "metadata-token" ? { body: "lake-reader" } : undefined,
  "GET /latest/meta-data/iam/security-credentials/lake-reader": () => ({
    body: JSON.stringify({
      ...{ Code: "Success", AccessKeyId: "ASIAINSTANCE", SecretAccessKey: "s", Token: "t" },
      Expiration: inAnHour().toISOString(),
    }),
  }),
  "GET /latest/meta-data/placement/region": () => ({ body: "eu-central-2" }),
  "GET /container": (request) =>
    request.headers.authorization === "container-token"
      ? {
          body: JSON.stringify({
            ...{ AccessKeyId: "ASIACONTAINER", SecretAccessKey: "s", Token: "t" },
            Expiration: inAnHour().toISOString(),
          }),
        }
      : undefined,
  "GET /federation/credentials": (request) =>
    request.headers["x-amz-sso_bearer_token"] === "sso-token"
      ? {
          body: JSON.stringify({
            roleCredentials: {
              ...{ accessKeyId: "ASIASSO", secretAccessKey: "s", sessionToken: "t" },
              expiration: inAnHour().getTime(),
            },
          }),
        }
      : undefined,
};

async function startGivers(): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((request, response) => {
    const answer = givers[`${request.method} ${request.url?.split("?")[0]}`]?.(request);
    request.resume();
    response.writeHead(answer === undefined ? 403 : 200).end(answer?.body);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

describe("the base credentials", () => {
  let folder: string;
  let url: string;
  let server: Server;

  const ofEnvironment = [
    ...["AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
    ...["AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ENDPOINT_URL"],
    ...["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_ENDPOINT_URL_STS"],
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
  ];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "aws-auth-"));
    ({ url, server } = await startGivers());
    for (const name of ofEnvironment) vi.stubEnv(name, undefined);
    vi.stubEnv("HOME", folder);
    vi.stubEnv("AWS_CONFIG_FILE", join(folder, "config"));
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(folder, "credentials"));
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
    vi.stubEnv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url);
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  const configure = (text: string) => writeFile(join(folder, "config"), text);
  const keyOf = async (settings: Parameters<typeof lakeCredentials>[0] = {}) =>
    (await lakeCredentials({ region: "us-east-1", ...settings })()).accessKeyId;

  it("are a profile's own role, assumed with those of its source_profile", async () => {
    await using aws = await startLocalAws();
    const { roleArn, externalId, userCredentials } = createSubscription(aws);
    vi.stubEnv("AWS_ENDPOINT_URL_STS", aws.url);
    await configure(
      `[profile lake]\nrole_arn = ${roleArn}\nexternal_id = ${externalId}\nsource_profile = reader\nregion = us-east-1\n` +
        `[profile reader]\naws_access_key_id = ${userCredentials.accessKeyId}\naws_secret_access_key = ${userCredentials.secretAccessKey}\n`,
    );
    expect(await keyOf({ profile: "lake" })).toMatch(/^ASIA/);
    expect(aws.requests.count({ operation: "AssumeRole", status: 200 })).toBe(1);
  });

  it("are what credential_process writes", async () => {
    const given = { Version: 1, AccessKeyId: "AKIAPROCESS", SecretAccessKey: "s", Expiration: inAnHour() };
    await writeFile(join(folder, "given.json"), JSON.stringify(given));
    await configure(`[profile tool]\ncredential_process = cat ${join(folder, "given.json")}\n`);
    expect(await keyOf({ profile: "tool" })).toBe("AKIAPROCESS");
  });

  it("say which profile, where credential_process fails", async () => {
    await configure("[profile tool]\ncredential_process = false\n");
    const failing = keyOf({ profile: "tool" });
    await expect(failing).rejects.toMatchObject({ code: "AUTH_BASE" });
    await expect(failing).rejects.toThrow(/profile tool .*source_profile, process or token file/);
  });

  const sso =
    "[profile lake]\nsso_session = company\nsso_account_id = 111122223333\nsso_role_name = reader\n" +
    "[sso-session company]\nsso_region = us-east-1\nsso_start_url = https://company.awsapps.com/start\n";
  const logIn = async (expiresAt: Date) => {
    const cache = join(folder, ".aws", "sso", "cache");
    await mkdir(cache, { recursive: true });
    const name = createHash("sha1").update("company").digest("hex");
    await writeFile(
      join(cache, `${name}.json`),
      JSON.stringify({ accessToken: "sso-token", expiresAt: expiresAt.toISOString() }),
    );
  };

  it("are those of an SSO session", async () => {
    vi.stubEnv("AWS_ENDPOINT_URL", url);
    await configure(sso);
    await logIn(inAnHour());
    expect(await keyOf({ profile: "lake" })).toBe("ASIASSO");
  });

  it("say how to log in, where the SSO session is over", async () => {
    vi.stubEnv("AWS_ENDPOINT_URL", url);
    await configure(sso);
    await logIn(new Date(Date.now() - 3_600_000));
    await expect(keyOf({ profile: "lake" })).rejects.toThrow('run "aws sso login --profile lake"');
  });

  describe("of a web identity, as pods of EKS have it", () => {
    const issuer = "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE";
    const subject = "system:serviceaccount:security:threatlockdown";
    let aws: LocalAws;
    let provider: ReturnType<LocalAws["createOidcProvider"]>;
    let time: number;

    beforeEach(async () => {
      time = Date.now();
      aws = await startLocalAws({ now: () => time });
      provider = aws.createOidcProvider({ issuer });
      const { arn } = aws.createRole({
        name: "pod",
        trust: {
          Version: "2012-10-17",
          Statement: {
            Effect: "Allow",
            Principal: { Federated: provider.arn },
            Action: "sts:AssumeRoleWithWebIdentity",
            Condition: { StringEquals: { [`${issuer.slice(8)}:sub`]: subject } },
          },
        },
      });
      vi.stubEnv("AWS_WEB_IDENTITY_TOKEN_FILE", join(folder, "token"));
      vi.stubEnv("AWS_ROLE_ARN", arn);
      vi.stubEnv("AWS_ENDPOINT_URL_STS", aws.url);
    });
    afterEach(() => aws.close());

    const project = (token: string) => writeFile(join(folder, "token"), token);

    it("are a role's, and are had again by the token that the file holds then", async () => {
      await project(provider.token({ sub: subject }));
      const credentials = lakeCredentials({ region: "us-east-1", now: () => time });
      const first = await credentials();
      expect(first.accessKeyId).toMatch(/^ASIA/);
      time += 2 * 3_600_000; // the first token is over as well
      await project(provider.token({ sub: subject }));
      const second = await credentials();
      expect(second.accessKeyId).not.toBe(first.accessKeyId);
      const listed = aws.requests.list({ operation: "AssumeRoleWithWebIdentity" });
      expect(listed.map(({ status, principal }) => [status, principal])).toEqual([
        [200, ""],
        [200, ""],
      ]);
    });

    it.each<[string, () => string, RegExp]>([
      [
        "another subject",
        () => provider.token({ sub: "system:serviceaccount:default:default" }),
        /^AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity; .*\(1\) the trust policy of the role does not allow the token of this pod/,
      ],
      [
        "an issuer that IAM does not know",
        () => provider.token({ sub: subject, iss: "https://other.example" }),
        /^InvalidIdentityToken\w*: No OpenIDConnect provider found .* https:\/\/other\.example; likely cause: the account of the role has no identity provider for this issuer/,
      ],
      [
        "an audience that IAM does not know",
        () => provider.token({ sub: subject, aud: "other" }),
        /^InvalidIdentityToken\w*: Incorrect token audience; likely cause: the identity provider in IAM does not list the audience/,
      ],
      [
        "a token that is over",
        () => provider.token({ sub: subject, exp: Math.floor(Date.now() / 1000) - 60 }),
        /^ExpiredToken\w*: Token expired: .*\(1\) the file of AWS_WEB_IDENTITY_TOKEN_FILE is not renewed any more/,
      ],
      [
        "no token at all",
        () => "what is this",
        /^InvalidIdentityToken\w*: The ID Token provided is not a valid JWT\..*; likely cause: the file of AWS_WEB_IDENTITY_TOKEN_FILE holds no token/,
      ],
    ])("say what is wrong with %s, without the token", async (_what, token, expected) => {
      const written = token();
      await project(written);
      const failing = lakeCredentials({ region: "us-east-1", now: () => time })();
      await expect(failing).rejects.toMatchObject({ code: "AUTH_BASE" });
      await expect(failing).rejects.toThrow(expected);
      const { message } = (await failing.catch((error: Error) => error as Error)) as Error;
      expect(message).not.toContain(written);
    });
  });

  it("are a container's", async () => {
    vi.stubEnv("AWS_CONTAINER_CREDENTIALS_FULL_URI", `${url}/container`);
    vi.stubEnv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token");
    expect(await keyOf()).toBe("ASIACONTAINER");
  });

  it("are the instance's role, and its region is the one to work in", async () => {
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", undefined);
    expect(await keyOf()).toBe("ASIAINSTANCE");
    expect(await findRegion({ queue: "lake" })).toBe("eu-central-2");
  });

  it("are asked for again before their end, and a failure shows while the old ones hold", async () => {
    const time = { now: Date.now() };
    const failures: number[] = [];
    const given = join(folder, "given.json");
    const give = (number: number) =>
      writeFile(
        given,
        JSON.stringify({
          ...{ Version: 1, AccessKeyId: `AKIA${number}`, SecretAccessKey: "s" },
          Expiration: new Date(time.now + 3_600_000),
        }),
      );
    await give(1);
    await configure(`[profile tool]\ncredential_process = cat ${given}\n`);
    const credentials = lakeCredentials({
      profile: "tool",
      now: () => time.now,
      onFailure: (_error, validForMs) => failures.push(validForMs),
    });
    const key = async () => (await credentials()).accessKeyId;
    expect(await key()).toBe("AKIA1");
    await rm(given);
    time.now += 50 * 60_000;
    expect(await key()).toBe("AKIA1");
    await expect.poll(() => failures, { timeout: 10_000 }).toEqual([10 * 60_000]);
    await give(2);
    time.now += 60_000;
    await expect.poll(key, { timeout: 10_000 }).toBe("AKIA2");
  });
});

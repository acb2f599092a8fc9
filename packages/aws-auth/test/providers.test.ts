import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSubscription, startLocalAws } from "@threatlockdown/tooling-local-aws";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { findRegion, lakeCredentials } from "../src/index.ts";

const inAnHour = () => new Date(Date.now() + 3_600_000);

interface Asked {
  readonly request: IncomingMessage;
  readonly body: string;
}
type Answer = (asked: Asked) => { readonly status?: number; readonly body: string } | undefined;

/** What gives credentials on a machine of AWS: metadata of instance and container, STS for web identities, SSO's portal. */
const givers: Readonly<Record<string, Answer>> = {
  "PUT /latest/api/token": () => ({ body: "metadata-token" }),
  "GET /latest/meta-data/iam/security-credentials/": ({ request }) =>
    request.headers["x-aws-ec2-metadata-token"] === "metadata-token" ? { body: "lake-reader" } : undefined,
  "GET /latest/meta-data/iam/security-credentials/lake-reader": () => ({
    body: JSON.stringify({
      ...{ Code: "Success", AccessKeyId: "ASIAINSTANCE", SecretAccessKey: "s", Token: "t" },
      Expiration: inAnHour().toISOString(),
    }),
  }),
  "GET /latest/meta-data/placement/region": () => ({ body: "eu-central-2" }),
  "GET /container": ({ request }) =>
    request.headers.authorization === "container-token"
      ? {
          body: JSON.stringify({
            ...{ AccessKeyId: "ASIACONTAINER", SecretAccessKey: "s", Token: "t" },
            Expiration: inAnHour().toISOString(),
          }),
        }
      : undefined,
  "GET /federation/credentials": ({ request }) =>
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
  "POST /": ({ body }) => {
    const form = new URLSearchParams(body);
    if (form.get("Action") !== "AssumeRoleWithWebIdentity" || form.get("WebIdentityToken") !== "web-token")
      return undefined;
    return {
      body: `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
        <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAWEB</AccessKeyId>
        <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
        <Expiration>${inAnHour().toISOString()}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
        </AssumeRoleWithWebIdentityResponse>`,
    };
  },
};

async function startGivers(): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      const answer = givers[`${request.method} ${request.url?.split("?")[0]}`]?.({ request, body });
      response.writeHead(answer === undefined ? 403 : (answer.status ?? 200));
      response.end(answer?.body);
    });
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

  it("are a role's by a web identity's token, as pods of EKS have it", async () => {
    await writeFile(join(folder, "token"), "web-token");
    vi.stubEnv("AWS_WEB_IDENTITY_TOKEN_FILE", join(folder, "token"));
    vi.stubEnv("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/pod");
    vi.stubEnv("AWS_ENDPOINT_URL_STS", url);
    expect(await keyOf()).toBe("ASIAWEB");
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

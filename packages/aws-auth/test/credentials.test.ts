import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { findRegion, type LakeSettings, lakeCredentials, sessionName } from "../src/index.ts";

const roleArn = "arn:aws:iam::111122223333:role/AmazonSecurityLake-7";
const base = async () => ({ accessKeyId: "AKIABASE", secretAccessKey: "base" });

interface Asked {
  readonly host: string;
  readonly authorization: string;
  readonly form: URLSearchParams;
}

/** An STS as a request handler: real serialization and signing, no network. */
function sts(answer: (asked: Asked) => { status?: number; body: string; headers?: Record<string, string> }) {
  const asked: Asked[] = [];
  const requestHandler = {
    handle: async (request: { hostname: string; headers: Record<string, string>; body: string }) => {
      const call = {
        host: request.hostname,
        authorization: request.headers.authorization ?? "",
        form: new URLSearchParams(request.body),
      };
      asked.push(call);
      const { status = 200, body, headers = {} } = answer(call);
      const response = {
        statusCode: status,
        headers: { "content-type": "text/xml", ...headers },
        body: Readable.from([body]),
      };
      return { response };
    },
  } as unknown as NonNullable<LakeSettings["requestHandler"]>;
  return { asked, requestHandler };
}

function session(number: number, expiration: Date): string {
  return `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
    <AccessKeyId>ASIA${number}</AccessKeyId><SecretAccessKey>secret${number}</SecretAccessKey>
    <SessionToken>token${number}</SessionToken><Expiration>${expiration.toISOString()}</Expiration>
    </Credentials></AssumeRoleResult></AssumeRoleResponse>`;
}

const refusal = (code: string, message: string) =>
  `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;

const inAnHour = () => new Date(Date.now() + 3_600_000);

describe("lakeCredentials", () => {
  it("assumes the role with external id, duration, session name and the base credentials", async () => {
    const { asked, requestHandler } = sts(() => ({ body: session(1, inAnHour()) }));
    const credentials = lakeCredentials({
      roleArn,
      externalId: "wazuh-external-id-value",
      durationSeconds: 1_300,
      region: "eu-west-1",
      base,
      requestHandler,
    });
    expect(await credentials()).toMatchObject({
      accessKeyId: "ASIA1",
      secretAccessKey: "secret1",
      sessionToken: "token1",
    });
    expect(Object.fromEntries(asked[0]?.form ?? [])).toMatchObject({
      Action: "AssumeRole",
      RoleArn: roleArn,
      ExternalId: "wazuh-external-id-value",
      DurationSeconds: "1300",
      RoleSessionName: expect.stringMatching(/^threatlockdown-[\w+=,.@-]+$/),
    });
    expect(asked[0]).toMatchObject({ host: "sts.eu-west-1.amazonaws.com" });
    expect(asked[0]?.authorization).toContain("AKIABASE");
  });

  it.each([
    [
      { stsEndpoint: "vpce-1.sts.eu-west-3.vpce.amazonaws.com" },
      "vpce-1.sts.eu-west-3.vpce.amazonaws.com",
      "eu-west-3",
    ],
    [{ stsEndpoint: "https://sts.example.org", region: "eu-west-1" }, "sts.example.org", "eu-west-1"],
    [{ roleArn: "arn:aws-us-gov:iam::111122223333:role/lake" }, "sts.us-gov-west-1.amazonaws.com", "us-gov-west-1"],
    [{ roleArn: "arn:aws-cn:iam::111122223333:role/lake" }, "sts.cn-north-1.amazonaws.com.cn", "cn-north-1"],
  ])("with %o asks %s", async (settings, host, region) => {
    const { asked, requestHandler } = sts(() => ({ body: session(1, inAnHour()) }));
    await lakeCredentials({ roleArn, base, requestHandler, ...settings })();
    expect(asked[0]?.host).toBe(host);
    expect(asked[0]?.authorization).toContain(`/${region}/sts/aws4_request`);
  });

  it("asks STS once for all clients that share it", async () => {
    const { asked, requestHandler } = sts(() => ({ body: session(asked.length, inAnHour()) }));
    const credentials = lakeCredentials({ roleArn, base, requestHandler });
    await Promise.all(Array.from({ length: 20 }, () => credentials()));
    await credentials();
    expect(asked).toHaveLength(1);
  });

  it("lives 60 s long sessions through without a failure, STS being away every other minute", async () => {
    const time = { now: Date.now() };
    const { requestHandler, asked } = sts(() => {
      if (Math.floor(time.now / 10_000) % 2 === 1) return { status: 400, body: refusal("Odd", "away") };
      return { body: session(asked.length, new Date(time.now + 60_000)) };
    });
    time.now -= time.now % 20_000;
    const credentials = lakeCredentials({ roleArn, base, requestHandler, now: () => time.now });
    for (let second = 0; second < 300; second++) {
      const { expiration } = await credentials();
      expect(expiration?.getTime()).toBeGreaterThan(time.now);
      await new Promise((resolve) => setImmediate(resolve));
      time.now += 1_000;
    }
    expect(asked.length).toBeLessThan(30);
  });

  it("uses a session whole when the clock of this machine is wrong", async () => {
    const skew = 3 * 3_600_000;
    const serverNow = () => new Date(Date.now() + skew);
    const { asked, requestHandler } = sts(() =>
      asked.length === 1
        ? {
            status: 400,
            body: refusal("SignatureDoesNotMatch", "Signature expired"),
            headers: { date: serverNow().toUTCString() },
          }
        : {
            body: session(asked.length, new Date(Date.now() + skew + 3_600_000)),
            headers: { date: serverNow().toUTCString() },
          },
    );
    const credentials = lakeCredentials({ roleArn, base, requestHandler });
    const { expiration } = await credentials();
    expect(Math.abs((expiration?.getTime() ?? 0) - inAnHour().getTime())).toBeLessThan(10_000);
  });

  it("says in one line who could not assume what and why, without the external id", async () => {
    const { requestHandler } = sts(() => ({
      status: 403,
      body: refusal(
        "AccessDenied",
        `User: arn:aws:iam::444455556666:user/reader is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`,
      ),
    }));
    const failing = lakeCredentials({ roleArn, externalId: "very-private", base, requestHandler })();
    await expect(failing).rejects.toMatchObject({ code: "AUTH_ROLE", name: "CredentialsProviderError" });
    await expect(failing).rejects.toThrow(
      `sts:AssumeRole on ${roleArn} as arn:aws:iam::444455556666:user/reader: AccessDenied: not authorized; likely causes, in this order: (1) the external id is not the one`,
    );
    await expect(failing).rejects.toThrow(/^(?!.*very-private)/);
  });

  it("leaves an error that passes to whoever repeats calls", async () => {
    const { requestHandler } = sts(() => ({ status: 503, body: refusal("ServiceUnavailable", "later") }));
    await expect(lakeCredentials({ roleArn, base, requestHandler })()).rejects.toMatchObject({
      name: "ServiceUnavailable",
    });
  });

  it("uses the base credentials as they are without a role", async () => {
    expect(await lakeCredentials({ base })()).toMatchObject({ accessKeyId: "AKIABASE" });
  });

  it.each([
    [{ roleArn: "ASL-Role" }, /"ASL-Role" is no ARN of a role/],
    [{ roleArn, externalId: "x" }, /external id is not 2 to 1224/],
    [{ roleArn, durationSeconds: 899 }, /899 s is not possible; it lasts 900 to 43200 s/],
    [{ roleArn, durationSeconds: 43_201 }, /43201 s/],
    [{ roleArn, sessionName: "a b" }, /"a b" is no session name/],
    [{ roleArn, stsEndpoint: "a b" }, /no endpoint/],
  ])("refuses %o at once", (settings, problem) => {
    expect(() => lakeCredentials({ base, ...settings })).toThrow(problem);
  });
});

describe("sessionName", () => {
  it("fits what STS takes", () => {
    expect(sessionName("threatlockdown", "manager one/a")).toBe("threatlockdown-manager-one-a");
    expect(sessionName("threatlockdown", "x".repeat(100))).toHaveLength(64);
  });
});

describe("with the shared files", () => {
  let folder = "";

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "aws-auth-"));
    vi.stubEnv("AWS_CONFIG_FILE", join(folder, "config"));
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(folder, "credentials"));
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
    for (const name of ["AWS_PROFILE", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
      vi.stubEnv(name, undefined);
    writeFileSync(join(folder, "config"), "[profile lake]\nregion = eu-south-1\n[default]\n");
    writeFileSync(
      join(folder, "credentials"),
      "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = s\n[lake]\naws_access_key_id = AKIALAKE\naws_secret_access_key = s\n",
    );
  });

  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  it("takes the default profile, and the one that is named", async () => {
    expect((await lakeCredentials({})()).accessKeyId).toBe("AKIADEFAULT");
    expect((await lakeCredentials({ profile: "lake" })()).accessKeyId).toBe("AKIALAKE");
  });

  it("takes the environment before the files, but not before a named profile", async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIAENV");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "s");
    expect((await lakeCredentials({})()).accessKeyId).toBe("AKIAENV");
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    expect((await lakeCredentials({ profile: "lake" })()).accessKeyId).toBe("AKIALAKE");
  });

  it("says that a profile is missing", async () => {
    const failing = lakeCredentials({ profile: "nowhere" })();
    await expect(failing).rejects.toMatchObject({ code: "AUTH_BASE" });
    await expect(failing).rejects.toThrow(/\(1\) there is no profile nowhere with credentials/);
  });

  it("says where credentials can be put", async () => {
    writeFileSync(join(folder, "credentials"), "");
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(folder, "none"));
    await expect(lakeCredentials({})()).rejects.toThrow(/put them into ~\/\.aws\/credentials/);
  });

  it("takes the region of the profile or the environment, and says how to set one", async () => {
    expect(await findRegion({ queue: "lake", profile: "lake" })).toBe("eu-south-1");
    await expect(findRegion({ queue: "lake" })).rejects.toThrow(
      'no AWS region is known: give the queue by its URL or ARN, set AWS_REGION, or set "region" in the profile of ~/.aws/config',
    );
    vi.stubEnv("AWS_REGION", "");
    await expect(findRegion({ queue: "lake" })).rejects.toMatchObject({ code: "AUTH_REGION" });
    vi.stubEnv("AWS_REGION", "eu-west-2");
    expect(await findRegion({ queue: "lake" })).toBe("eu-west-2");
  });
});

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createLab, type Lab, startWodle, until } from "@threatlockdown/tooling-lab";
import { makeObject } from "@threatlockdown/tooling-lake";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let lab: Lab;
beforeEach(async () => {
  lab = await createLab();
});
afterEach(() => lab.close());

const output = () => join(lab.folder, "out");
const put = (count: number) => {
  for (let seed = 0; seed < count; seed++) lab.put(makeObject({ source: "waf_2_0", rows: 5, seed: `a${seed}` }));
};

function configure(from: RegExp, to: string): void {
  const file = join(lab.folder, "ossec.conf");
  const text = readFileSync(file, "utf8");
  expect(text).toMatch(from);
  writeFileSync(file, text.replace(from, to));
}

/** With an environment of its own. */
async function once(environment: Readonly<Record<string, string>>) {
  const args = ["once", "--config", join(lab.folder, "ossec.conf"), "--output", `file:${output()}`, "--json"];
  const wodle = startWodle(args, environment);
  const { code } = await wodle.ended;
  expect({ code, stderr: wodle.stderr() }).toMatchObject({ code: 0 });
  return JSON.parse(wodle.stdout());
}

/** Who asked a service. */
const callersOf = (service: "sts" | "sqs" | "s3") =>
  [...new Set(lab.aws.requests.list({ service }).map(({ principal }) => principal))].sort();

describe("AWS is asked", () => {
  it("where each service's own AWS_ENDPOINT_URL says; for queue and bucket by the session of the lake's role alone", async () => {
    put(3);
    const { AWS_ENDPOINT_URL: url = "", ...rest } = lab.environment;
    const own = { AWS_ENDPOINT_URL_STS: url, AWS_ENDPOINT_URL_SQS: url, AWS_ENDPOINT_URL_S3: url };
    const run = await once({ ...rest, AWS_ENDPOINT_URL: "http://127.0.0.1:1", ...own });
    expect(run).toMatchObject({ events: 15, deleted: 3 });
    const { userArn, account, roleName } = lab.subscription;
    const session = expect.stringMatching(`^arn:aws:sts::${account}:assumed-role/${roleName}/threatlockdown-.`);
    expect(callersOf("sts")).toEqual([userArn]);
    expect(callersOf("sqs")).toEqual([session]);
    expect(callersOf("s3")).toEqual([session]);
  });

  it("by the profile of <aws_profile>, with the role that it assumes to begin with", async () => {
    put(1);
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, ...rest } = lab.environment;
    const { arn: hop } = lab.aws.createRole({
      name: "hop",
      trust: {
        Version: "2012-10-17",
        Statement: { Effect: "Allow", Principal: { AWS: lab.subscription.userArn }, Action: "sts:AssumeRole" },
      },
      policies: {
        on: { Version: "2012-10-17", Statement: { Effect: "Allow", Action: "sts:AssumeRole", Resource: "*" } },
      },
    });
    lab.aws.setTrust(lab.subscription.roleArn, {
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Principal: { AWS: hop }, Action: "sts:AssumeRole" },
    });
    const user = lab.subscription.userArn;
    lab.aws.putUserPolicy(user, "hop", {
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Action: "sts:AssumeRole", Resource: hop },
    });
    mkdirSync(join(lab.folder, ".aws"));
    writeFileSync(
      join(lab.folder, ".aws", "credentials"),
      `[keys]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`,
    );
    writeFileSync(join(lab.folder, ".aws", "config"), `[profile lake]\nrole_arn = ${hop}\nsource_profile = keys\n`);
    configure(/<sqs_name>/, "<aws_profile>lake</aws_profile>\n      <sqs_name>");
    configure(/<iam_role_duration>\d+/, "<iam_role_duration>3600");
    expect(await once({ ...rest, HOME: lab.folder })).toMatchObject({ events: 5, deleted: 1 });
    expect(callersOf("sts")).toEqual([user, expect.stringMatching(/assumed-role\/hop\//)]);
  });

  describe("through a proxy", () => {
    const asked = new Set<string>();
    let proxy: Server;
    beforeEach(async () => {
      asked.clear();
      proxy = createServer((incoming, outgoing) => {
        const { method = "GET", url = "", headers } = incoming;
        asked.add(headers["content-type"]?.split(";")[0] ?? method);
        const onwards = request(url, { method, headers }, (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        });
        onwards.on("error", () => outgoing.destroy());
        incoming.pipe(onwards);
      });
      await new Promise<void>((listening) => proxy.listen(0, "127.0.0.1", listening));
    });
    afterEach(() => {
      proxy.closeAllConnections();
      proxy.close();
    });
    const address = () => `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;

    it("of the environment: STS, SQS and S3", async () => {
      put(1);
      expect(await once({ ...lab.environment, HTTP_PROXY: address() })).toMatchObject({ deleted: 1 });
      expect([...asked].sort()).toEqual(["GET", "application/x-amz-json-1.0", "application/x-www-form-urlencoded"]);
    });

    it("not for the hosts of NO_PROXY", async () => {
      put(1);
      const environment = { ...lab.environment, HTTP_PROXY: address(), NO_PROXY: "127.0.0.1" };
      expect(await once(environment)).toMatchObject({ deleted: 1 });
      expect([...asked]).toEqual([]);
    });
  });

  it("for no FIFO queue: that is said before any call", async () => {
    configure(/<sqs_name>[^<]*/, "<sqs_name>lake.fifo");
    const wodle = lab.wodle(["once", "--output", `file:${output()}`]);
    expect((await wodle.ended).code).toBe(12);
    expect(wodle.stderr()).toMatch(/error: <sqs_name> is a FIFO queue, .* Name the standard queue/);
    expect(lab.aws.requests.list()).toEqual([]);
  });
});

describe("told to end", () => {
  const visible = () => lab.aws.messages(lab.subscription.queueUrl).filter(({ state }) => state === "visible").length;

  it("it finishes what runs and leaves the rest for others at once", async () => {
    put(60);
    lab.aws.faults.add({ service: "s3", latency: 1_500 });
    const wodle = lab.wodle(["once", "--concurrency", "4", "--output", `file:${output()}`]);
    // Its workers are busy then, so that no poll is under way.
    await until(() => lab.aws.requests.count({ operation: "ReceiveMessage" }) > 0);
    wodle.kill("SIGTERM");
    expect(await wodle.ended).toEqual({ code: 0, signal: null });
    const left = lab.messages();
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(60);
    expect(visible()).toBe(left);
    const written = readdirSync(output()).filter((file) => file.endsWith(".ndjson"));
    expect(written).toHaveLength(60 - left);
  });

  it("twice, it gives back at once even what never answers", async () => {
    put(6);
    lab.aws.faults.add({ service: "s3", latency: Number.POSITIVE_INFINITY });
    const wodle = lab.wodle(["once", "--output", `file:${output()}`]);
    await until(() => lab.aws.messages(lab.subscription.queueUrl).every(({ state }) => state !== "visible"));
    wodle.kill("SIGTERM");
    await wodle.said("SIGTERM received:");
    wodle.kill("SIGTERM");
    expect((await wodle.ended).signal).toBeNull();
    expect(visible()).toBe(6);
  });
});

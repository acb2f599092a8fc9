import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLab, type Lab } from "@threatlockdown/tooling-lab";
import { makeObject } from "@threatlockdown/tooling-lake";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { limits } from "../src/run.ts";
import { startVerify, surroundingsOf, verify } from "./command-line.ts";
import { provider } from "./setting.ts";

let lab: Lab;
let folder: string;
beforeEach(async () => {
  lab = await createLab();
  folder = await mkdtemp(join(tmpdir(), "threatlockdown-verify-"));
});
afterEach(async () => {
  await lab.close();
  await rm(folder, { recursive: true, force: true });
});

const object = makeObject({ source: "vpc_flow_2_0", rows: 5, seed: "whole run" });
/** All checks but those of the manager's machine and its indexer. */
const ofAws = ["--only", "region,endpoints,clock,credentials,role,user,assume-role,external-id,queue,newest-object"];

async function listening(server: Server | ReturnType<typeof createTcpServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("flags alone", () => {
  const described = () => ["--queue", lab.subscription.queueName, "--role-arn", lab.subscription.roleArn, ...ofAws];

  it("describe the subscriber, its external ID from the environment, its user by a profile of the shared files", async () => {
    lab.put(object);
    const { accessKeyId, secretAccessKey } = lab.subscription.userCredentials;
    const file = join(folder, "credentials");
    await writeFile(file, `[lake]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`);
    const { code, stdout, stderr } = await startVerify([...described(), "--profile", "lake", "--region", "us-east-1"], {
      AWS_ENDPOINT_URL: lab.aws.url,
      AWS_SHARED_CREDENTIALS_FILE: file,
      SECURITY_LAKE_EXTERNAL_ID: lab.subscription.externalId,
    });
    expect(stderr).toBe("");
    expect(stdout).toMatch(/newest-object\): s3:.* 5 events of class 4001/);
    expect(stdout).not.toMatch(/✘/);
    expect(code).toBe(0);
  });

  it("take the external ID from a file, and more of what ossec.conf can say", async () => {
    lab.put(object);
    const file = join(folder, "external-id");
    await writeFile(file, `${lab.subscription.externalId}\n`);
    const args = [
      ...described(),
      "--external-id-file",
      file,
      "--role-duration",
      "900",
      "--service-endpoint",
      lab.aws.url,
    ];
    const { code, stdout } = await verify(args, { surroundings: surroundingsOf(lab) });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("newest-object): s3:") });
  });

  it("are what the texts name, and not ossec.conf", async () => {
    const { queueName, roleArn, externalId } = lab.subscription;
    const file = join(folder, "external-id");
    const run = async (queue: string, id: string, ...args: string[]) => {
      await writeFile(file, id);
      const options = ["--queue", queue, "--role-arn", roleArn, "--external-id-file", file, ...args];
      const { code, stdout } = await verify(options, { surroundings: surroundingsOf(lab) });
      expect(code).toBe(1);
      expect(stdout).not.toMatch(
        /<(sqs_name|iam_role_arn|iam_role_duration|external_id|sts_endpoint|service_endpoint)>/,
      );
      expect(stdout.replaceAll("no ossec.conf was read", "")).not.toContain("ossec.conf");
      return stdout;
    };
    expect(await run(queueName, "another")).toMatch(/ First: Compare --external-id-file with/);
    const args = ["--queue", queueName, "--role-arn", roleArn];
    const environment = { SECURITY_LAKE_EXTERNAL_ID: "another" };
    const { stdout } = await verify(args, { environment, surroundings: surroundingsOf(lab) });
    expect(stdout).toMatch(/ First: Compare SECURITY_LAKE_EXTERNAL_ID with/);
    const both = await verify([...args, "--external-id-file", file], {
      environment,
      surroundings: surroundingsOf(lab),
    });
    expect(both.stdout).toMatch(/ First: Compare --external-id-file with/);
    const wrong = await verify(args, { environment: { SECURITY_LAKE_EXTERNAL_ID: "not one" } });
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringMatching(/^ERROR: SECURITY_LAKE_EXTERNAL_ID: /) });
    expect(await run("no-such-queue", externalId)).toMatch(/ First: (Compare|Correct) --queue/);
    expect(await run(queueName, externalId, "--role-duration", "43200")).toMatch(/--role-duration/);
  });

  it("name the Region, where none is known", async () => {
    const { code, stdout } = await startVerify(["--queue", "lake", "--only", "region"]);
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: expect.stringMatching(/ First: Give --region NAME, or the queue by/),
    });
  });

  it.each([
    [["--queue", "lake", "--config", "ossec.conf"], "--config or --queue, not both"],
    [["--role-arn", "arn:aws:iam::123456789012:role/a"], "--role-arn describes a subscriber together with --queue"],
    [["--queue", "lake", "--role-arn", "a"], '--role-arn: "a" is no ARN of a role'],
    [["--queue", "lake.fifo"], "FIFO"],
    [["--queue", "lake", "--role-duration", "1"], "--role-duration: a role session of 1 s is not possible"],
    [["--queue", "lake", "--sts-endpoint", "a b"], '--sts-endpoint: "a b" is no endpoint'],
    [["--queue", "lake", "--external-id-file", "/nonexistent/file"], "/nonexistent/file cannot be read (ENOENT)"],
    [["--queue", "lake", "--stale", "soon"], "--stale soon is no number of hours"],
  ])("that cannot be right are told: %j", async (args, line) => {
    const { code, stdout, stderr } = await verify(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(line);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});

describe("the exit code", () => {
  const run = (...args: string[]) =>
    verify(["--config", join(lab.folder, "ossec.conf"), ...args], { surroundings: surroundingsOf(lab) });

  it("is 0 when nothing failed, though something warns", async () => {
    lab.aws.setTrust(lab.subscription.roleArn, {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: lab.subscription.userArn }, Action: "sts:AssumeRole" }],
    });
    const { code, stdout } = await run("--only", "assume-role,external-id");
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("1 warning") });
    expect((await run("--only", "assume-role,external-id", "--strict")).code).toBe(3);
  });

  it("is 1 when something failed, --strict or not", async () => {
    lab.aws.expireSessions(lab.subscription.roleArn);
    lab.aws.setTrust(lab.subscription.roleArn, {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
    });
    for (const strict of [[], ["--strict"]]) expect((await run("--only", "assume-role", ...strict)).code).toBe(1);
  });

  it("is 2, with one line, for an administrator's profile that is not there, whatever else the environment has", async () => {
    const { code, stdout, stderr } = await startVerify(
      ["--config", join(lab.folder, "ossec.conf"), "--admin-profile", "nobody"],
      lab.environment,
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^ERROR: --admin-profile nobody: .*there is no profile nobody.*\n$/);
  });

  it.each([
    ["are not known", "AKIAIOSFODNN7EXAMPLE", "InvalidClientTokenId"],
    ["have expired", undefined, "ExpiredToken"],
    ["have another secret", "own", "SignatureDoesNotMatch"],
  ])("is 2 where the administrator's keys %s", async (_, known, code) => {
    const { roleArn, userCredentials } = lab.subscription;
    const session = lab.aws.issueSession(roleArn);
    if (code === "ExpiredToken") lab.aws.expireSessions(session.accessKeyId);
    const key = known === "own" ? userCredentials.accessKeyId : (known ?? session.accessKeyId);
    const secret = known === undefined ? session.secretAccessKey : "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00";
    const lines = [
      "[audit]",
      `aws_access_key_id = ${key}`,
      `aws_secret_access_key = ${secret}`,
      ...(known === undefined ? [`aws_session_token = ${session.sessionToken}`] : []),
    ];
    const file = join(folder, "credentials");
    await writeFile(file, lines.join("\n"));
    const args = ["--config", join(lab.folder, "ossec.conf"), "--admin-profile", "audit", ...ofAws];
    const environment = { ...lab.environment, AWS_SHARED_CREDENTIALS_FILE: file };
    const { code: exitCode, stdout, stderr } = await startVerify(args, environment);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(
      new RegExp(
        `^ERROR: --admin-profile audit: AWS does not take its credentials: sts:GetCallerIdentity: ${code}.*\\n$`,
      ),
    );
    expect(stderr).not.toContain(secret);
  });
});

describe("a wrong external ID", () => {
  it("is what is to be looked at first, where only the subscriber's credentials are at hand", async () => {
    const { code, stdout } = await verify(
      ["--queue", lab.subscription.queueName, "--role-arn", lab.subscription.roleArn, ...ofAws],
      { surroundings: surroundingsOf(lab), environment: { SECURITY_LAKE_EXTERNAL_ID: "a-wrong-one" } },
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^Of 10 checks: 1 failed \(assume-role\), \d could not be checked\. First: Compare SECURITY_LAKE_EXTERNAL_ID with/,
    );
    expect(stdout).not.toContain("a-wrong-one");
  });
});

describe("what stands in the way of several checks", () => {
  it("is told once, with all rights that someone needs", async () => {
    lab.put(object);
    const { stdout } = await verify(["--config", join(lab.folder, "ossec.conf"), "--skip", "configuration,disk"], {
      surroundings: surroundingsOf(lab),
    });
    const lines = stdout.split("\n").filter((line) => line.includes("no --admin-profile was given"));
    expect(lines).toEqual([
      expect.stringMatching(
        /\? could not check {2}role, user, role-permissions, buckets, keys, bucket-policy, notification, arriving: because no --admin-profile/,
      ),
    ]);
    expect(stdout.split("\n")[0]).toMatch(
      / To check more: Run it with --admin-profile NAME; --admin-policy prints what such a user has to be allowed\.$/,
    );
    expect(stdout).toMatch(
      / {6}Someone with iam:GetRole, .*kms:GetKeyPolicy.*organizations:ListAccounts can: run it with --admin-profile /,
    );
    const admin = surroundingsOf(lab);
    const json = await verify(["--config", join(lab.folder, "ossec.conf"), "--output", "json", "--only", "role"], {
      surroundings: admin,
    });
    expect(JSON.parse(json.stdout).results).toMatchObject([
      {
        state: "could not check",
        seen: "could not check, because no --admin-profile was given",
        fix: expect.stringMatching(/^Someone with iam:GetRole can: run it with --admin-profile NAME; /),
      },
    ]);
  });

  it("is a refusal of the administrator's own, named with its action", async () => {
    const { credentials } = lab.aws.createUser({ name: "auditor" });
    const { stdout } = await verify(["--config", join(lab.folder, "ossec.conf"), "--only", "role"], {
      surroundings: { ...surroundingsOf(lab), admin: provider(credentials) },
    });
    expect(stdout).toMatch(/because the administrator's profile may not: iam:GetRole on .* as .*user\/auditor/);
  });
});

describe("--watch", () => {
  it("runs again until nothing fails and a message has come, and tells what has changed only", async () => {
    const { aws, subscription } = lab;
    const rule = aws.requests.count({ operation: "ReceiveMessage" });
    aws.putRolePolicy(subscription.roleArn, "Less", {
      Version: "2012-10-17",
      Statement: [{ Effect: "Deny", Action: "sqs:ReceiveMessage", Resource: "*" }],
    });
    const waited: number[] = [];
    const steps = [
      () => {},
      () => aws.putRolePolicy(subscription.roleArn, "Less", { Version: "2012-10-17", Statement: [allowAll] }),
      () => lab.put(object),
    ];
    const args = ["--config", join(lab.folder, "ossec.conf"), "--only", "queue,newest-object", "--watch"];
    const { code, stdout, stderr } = await verify(args, {
      surroundings: surroundingsOf(lab),
      wait: async (milliseconds) => {
        waited.push(milliseconds);
        const step = steps.shift();
        if (step === undefined) throw new Error("it has waited too often");
        step();
      },
    });
    expect(code).toBe(0);
    expect(waited).toEqual([10_000, 10_000, 10_000]);
    expect(stdout.split("\n").filter((line) => /^(Of|Nothing|All)/.test(line))).toEqual([
      expect.stringMatching(/^Of 2 checks: 1 failed/),
      expect.stringMatching(/^Nothing wrong was found\. Of 2 checks: 1 could not be checked/),
      "All well: 2 checks.",
    ]);
    // What it waits for, and how to end it, is told beside each report but the last.
    expect(stderr.match(/^Waiting for newest-object: .* every 10 s .*; Ctrl-C ends it\.$/gm)).toHaveLength(2);
    expect(aws.requests.count({ operation: "ReceiveMessage" })).toBeGreaterThan(rule + 3);
  });

  it("receives one message of a queue, however often its object is looked at", async () => {
    const { aws, subscription } = lab;
    lab.put(object);
    const deny = { Effect: "Deny", Action: "s3:GetObject", Resource: "*" };
    aws.putRolePolicy(subscription.roleArn, "Less", { Version: "2012-10-17", Statement: [deny] });
    const before = aws.requests.count({ operation: "ReceiveMessage" });
    let rounds = 0;
    const args = ["--config", join(lab.folder, "ossec.conf"), "--only", "newest-object", "--watch"];
    const { code } = await verify(args, {
      surroundings: surroundingsOf(lab),
      wait: async () => {
        rounds += 1;
        if (rounds === 3)
          aws.putRolePolicy(subscription.roleArn, "Less", { Version: "2012-10-17", Statement: [allowAll] });
        if (rounds > 3) throw new Error("it has waited too often");
      },
    });
    expect([code, rounds]).toEqual([0, 3]);
    expect(aws.requests.count({ operation: "ReceiveMessage" }) - before).toBe(1);
  });

  const allowAll = { Effect: "Allow", Action: "sqs:GetQueueUrl", Resource: "*" };
});

describe("a whole run", () => {
  it("ends in its time where AWS takes connections and never answers, and says so once", async () => {
    expect(limits.total).toBeLessThan(10_000);
    const sockets: Socket[] = [];
    await using silent = createTcpServer((socket) => void sockets.push(socket.resume().on("error", () => {})));
    const endpoint = await listening(silent);
    const started = performance.now();
    const { code, stdout } = await verify(
      ["--config", join(lab.folder, "ossec.conf"), "--skip", "configuration,disk"],
      {
        surroundings: { ...surroundingsOf(lab), endpoint, admin: provider(lab.aws.credentials) },
        limits: { timeout: 2_000, total: 20_000 },
      },
    );
    for (const socket of sockets) socket.destroy();
    // More than a minute, were each check waited for.
    expect(performance.now() - started).toBeLessThan(30_000);
    expect(code).toBe(0);
    const lines = stdout.split("\n").filter((line) => line.includes("AWS gave no answer within 2 s"));
    expect(lines).toEqual([expect.stringMatching(/could not check {2}.*\bcredentials,.*\bnewest-object/)]);
  });

  it("has no more time than is left of what came before it, as an administrator's credentials", async () => {
    const sockets: Socket[] = [];
    await using silent = createTcpServer((socket) => void sockets.push(socket.resume().on("error", () => {})));
    const endpoint = await listening(silent);
    const { stdout } = await verify(["--config", join(lab.folder, "ossec.conf"), "--only", "credentials"], {
      surroundings: { ...surroundingsOf(lab), endpoint },
      limits: { timeout: 600_000, total: 600_000 },
      started: performance.now() - 599_000,
    });
    for (const socket of sockets) socket.destroy();
    expect(stdout).toContain("the time of the whole run was over before AWS answered");
  });

  it("is masked by what options name, in all forms, and where it cannot run", async () => {
    const { stdout } = await verify(["--queue", "my-secret-queue", "--only", "region", "--redact"], {
      surroundings: surroundingsOf(lab),
    });
    expect(stdout).toContain("Subscriber of <sqs-1>");
    const role = "arn:aws:iam::123456789012:role/folder/my-secret-role";
    for (const output of ["text", "json", "junit", "html"]) {
      const args = [
        "--queue",
        "https://queue.example/my-secret-queue",
        "--role-arn",
        role,
        "--output",
        output,
        "--redact",
      ];
      const told = await verify([...args, "--profile", "my-secret-profile", "--only", "region,credentials,queue"], {
        surroundings: { ...surroundingsOf(lab), region: "us-east-1" },
      });
      expect(told.stdout).toMatch(/sqs-1/);
      const failed = await verify([...args, "--admin-profile=my-secret-administrator"]);
      expect(failed).toMatchObject({ code: 2, stderr: expect.stringContaining("--admin-profile <profile-1>: ") });
      for (const text of [told.stdout, failed.stdout, failed.stderr]) expect(text).not.toContain("my-secret");
    }
  });

  it("is masked with its files and folders, but for the usual ones, and without the external ID", async () => {
    const folder = join(lab.folder, "acmebank", "siem");
    await mkdir(folder, { recursive: true });
    const file = join(folder, "ossec.conf");
    await writeFile(file, await readFile(join(lab.folder, "ossec.conf"), "utf8"));
    const args = ["--config", file, "--only", "configuration,disk,credentials", "--redact"];
    const { code, stdout } = await verify(args, { surroundings: surroundingsOf(lab) });
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/<path-\d>/) });
    expect(stdout).not.toContain("acmebank");
    expect(await verify(["--config", "/srv/acmebank/x.conf", "--redact"])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^ERROR: The configuration <path-\d> cannot be read/),
    });
    expect((await verify(["--config", "/var/ossec/none.conf", "--redact"])).stderr).toContain("/var/ossec/none.conf");
    expect(await verify([...args, "--show-external-id"])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^ERROR: Give --redact or --show-external-id, not both/),
    });
  });

  it("is masked without a wait for an indexer that no check has asked", async () => {
    let asked = 0;
    await using silent = createServer(() => void asked++);
    const indexer = await listening(silent);
    const file = join(lab.folder, "ossec.conf");
    const text = (await readFile(file, "utf8"))
      .replace("<enabled>no</enabled>", "<enabled>yes</enabled>")
      .replace(/<host>[^<]*<\/host>/, `<host>${indexer}</host>`);
    await writeFile(file, text);
    let printed = "";
    let askedBefore: number | undefined;
    await verify(["--config", file, "--only", "region", "--redact"], {
      surroundings: surroundingsOf(lab),
      print: (part) => {
        printed += part;
        askedBefore = asked;
      },
    });
    silent.closeAllConnections();
    expect(printed).toContain("All well: 1 check.");
    expect(askedBefore).toBe(0);
  });

  it("ends as soon where nothing listens", async () => {
    const { code, stdout } = await startVerify(["--config", join(lab.folder, "ossec.conf"), "--skip", "disk"], {
      ...lab.environment,
      AWS_ENDPOINT_URL: "http://127.0.0.1:1",
    });
    expect(code).toBe(1);
    expect(stdout).toMatch(/no connection to 127\.0\.0\.1:1 \(ECONNREFUSED\)/);
  });
});

describe("on an instance", () => {
  // The SDK gives the metadata service one second, which nothing here can change.
  it("the credentials are those of its role, which the metadata service gives", { retry: 3 }, async () => {
    lab.put(object);
    const { aws, subscription } = lab;
    const { arn } = aws.createRole({
      name: "manager",
      trust: {
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
      },
      policies: {
        Assume: {
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Resource: subscription.roleArn }],
        },
      },
    });
    aws.setTrust(subscription.roleArn, {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { AWS: arn },
          Action: "sts:AssumeRole",
          Condition: { StringEquals: { "sts:ExternalId": subscription.externalId } },
        },
      ],
    });
    const session = aws.issueSession(arn);
    await using metadata = createServer((request, response) => {
      if (request.url === "/latest/api/token") return response.end("token");
      if (request.url?.endsWith("/security-credentials/")) return response.end("manager");
      const { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token } = session;
      const Expiration = new Date(Date.now() + 3_600_000).toISOString();
      response.end(
        JSON.stringify({ Code: "Success", Type: "AWS-HMAC", AccessKeyId, SecretAccessKey, Token, Expiration }),
      );
    });
    const { code, stdout } = await startVerify(["--config", join(lab.folder, "ossec.conf"), ...ofAws], {
      AWS_ENDPOINT_URL: aws.url,
      AWS_REGION: subscription.region,
      AWS_EC2_METADATA_DISABLED: "false",
      AWS_EC2_METADATA_SERVICE_ENDPOINT: await listening(metadata),
    });
    expect(stdout).toContain(`:assumed-role/manager/`);
    expect(stdout).not.toMatch(/✘/);
    expect(code).toBe(0);
  });
});

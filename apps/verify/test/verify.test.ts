import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLab, type Lab } from "@threatlockdown/tooling-lab";
import { makeObject, notification } from "@threatlockdown/tooling-lake";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { main, startVerify, surroundingsOf, verify } from "./command-line.ts";
import { faultsOf } from "./schema.ts";
import { provider } from "./setting.ts";

/** The two checks that these tests are about. */
const these = ({ folder }: Lab) => ["--config", join(folder, "ossec.conf"), "--only", "queue,newest-object"];

interface Report {
  readonly verdict: string;
  readonly results: readonly {
    readonly id: string;
    readonly state: string;
    readonly seen: string;
    readonly fix?: string;
    readonly policy?: { Statement: { Action: string[]; Resource: string[] }[] };
  }[];
}

describe("a subscription", () => {
  let lab: Lab;
  afterEach(() => lab.close());
  beforeEach(async () => {
    lab = await createLab();
  });

  const run = (...args: string[]) => verify([...these(lab), ...args], { surroundings: surroundingsOf(lab) });
  async function report(...args: string[]): Promise<Report & { readonly code: number | null }> {
    const { code, stdout } = await run("--output", "json", ...args);
    return { ...(JSON.parse(stdout) as Report), code };
  }
  const found = ({ results }: Report, id: string) => results.find((result) => result.id === id);
  async function configure(change: (text: string) => string): Promise<void> {
    const file = join(lab.folder, "ossec.conf");
    await writeFile(file, change(await readFile(file, "utf8")));
  }
  function allowRole(statement: object): void {
    lab.aws.putRolePolicy(lab.subscription.roleArn, "More", { Version: "2012-10-17", Statement: [statement] });
  }

  it("that is sound is all well, and its queue is as it was", async () => {
    const object = makeObject({ source: "vpc_flow_2_0", rows: 50, seed: 1 });
    lab.put(object);
    const told = await report();
    expect(told).toMatchObject({ code: 0, verdict: "All well: 2 checks." });
    const queue = found(told, "queue");
    expect(queue).toMatchObject({ state: "ok" });
    expect(queue?.seen).toMatch(
      /-Main-Queue: messages waiting: 1, in work: 0; visibility timeout 300 s, messages are kept 4 days, no dead-letter queue$/,
    );
    const newest = found(told, "newest-object");
    expect(newest).toMatchObject({ state: "ok" });
    expect(newest?.seen).toContain(
      `s3://${lab.subscription.bucket}/${object.key}: ${object.size} bytes, 50 events of class 4001`,
    );
    expect(newest?.seen).toContain("taken from a message");
    expect(lab.aws.messages(lab.subscription.queueUrl)).toMatchObject([{ state: "visible", receiveCount: 1 }]);
  });

  it("without messages leaves the object open, and does not call that a failure", async () => {
    const told = await report();
    expect(told.code).toBe(0);
    expect(found(told, "queue")?.state).toBe("ok");
    expect(found(told, "newest-object")).toMatchObject({
      state: "could not check",
      seen: expect.stringContaining("no message came"),
    });
    expect(told.verdict).toMatch(
      /^Nothing wrong was found\. Of 2 checks: 1 could not be checked\. To check more: Run it again when/,
    );
  });

  it("is not touched when that is asked for", async () => {
    lab.put(makeObject({ source: "waf_2_0", rows: 10, seed: 2 }));
    const told = await report("--no-receive");
    expect(told.code).toBe(0);
    expect(found(told, "newest-object")).toMatchObject({
      state: "could not check",
      seen: expect.stringContaining("no message was received, as asked for"),
      fix: expect.stringContaining("with --admin-profile, or without --no-receive"),
    });
    expect(lab.aws.messages(lab.subscription.queueUrl)).toMatchObject([{ receiveCount: 0 }]);
  });

  it("of which the queue does not exist says so first, and leaves out what needs it", async () => {
    await configure((text) => text.replace(lab.subscription.queueName, "sqs-of-somebody-else"));
    const told = await report();
    expect(told.code).toBe(1);
    expect(found(told, "queue")).toMatchObject({
      state: "failed",
      seen: expect.stringContaining("sqs-of-somebody-else"),
    });
    expect(found(told, "newest-object")).toMatchObject({
      state: "could not check",
      seen: 'could not check, because the check "queue" has to succeed first',
    });
    expect(told.verdict).toMatch(
      /^Of 2 checks: 1 failed \(queue\), 1 could not be checked\. First: Correct <sqs_name>: Security Lake has made the queue/,
    );
  });

  it("with the wrong external ID is refused by its role; neither the right nor the wrong one is shown", async () => {
    const secret = "not-the-right-one";
    await configure((text) => text.replace(lab.subscription.externalId, secret));
    const [json, text] = [await run("--output", "json"), await run()];
    for (const { code, stdout, stderr } of [json, text]) {
      expect(code).toBe(1);
      expect(stdout).toMatch(/AssumeRole.*external id is not the one/s);
      expect(stdout + stderr).not.toContain(secret);
      expect(stdout + stderr).not.toContain(lab.subscription.externalId);
      expect(stdout + stderr).not.toContain(lab.environment.AWS_SECRET_ACCESS_KEY);
    }
  });

  it("whose role may not read objects gets the statement that is missing, and with it all is well", async () => {
    lab.put(makeObject({ source: "waf_2_0", rows: 10, seed: 3 }));
    lab.aws.putRolePolicy(lab.subscription.roleArn, "SubscriberSources", {
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Action: "s3:GetObject", Resource: `arn:aws:s3:::${lab.subscription.bucket}/ext/okta/*` },
      ],
    });
    const told = await report();
    expect(told.code).toBe(1);
    const newest = found(told, "newest-object");
    expect(newest).toMatchObject({ state: "failed", seen: expect.stringMatching(/s3:GetObject/) });
    const [statement] = newest?.policy?.Statement ?? [];
    allowRole(statement as object);
    expect(await report()).toMatchObject({ code: 0, verdict: "All well: 2 checks." });
  });

  it("whose role may not receive gets told so", async () => {
    lab.put(makeObject({ source: "waf_2_0", rows: 10, seed: 3 }));
    lab.aws.putRolePolicy(lab.subscription.roleArn, "Less", {
      Version: "2012-10-17",
      Statement: [{ Effect: "Deny", Action: "sqs:ReceiveMessage", Resource: "*" }],
    });
    const told = await report();
    expect(told.code).toBe(1);
    expect(found(told, "newest-object")).toMatchObject({
      state: "failed",
      seen: expect.stringContaining("sqs:ReceiveMessage"),
    });
  });

  it("whose queue meets trouble of AWS's own is not blamed on the role", async () => {
    lab.aws.faults.add({ service: "sqs", operation: "ReceiveMessage", error: "InternalError", status: 500 });
    expect(found(await report(), "newest-object")).toMatchObject({
      state: "could not check",
      fix: expect.stringMatching(/^Run it again/),
    });
  });

  it("whose queue is gone meanwhile is asked to compare it", async () => {
    lab.aws.faults.add({ service: "sqs", operation: "ReceiveMessage", error: "QueueDoesNotExist", status: 400 });
    expect(found(await report(), "newest-object")).toMatchObject({
      state: "failed",
      fix: expect.stringMatching(/^Compare <sqs_name>/),
    });
  });

  it("with a broken object names it and where it breaks", async () => {
    lab.put({ key: makeObject({ source: "waf_2_0", seed: 4 }).key, bytes: Buffer.from("this is no Parquet file") });
    const told = await report();
    expect(told.code).toBe(1);
    expect(found(told, "newest-object")).toMatchObject({
      state: "failed",
      seen: expect.stringMatching(/s3:\/\/.*PAR1/),
    });
  });

  it("with an object that is gone warns", async () => {
    const { key } = makeObject({ source: "waf_2_0", seed: 5 });
    lab.send(notification({ bucket: lab.subscription.bucket, key, size: 100, etag: "0".repeat(32) }));
    const told = await report();
    expect(told.code).toBe(0);
    expect(found(told, "newest-object")).toMatchObject({
      state: "warning",
      seen: expect.stringContaining("does not exist"),
    });
  });

  it("with a message of somebody else warns, and gives it back too", async () => {
    lab.send("[]");
    expect(found(await report(), "newest-object")).toMatchObject({
      state: "warning",
      seen: expect.stringContaining("array"),
    });
    expect(lab.aws.messages(lab.subscription.queueUrl)).toMatchObject([{ state: "visible" }]);
  });

  it("whose role may not give a message back says when it comes by itself", async () => {
    lab.put(makeObject({ source: "waf_2_0", rows: 10, seed: 6 }));
    lab.aws.putRolePolicy(lab.subscription.roleArn, "Less", {
      Version: "2012-10-17",
      Statement: [{ Effect: "Deny", Action: "sqs:ChangeMessageVisibility", Resource: "*" }],
    });
    const newest = found(await report(), "newest-object");
    expect(newest?.state).toBe("ok");
    expect(newest?.seen).toMatch(/comes back by itself within 30 s.*sqs:ChangeMessageVisibility/);
  });

  it("is read without a message where the bucket is named, and the role may list it", async () => {
    const object = makeObject({ source: "waf_2_0", rows: 10, seed: 22 });
    lab.put(object);
    const { bucket } = lab.subscription;
    allowRole({ Effect: "Allow", Action: "s3:ListBucket", Resource: `arn:aws:s3:::${bucket}` });
    const told = await report("--no-receive", "--bucket", bucket);
    expect(found(told, "newest-object")).toMatchObject({ state: "ok", seen: expect.stringContaining(object.key) });
    expect(lab.aws.messages(lab.subscription.queueUrl)).toMatchObject([{ receiveCount: 0 }]);
  });

  it("is told to people with the verdict in the first line", async () => {
    lab.put(makeObject({ source: "waf_2_0", rows: 10, seed: 7 }));
    const { code, stdout, stderr } = await run();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.split("\n");
    expect(lines[0]).toBe("All well: 2 checks.");
    expect(lines[2]).toBe(`Subscriber of ${lab.subscription.queueName}`);
    expect(lines[3]).toMatch(/^ {2}✔ ok {2}The queue answers \(queue\): queue AmazonSecurityLake-/);
  });

  it("of which no Region is known says where to name one", async () => {
    const { AWS_REGION: _, ...environment } = lab.environment;
    const { code, stdout } = await startVerify(these(lab), environment);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Of 2 checks: 1 failed.* First: Give the queue by its ARN/);
  });

  it("whose user's key is not known goes through the causes", async () => {
    const base = provider({ ...lab.subscription.userCredentials, accessKeyId: "AKIAUNKNOWN" });
    const { code, stdout } = await verify(these(lab), { surroundings: { ...surroundingsOf(lab), base } });
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /sts:AssumeRole.*InvalidClientTokenId.*To do: Most likely the access key does not exist or is inactive/s,
    );
  });
});

describe("a role that may list the bucket", () => {
  it("is judged by the newest object of the source that is announced", async () => {
    let ahead = 0;
    await using lab = await createLab({ aws: { now: () => Date.now() + ahead } });
    const { bucket, roleArn } = lab.subscription;
    lab.aws.putRolePolicy(roleArn, "List", {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "s3:ListBucket", Resource: `arn:aws:s3:::${bucket}` }],
    });
    const [first, second, newest] = (["vpc_flow_2_0", "waf_2_0", "vpc_flow_2_0"] as const).map((source, seed) =>
      makeObject({ source, rows: 10, seed }),
    );
    // Times of S3 have whole seconds.
    for (const [object, when] of [
      [first, 0],
      [newest, 2_000],
      [second, 4_000],
    ] as const) {
      ahead = when;
      if (object !== undefined) lab.put(object);
    }
    ahead = 4_000;
    const { stdout } = await verify([...these(lab), "--output", "json"], { surroundings: surroundingsOf(lab) });
    const told = (JSON.parse(stdout) as Report).results.find(({ id }) => id === "newest-object");
    expect(told?.state).toBe("ok");
    expect(told?.seen).toContain(`/${newest?.key}: `);
    expect(told?.seen).toMatch(/the newest of its source, written \d+ min ago/);
  });
});

describe("a queue that moves messages away soon", () => {
  it("is not received from", async () => {
    await using lab = await createLab({ subscription: { maxReceiveCount: 2 } });
    lab.put(makeObject({ source: "waf_2_0", rows: 10, seed: 8 }));
    const { code, stdout } = await verify([...these(lab), "--output", "json"], { surroundings: surroundingsOf(lab) });
    expect(code).toBe(0);
    expect(stdout).toMatch(/moves messages away after 2 receives/);
    expect(lab.aws.messages(lab.subscription.queueUrl)).toMatchObject([{ receiveCount: 0 }]);
  });
});

describe("the command line", () => {
  it("lists its checks, for people and for programs", async () => {
    const text = await verify(["--list"]);
    expect(text).toMatchObject({ code: 0, stderr: "" });
    expect(text.stdout).toMatch(
      /\nqueue: The queue answers\n.*newest-object: .*Needs: queue\n.*Effect: receives one message/s,
    );
    const json = await verify(["--list", "--output", "json", "--only", "queue,newest-object"]);
    expect(JSON.parse(json.stdout)).toMatchObject([
      { id: "queue", needs: ["queue-name", "assume-role"] },
      { id: "newest-object", needs: ["queue"] },
    ]);
  });

  it("does the same as it is shipped", async () => {
    const { stdout } = await verify(["--list"]);
    expect(await startVerify(["--list"], {}, main)).toEqual({ code: 0, stdout, stderr: "" });
  });

  it("has help", async () => {
    expect(await verify(["--help"])).toMatchObject({ code: 0, stdout: expect.stringContaining("--no-receive") });
  });

  it.each([
    [["--config", "/nonexistent/ossec.conf"], /cannot be read \(ENOENT\)/],
    [
      ["--config", join(import.meta.dirname, "fixtures", "wrong.conf")],
      /wrong\.conf:5:7: error: <sqs_name>.*has 1 error: nothing was checked/s,
    ],
    [["--config", join(import.meta.dirname, "fixtures", "none.conf")], /has no <subscriber/],
    [["--output", "yaml"], /--output yaml/],
    [["--only", "queue,nonsense"], /no check "nonsense"; --list shows them/],
    [["--skip", "nonsense"], /no check "nonsense"/],
    [["--only", "queue", "--skip", "queue"], /--only and --skip leave no check/],
    [["--nonsense"], /'--nonsense'\. See --help\.$/m],
    [["--queue", "--redact"], /'--queue' argument is ambiguous\. .* use '--queue=-XYZ'\. See --help\.$/m],
    [["--output", "constructor"], /--output constructor is none of text, json, junit, html/],
    [["--explain", "nonsense"], /no check "nonsense"/],
    [
      ["--external-id", "geheim"],
      /--external-id is no option, .* give --external-id-file FILE, or set SECURITY_LAKE_EX/,
    ],
    [["--queue", "q", "--external-id=geheim"], /--external-id is no option, since any user of this machine can read/],
  ])("cannot run with %j and says why", async (args, line) => {
    const { code, stdout, stderr } = await verify(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(line);
    expect(stderr).not.toContain("geheim");
  });

  it.each([
    [["--nonsense"], /'--nonsense'\. See --help\.$/m],
    [["--only", "nonsense"], /no check "nonsense"/],
    [["--stale", "soon", "--queue", "lake"], /--stale soon is no number of hours/],
    [["--fix-plan"], /--fix-plan prints commands, which --output \w+ does not hold/],
  ])(
    "leaves a report that says so where arguments are wrong, in the form that was asked for: %j",
    async (args, line) => {
      const told = async (output: string) => {
        const { code, stdout, stderr } = await verify([...args, "--output", output, "--redact"]);
        expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(line) });
        return stdout;
      };
      const report = JSON.parse(await told("json"));
      expect(faultsOf(report, await readFile(join(import.meta.dirname, "../report.schema.json"), "utf8"))).toEqual([]);
      expect(report.error).toMatch(line);
      expect(await told("junit")).toMatch(/^<\?xml .*<testsuite [^>]* errors="1" [^>]*>.*<error message="[^"]+"\/>/s);
      expect(await told("html")).toMatch(/^<!doctype html>.*<h1>Could not run: .*<\/html>\n$/s);
    },
  );

  it("leaves a plan that says so where arguments are wrong", async () => {
    const { code, stdout } = await verify(["--fix-plan", "--nonsense"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: expect.stringMatching(/^# Could not run: .*nonsense.*\n$/) });
  });

  const wrong = join(import.meta.dirname, "fixtures", "wrong.conf");

  it.each([
    ["has a subscriber that cannot be read", wrong, "<sqs_name>"],
    ["is none", join(import.meta.dirname, "fixtures", "README.md"), "The file has no <ossec_config>"],
  ])("tells programs, too, that a configuration which %s could not be checked", async (_, config, seen) => {
    const told = async (...args: string[]) => {
      const { code, stdout } = await verify(["--config", config, ...args]);
      expect(code).toBe(2);
      return stdout;
    };
    const report = JSON.parse(await told("--output", "json"));
    const schema = await readFile(join(import.meta.dirname, "../report.schema.json"), "utf8");
    expect(faultsOf(report, schema)).toEqual([]);
    expect(report).toMatchObject({
      verdict: `Could not run: ${report.error}`,
      error: expect.stringContaining(`${config} has 1 error`),
      counts: { failed: 1 },
    });
    expect(report.results.filter(({ state }: { state: string }) => state === "failed")).toMatchObject([
      { id: "configuration", subject: config, seen: expect.stringContaining(seen) },
    ]);
    const junit = await told("--output", "junit");
    expect(junit).toMatch(/<testsuite name="security-lake-verify" tests="\d" failures="1" errors="1" skipped="0">/);
    expect(junit).toMatch(/<error message="The configuration .* has 1 error: nothing was checked\."\/>/);
    expect(await told("--output", "html")).toMatch(/<h1>Could not run: The configuration .*<h2>.*<\/html>\n$/s);
    const plan = await told("--fix-plan");
    expect(plan).toMatch(/^# Could not run: The configuration /);
    expect(plan.split("\n").filter((line) => line !== "" && !line.startsWith("#"))).toEqual([]);
  });

  it("tells programs whatever else stood in the way, and masks it where that is asked for", async () => {
    const { code, stdout, stderr } = await verify([
      "--config",
      "/home/alice/123456789012.conf",
      "--output",
      "json",
      "--redact",
    ]);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, results: [], counts: { failed: 0 } });
    expect(JSON.parse(stdout).error).toMatch(/^The configuration <path-\d> cannot be read \(ENOENT\)/);
    expect(stdout + stderr).not.toMatch(/alice|123456789012/);
  });

  it("says once why, and what is to be done about findings of one kind", async () => {
    await using lab = await createLab();
    const file = join(lab.folder, "ossec.conf");
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace("<sqs_name>", "<nonsense>1</nonsense>\n<other>2</other>\n<sqs_name>"));
    const { code, stdout } = await verify(["--config", file, "--only", "configuration"]);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^Of 1 check: 1 failed \(configuration\)\. First: Write one of .* \(line \d+ of .*ossec\.conf\)\.\n/,
    );
    expect(stdout.match(/<nonsense>|<other>/g)).toHaveLength(2);
    for (const once of [/failed {2}/g, /Why: /g, /To do: /g]) expect(stdout.match(once)).toHaveLength(1);
    const { stdout: html } = await verify(["--config", file, "--only", "configuration", "--output", "html"]);
    for (const once of [/<h3>/g, /Why: /g, /To do:/g]) expect(html.match(once)).toHaveLength(1);
  });
});

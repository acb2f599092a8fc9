import { readdirSync, readFileSync, statSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLab, type Lab } from "@threatlockdown/tooling-lab";
import { type Group, makeLake, makeObject, notification, parquetFile } from "@threatlockdown/tooling-lake";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const key = (name: string) =>
  `aws/WAF/2.0/region=us-east-1/accountId=111122223333/eventDay=20240611/${name}.gz.parquet`;

function documents(folder: string): { id: string; data: unknown }[] {
  return readdirSync(folder).flatMap((file) =>
    readFileSync(join(folder, file), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line)),
  );
}

describe("once, into a folder", () => {
  let lab: Lab;
  let output: string;
  beforeEach(async () => {
    lab = await createLab();
    output = join(lab.folder, "out");
  });
  afterEach(() => lab.close());
  const once = (...args: string[]) => lab.once("--output", `file:${output}`, ...args);

  it("stores every event of every source, deletes the messages, and prints the summary alone", async () => {
    const expected = [...makeLake({ rows: 30, seed: 3 })].flatMap((object) => {
      lab.put(object);
      return [...object.events("omit")].map((event) => JSON.stringify(event));
    });
    const { code, stdout } = await once("--json");
    expect(code).toBe(0);
    expect(lab.messages()).toBe(0);
    expect(JSON.parse(stdout())).toMatchObject({
      events: expected.length,
      stored: expected.length,
      objects: 13,
      received: 13,
      deleted: 13,
      quarantined: 0,
      left: 0,
    });
    const stored = documents(output).map(({ data }) => JSON.stringify(data));
    expect(stored.map((event) => JSON.parse(event))).toHaveLength(expected.length);
    expect(new Set(stored.map(canonical))).toEqual(new Set(expected.map(canonical)));
  });

  it("writes the same documents again when the same messages come again", async () => {
    const object = makeObject({ source: "vpc_flow_2_0", rows: 50, seed: 4 });
    lab.put(object);
    await once();
    const first = documents(output);
    lab.aws.announce({
      bucket: lab.subscription.bucket,
      key: object.key,
      queue: lab.subscription.queueUrl,
      form: "eventbridge",
    });
    lab.aws.announce({ bucket: lab.subscription.bucket, key: object.key, queue: lab.subscription.queueUrl });
    expect((await once()).code).toBe(0);
    expect(documents(output)).toEqual(first);
  });

  it("keeps each odd message with its reason, while the ones beside it go through", async () => {
    const good = makeObject({ source: "waf_2_0", rows: 10, seed: 5 });
    const announce = (name: string, size = 100) =>
      lab.send(notification({ bucket: lab.subscription.bucket, key: key(name), size, etag: "0".repeat(32) }));
    lab.put(good);
    announce("missing");
    lab.put({ key: key("not-parquet"), bytes: Buffer.from("this is no Parquet file at all") });
    lab.put({ key: key("truncated"), bytes: good.bytes.subarray(0, good.bytes.length - 100) });
    const broken = Uint8Array.from(good.bytes);
    broken.fill(0xff, 200, 400);
    lab.put({ key: key("broken"), bytes: broken });
    lab.send('{"source":"aws.s3","detail":{"bucket":');
    lab.send("[]");
    announce("nothing", 0);

    const { code, stdout, stderr } = await once("--json");
    expect(code).toBe(0);
    expect(lab.messages()).toBe(0);
    expect(JSON.parse(stdout())).toMatchObject({
      events: 10,
      objects: 1,
      quarantined: 6,
      left: 0,
      nothingToDo: { "object of 0 bytes": 1 },
    });
    expect(documents(output)).toHaveLength(10);
    const letters = await lab.deadLetters();
    const reasonOf = (part: string) =>
      letters.find(({ body, reason }) => String(body).includes(part) || String(reason).includes(part))?.reason;
    expect(reasonOf("missing")).toMatch(/does not exist/);
    expect(reasonOf("not-parquet")).toMatch(/cannot be read as Parquet: .*PAR1/);
    expect(reasonOf("truncated")).toMatch(/truncated.* cannot be read as Parquet/);
    expect(reasonOf("broken")).toMatch(/byte \d+/);
    expect(reasonOf("38 characters")).toMatch(/is not JSON/);
    expect(reasonOf("an array")).toMatch(/not a JSON object/);
    expect(letters.every(({ kind, body }) => kind === "message" && typeof body === "string")).toBe(true);
    expect(stderr()).toMatch(/WARNING: Message .* was quarantined: .*does not exist/);
    expect(stderr()).toMatch(
      /WARNING: Queue \S+: 6 messages could not be processed, and kept with the reason in .*dead-letter\.ndjson: .*put the messages into their queue again, as security-lake-wodle replay --help shows$/m,
    );
    expect(stderr()).not.toContain("replay --dead-letter");
    expect(statSync(join(lab.folder, "security-lake/dead-letter.ndjson")).mode & 0o777).toBe(0o600);
  });

  it("settles a message of several objects only when all are done, the odd one with its reason", async () => {
    const good = makeObject({ source: "waf_2_0", rows: 10, seed: 6 });
    lab.aws.putObject({ bucket: lab.subscription.bucket, key: good.key, body: good.bytes, announce: false });
    const record = (objectKey: string, etag: string) =>
      JSON.parse(notification({ bucket: lab.subscription.bucket, key: objectKey, size: 100, etag }, "s3-records"))
        .Records[0];
    lab.send(JSON.stringify({ Records: [record(key("missing"), "0".repeat(32)), record(good.key, good.etag)] }));
    expect((await once()).code).toBe(0);
    expect(documents(output)).toHaveLength(10);
    expect(await lab.deadLetters()).toHaveLength(1);
    expect(lab.messages()).toBe(0);
  });

  it("gives a message back whose object may not be read, and says so once", async () => {
    const { roleArn, bucket, queueArn } = lab.subscription;
    lab.aws.putRolePolicy(roleArn, "SubscriberSources", {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "s3:ListBucket", Resource: `arn:aws:s3:::${bucket}` }],
    });
    for (const object of makeLake({ rows: 5, sources: ["waf_2_0", "route53_2_0", "eks_audit_2_0"] })) lab.put(object);
    const { code, stderr, stdout } = await once("--json");
    expect(code).toBe(0);
    expect(queueArn).toContain(JSON.parse(stdout()).queue);
    expect(JSON.parse(stdout())).toMatchObject({ deleted: 0, quarantined: 0, left: 3 });
    expect(lab.messages()).toBe(3);
    expect(await lab.deadLetters()).toEqual([]);
    expect(stderr()).toMatch(/tried again later: s3:GetObject/);
    expect(stderr().match(/tried again later/g)).toHaveLength(1);
  });

  it("downloads nothing of objects that the options leave out, deletes their messages, and counts them", async () => {
    const object = makeObject({ source: "waf_2_0", rows: 5, seed: 6 });
    const elsewhere = object.key
      .replace(/region=[^/]+/, "region=eu-south-2")
      .replace(/accountId=[^/]+/, "accountId=999999999999");
    const kept = object.key.replace(/region=[^/]+/, "region=us-east-1").replace(/eventDay=\d+/, "eventDay=20240611");
    const early = kept.replace("20240611", "20240501");
    const other = makeObject({ source: "vpc_flow_2_0", rows: 5, seed: 7 });
    for (const key of [kept, elsewhere, early]) lab.put({ key, bytes: object.bytes });
    lab.put(other);
    const only = ["--sources", "waf", "--regions", "us-east-1", "--only-logs-after", "2024-JUN-01"];
    const { code, stdout } = await once("--json", "--bucket-owner", lab.aws.account, ...only);
    expect(code).toBe(0);
    expect(JSON.parse(stdout())).toMatchObject({
      objects: 1,
      events: 5,
      deleted: 4,
      nothingToDo: { "not wanted: source": 1, "not wanted: region": 1, "not wanted: day": 1 },
    });
    expect(lab.aws.requests.list({ operation: "GetObject" }).map(({ key }) => key)).toEqual([kept]);
    expect(lab.messages()).toBe(0);
  });

  it("says which column has values that no event can show, once, and counts them", async () => {
    const schema: Group = {
      name: "schema",
      repetition: "required",
      fields: [
        {
          ...{ name: "time_dt", repetition: "optional", type: "INT64" },
          annotation: { is: "TIMESTAMP", unit: "MILLIS", utc: true },
        },
      ],
    };
    for (const name of ["a", "b"])
      lab.put({ key: key(name), bytes: parquetFile(schema, [{ time_dt: 0 }, { time_dt: 300_000_000_000_000 }]) });
    const { stdout, stderr } = await once("--json");
    expect(JSON.parse(stdout())).toMatchObject({
      ...{ events: 4, stored: 4, deleted: 2, unindexed: 0 },
      ...{ lostValues: 2, lostByColumn: { time_dt: 2 } },
    });
    expect(
      stderr().match(/WARNING: Column time_dt of s3:\/\/\S+ has values without a JSON form \(1, the first in row 1\)/g),
    ).toHaveLength(1);
  });

  it("reads no bucket of another account than --bucket-owner, and says so", async () => {
    lab.put(makeObject({ source: "waf_2_0", rows: 5, seed: 6 }));
    const { code, stderr } = await once("--bucket-owner", "999999999999");
    expect(code).toBe(0);
    expect(stderr()).toContain("the bucket does not belong to account 999999999999");
    expect(lab.messages()).toBe(1);
  });

  it("shows no secret, in no line, argument or dead letter", async () => {
    lab.put(makeObject({ source: "waf_2_0", rows: 3 }));
    lab.send("no JSON");
    const wodle = lab.wodle(["once", "--output", `file:${output}`, "--debug"]);
    const commandLine = readFileSync(`/proc/${wodle.pid}/cmdline`, "utf8");
    await wodle.ended;
    const { externalId, userCredentials } = lab.subscription;
    const said = [wodle.stdout(), wodle.stderr(), commandLine, JSON.stringify(await lab.deadLetters())].join("\n");
    expect(said).toContain("The SQS queue is");
    for (const secret of [externalId, userCredentials.secretAccessKey]) expect(said).not.toContain(secret);
    expect(lab.aws.requests.count({ operation: "AssumeRole" })).toBeGreaterThan(0);
    // A session's token is a long run of base64; no key, path or name here is.
    expect(said).not.toMatch(/[A-Za-z0-9+/]{100,}/);
  });

  it("shows no part of a request in which AWS found a fault", async () => {
    const message = "The signature does not match.\n\nThe Canonical String: x-amz-security-token:T0KEN";
    lab.put(makeObject({ source: "waf_2_0", rows: 3 }));
    const fix = lab.aws.faults.add({
      service: "sqs",
      operation: "GetQueueUrl",
      error: "SignatureDoesNotMatch",
      message,
    });
    const refused = await once("--debug");
    expect(refused.code).toBe(3);
    fix();
    lab.aws.faults.add({ service: "s3", error: "SignatureDoesNotMatch", message });
    const returned = await once("--debug");
    expect(JSON.stringify(returned.stdout() + returned.stderr() + refused.stderr())).not.toContain("T0KEN");
    expect(returned.stderr()).toContain("tried again later");
  });
});

describe("once, when it cannot work", () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await createLab();
  });
  afterEach(() => lab.close());
  const ends = async (code: number, text: RegExp, ...args: string[]) => {
    const run = await lab.once("--output", `file:${lab.folder}/out`, ...args);
    expect(run.stderr()).toMatch(text);
    expect(
      run
        .stderr()
        .trimEnd()
        .split("\n")
        .filter((line) => line.startsWith("ERROR")),
    ).toHaveLength(1);
    expect(run.stderr()).not.toContain("    at ");
    expect(run.stderr()).not.toContain(lab.subscription.externalId);
    expect(run.code).toBe(code);
  };
  const rewrite = async (from: string | RegExp, to: string) => {
    const file = join(lab.folder, "ossec.conf");
    await writeFile(file, readFileSync(file, "utf8").replace(from, to));
  };

  it("ends with 3 where the external id is wrong, and says who was refused", async () => {
    await rewrite(/<external_id>.*</, "<external_id>another-external-id<");
    await ends(3, /ERROR: .* Access error: .*sts:AssumeRole.*external id/i);
  });

  it("goes on with the next subscriber, and ends with the code of the one that failed", async () => {
    lab.put(makeObject({ source: "waf_2_0", rows: 3 }));
    const text = readFileSync(join(lab.folder, "ossec.conf"), "utf8");
    const [subscriber = ""] = /<subscriber[\s\S]*?<\/subscriber>/.exec(text) ?? [];
    const missing = subscriber.replace(/<sqs_name>.*</, "<sqs_name>no-such-queue<");
    await rewrite(subscriber, `${missing}\n${subscriber}`);
    const run = await lab.once("--json", "--output", `file:${lab.folder}/out`);
    expect(run.code).toBe(20);
    expect(run.stderr().trimEnd().split("\n").at(-1)).toBe(
      "ERROR: 1 of 2 subscribers failed (exit code 20); the ERROR line of each is above.",
    );
    expect(JSON.parse(run.stdout())).toMatchObject({ events: 3, deleted: 1 });
    expect(lab.messages()).toBe(0);
  });

  it("ends with 20 where the queue does not exist", async () => {
    await rewrite(/<sqs_name>.*</, "<sqs_name>no-such-queue<");
    await ends(20, /ERROR: .*no-such-queue.*<sqs_name> is not the queue of this subscription/);
  });

  it("ends with 12 and a line each where the configuration is wrong", async () => {
    await rewrite(/<iam_role_duration>.*</, "<iam_role_duration>7<");
    const run = await lab.once();
    expect(run.code).toBe(12);
    expect(run.stderr()).toMatch(/ossec\.conf:\d+:\d+: error: <iam_role_duration>/);
  });

  it("ends with 12 where the file is missing", () =>
    ends(
      12,
      /ERROR: .*nowhere\.conf cannot be read \(ENOENT\): there is no such file; give .* by --config/,
      "--config",
      "/nowhere.conf",
    ));

  it("ends with 2 on an unknown option, and on a word too many", async () => {
    await ends(2, /ERROR: .*--colour/, "--colour");
    await ends(2, /ERROR: .*typo/, "typo");
  });

  it("refuses a credentials file that others can read", async () => {
    const file = join(lab.folder, "indexer");
    await writeFile(file, "username=u\npassword=p4ssw0rd\n");
    await chmod(file, 0o644);
    await rewrite("<enabled>no</enabled>", "<enabled>yes</enabled>");
    const run = await lab.once("--indexer-credentials", file);
    expect(run.code).toBe(12);
    expect(run.stderr()).toMatch(/mode 0644\): chmod 0600/);
    expect(run.stderr()).not.toContain("p4ssw0rd");
  });

  it("shows nothing of the indexer's password", async () => {
    await using other = await createLab({
      indexer: { url: "http://127.0.0.1:9", username: "lake-writer", password: "p4ss-w0rd" },
    });
    const wodle = other.wodle(["once", "--debug"]);
    const commandLine = readFileSync(`/proc/${wodle.pid}/cmdline`, "utf8");
    expect((await wodle.ended).code).toBe(11);
    expect(wodle.stdout() + wodle.stderr() + commandLine).not.toMatch(/p4ss-w0rd|cDRzcy13MHJk/);
  });

  it("ends with 11 where the indexer does not answer", async () => {
    await rewrite("<enabled>no</enabled>", "<enabled>yes</enabled>");
    await rewrite("https://127.0.0.1:9200", "http://127.0.0.1:9");
    const run = await lab.once();
    expect(run.code).toBe(11);
    expect(run.stderr()).toMatch(/ERROR: Indexer: .*ECONNREFUSED.*nobody listens there: start it/);
  });
});

/** Members sorted by name at every depth, so that two events compare by content. */
function canonical(text: string): string {
  return JSON.stringify(JSON.parse(text), (_, value) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

import { describe, expect, it } from "vitest";
import { type Result, runChecks } from "../src/check.ts";
import { checks } from "../src/checks/table.ts";
import { createLake, type Surroundings } from "../src/lake.ts";
import { patientLimits } from "./patience.ts";
import { createSetting, laterObject, object, otherObject, type Setting } from "./setting.ts";

/** A role of one source, in a bucket where another one is newer, which is told to others. */
async function ofOneSource(): Promise<Setting> {
  const setting = await createSetting({ subscription: () => ({ sources: ["aws/VPC_FLOW"] }) });
  setting.ahead = 4_000;
  setting.put(laterObject);
  setting.ahead = 8_000;
  setting.put(otherObject);
  setting.ahead = 0;
  return setting;
}

const mayList = ({ aws, lake }: Setting) =>
  aws.putRolePolicy(lake.roleArn, "List", {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "s3:ListBucket", Resource: `arn:aws:s3:::${lake.bucket}` }],
  });

async function newest(setting: Setting, more: Partial<Surroundings>, receive: boolean): Promise<Result | undefined> {
  const { admin: _, ...surroundings } = setting.surroundings;
  const lake = createLake(setting.subscriber, { ...surroundings, ...more });
  const results = await runChecks(checks({ receive }), lake, patientLimits);
  return results.find(({ check }) => check.id === "newest-object");
}

describe("the newest object", () => {
  it("is one of the sources that are announced, as an administrator sees them", async () => {
    await using setting = await ofOneSource();
    const found = await newest(setting, { admin: setting.surroundings.admin as never }, false);
    expect(found).toMatchObject({ state: "ok", seen: expect.stringContaining(laterObject.key) });
  });

  it("is of the source that a message announces, where the role may list the bucket", async () => {
    await using setting = await ofOneSource();
    mayList(setting);
    const found = await newest(setting, {}, true);
    expect(found).toMatchObject({ state: "ok", seen: expect.stringContaining("; the newest of its source, written ") });
    expect(found?.seen).toContain(laterObject.key);
  });

  it.each([
    [
      "is broken, whatever message is received",
      [object, { ...laterObject, bytes: object.bytes.slice(0, -4) }],
      "failed",
    ],
    ["is sound, though an older one is not", [{ ...object, bytes: object.bytes.slice(0, -4) }, laterObject], "ok"],
    ["is of another source than the message's", [object, { ...otherObject, bytes: new Uint8Array(99) }], "failed"],
  ] as const)("is read, as an administrator sees it, where it %s", async (_, files, state) => {
    await using setting = await createSetting({ empty: true });
    for (const [at, file] of files.entries()) {
      setting.ahead = at * 4_000;
      setting.put(file);
    }
    setting.ahead = 0;
    const admin = setting.surroundings.admin as never;
    for (let run = 0; run < 3; run++) {
      expect(await newest(setting, { admin }, true)).toMatchObject({
        state,
        seen: expect.stringContaining(files[1].key),
      });
    }
  });

  it("is no failure where it may be of another subscriber's source", async () => {
    await using setting = await ofOneSource();
    mayList(setting);
    const found = await newest(setting, { buckets: [setting.lake.bucket] }, false);
    expect(found).toMatchObject({
      state: "could not check",
      seen: expect.stringMatching(/not known whether this object is of a source of this subscriber's: .*WAF/),
    });
  });

  it("is looked for after what announces it", async () => {
    await using setting = await createSetting({ subscription: () => ({ announce: false }) });
    setting.put(object);
    expect(await newest(setting, { admin: setting.surroundings.admin as never }, false)).toMatchObject({
      state: "could not check",
      fix: "Go by the check notification first",
    });
  });
});

describe("without an object", () => {
  it("nothing is said of what announces it", async () => {
    await using setting = await createSetting({ empty: true });
    expect(await newest(setting, { admin: setting.surroundings.admin as never }, false)).toMatchObject({
      state: "could not check",
      seen: expect.stringContaining("no object could be found"),
    });
  });
});

describe("a refusal is mended where AWS says that it is", () => {
  const action = "s3:GetObject";
  it.each([
    ["with an explicit deny in a service control policy", /^An administrator of the AWS organization lets role /],
    ["with an explicit deny in a resource control policy", /: a resource control policy forbids it$/],
    [`because no VPC endpoint policy allows the ${action} action`, /^Someone who may change the VPC endpoint /],
    [`because no permissions boundary allows the ${action} action`, /^Someone who may change the permissions boundary/],
    ["with an explicit deny in an identity-based policy", /^Someone who may change role .* makes an exception for/],
    ["with an explicit deny in a resource-based policy", /^Someone who may change the bucket .* takes the statement/],
    [`because no identity-based policy allows the ${action} action`, /^Someone who may change the role adds the st/],
  ])("of an object: %s", async (why, fix) => {
    await using setting = await createSetting();
    const { roleArn, bucket } = setting.lake;
    setting.aws.faults.add({
      service: "s3",
      operation: "GetObject",
      error: "AccessDenied",
      message: `User: ${roleArn} is not authorized to perform: ${action} on resource: "arn:aws:s3:::${bucket}/x" ${why}`,
    });
    const found = await newest(setting, {}, true);
    expect(found).toMatchObject({ state: "failed", fix: expect.stringMatching(fix) });
    expect(found?.policy === undefined).toBe(!why.startsWith("because no identity"));
  });

  it.each([
    [
      "because no VPC endpoint policy allows the sqs:ReceiveMessage action",
      /^Someone who may change the VPC endpoint /,
    ],
    [
      "with an explicit deny in a resource-based policy",
      /^Someone who may change the queue AmazonSecurityLake-.* takes the statement with Effect Deny out of its policy/,
    ],
    [
      "because no identity-based policy allows the sqs:ReceiveMessage action",
      /^Someone who may change the role or the queue allows sqs:ReceiveMessage/,
    ],
  ])("of a message: %s", async (why, fix) => {
    await using setting = await createSetting();
    const { roleArn, queueArn } = setting.lake;
    setting.aws.faults.add({
      service: "sqs",
      operation: "ReceiveMessage",
      error: "AccessDenied",
      message: `User: ${roleArn} is not authorized to perform: sqs:receivemessage on resource: ${queueArn} ${why}`,
    });
    expect(await newest(setting, {}, true)).toMatchObject({ state: "failed", fix: expect.stringMatching(fix) });
  });
});

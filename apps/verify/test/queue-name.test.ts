import type { Subscriber } from "@threatlockdown/ossec-config";
import { describe, expect, it } from "vitest";
import type { Result } from "../src/check.ts";
import { written } from "../src/command.ts";
import { fixPlan } from "../src/report/fix-plan.ts";
import { verdictOf } from "../src/verdict.ts";
import { createSetting, object, type Setting } from "./setting.ts";

const other = "210987654321";

async function verify(
  change: (setting: Setting) => Partial<Subscriber>,
  options: { readonly admin?: boolean } = {},
): Promise<{ readonly found: (id: string) => Result | undefined; readonly setting: Setting }> {
  await using setting = await createSetting({ aws: { accounts: ["123456789012", other] } });
  setting.subscriber = { ...setting.subscriber, ...change(setting) };
  const results = await setting.verify({ admin: false, ...options });
  return { setting, found: (id) => results.find(({ check }) => check.id === id) };
}

const inOther = (arn: string) => arn.replace(/:\d{12}:/, `:${other}:`);

describe("a queue's name that is wrong, without an administrator", () => {
  it.each<[string, (queue: string) => string]>([
    ["misspelt", (queue) => queue.replace("Queue", "Quue")],
    ["the role's", (queue) => queue.replace("-Main-Queue", "")],
    ["that of its dead letters", (queue) => queue.replace("Main", "Dead-Letter")],
    ["misspelt in its ARN", (queue) => `arn:aws:sqs:us-east-1:123456789012:${queue.replace("-Main", "-Mian")}`],
  ])("is corrected by that of the role: %s", async (_, change) => {
    const { found, setting } = await verify(({ lake }) => ({ queue: change(lake.queueName) }));
    const { queueName } = setting.lake;
    const whole = change(queueName).startsWith("arn:") ? setting.lake.queueArn : queueName;
    expect(found("queue-name")).toMatchObject({
      state: "failed",
      seen: expect.stringMatching(/^Security Lake makes no queue of the name AmazonSecurityLake-/),
      fix: expect.stringMatching(`^Correct <sqs_name>: Security Lake has made the queue ${queueName} together`),
      paste: `<sqs_name>${whole}</sqs_name>\n`,
    });
    expect(found("queue")).toMatchObject({ state: "could not check" });
  });

  it.each([false, true])(
    "is that of the role, where the role's is misspelt; with an administrator: %s",
    async (admin) => {
      const { found, setting } = await verify(({ lake }) => ({ roleArn: `${lake.roleArn.slice(0, -1)}x` }), { admin });
      const { roleArn } = setting.lake;
      expect(found(admin ? "role" : "queue-name")).toMatchObject({
        state: "failed",
        fix: expect.stringMatching(
          `^Correct <iam_role_arn>: Security Lake has made the role ${roleArn.split("/").at(-1)} `,
        ),
        paste: `<iam_role_arn>${roleArn}</iam_role_arn>\n`,
      });
    },
  );

  it("is well with a role that Security Lake has not made", async () => {
    const { found } = await verify(() => ({ roleArn: "arn:aws:iam::123456789012:role/AmazonSecurityLakeReader" }));
    expect(found("queue-name")?.state).toBe("ok");
  });

  it.each<[string, (setting: Setting) => string, (setting: Setting) => string]>([
    ["a URL", ({ lake }) => lake.queueUrl.replace(lake.queueName, "queue"), ({ lake }) => lake.queueUrl],
    ["another account's ARN", () => `arn:aws:sqs:us-east-1:${other}:queue`, ({ lake }) => lake.queueArn],
  ])("is written as it was, in the role's account: %s", async (_, wrong, right) => {
    const { found, setting } = await verify((one) => ({ queue: wrong(one) }));
    expect(found("queue")).toMatchObject({
      state: "could not check",
      seen: expect.stringContaining("whether queue queue is there is not shown to this role"),
    });
    expect(found("newest-object")).toMatchObject({
      state: "failed",
      paste: `<sqs_name>${right(setting)}</sqs_name>\n`,
    });
  });

  it("is corrected where the role's own queue answers, and no policy is given for the other", async () => {
    const { found, setting } = await verify(() => ({ queue: "events" }));
    expect(found("queue-name")).toMatchObject({ state: "could not check" });
    expect(found("queue")).toMatchObject({
      state: "failed",
      paste: `<sqs_name>${setting.lake.queueName}</sqs_name>\n`,
    });
    expect(found("queue")?.policy).toBeUndefined();
  });

  it("is only asked for where the role's own queue does not answer", async () => {
    const { found } = await verify((setting) => {
      setting.aws.faults.add({ service: "sqs", operation: "GetQueueUrl", error: "AccessDenied", status: 403 });
      return { queue: "events" };
    });
    expect(found("queue")).toMatchObject({ state: "failed", fix: expect.stringMatching(/^Compare <sqs_name> with/) });
    expect(found("queue")?.policy).toBeDefined();
  });
});

describe("a queue that is there, beside the role's own", () => {
  async function look(make: (setting: Setting) => void | Promise<void>) {
    await using setting = await createSetting();
    const queue = setting.aws.createQueue({ name: "lake-events" });
    setting.subscriber = { ...setting.subscriber, queue: queue.arn };
    await make(setting);
    const results = await setting.verify();
    return { setting, results, found: results.find(({ check }) => check.id === "queue-name") };
  }

  it("is another's, so that the role is not given its messages, nor it the lake's", async () => {
    const { results, found, setting } = await look(() => {});
    expect(found).toMatchObject({ state: "failed", paste: `<sqs_name>${setting.lake.queueArn}</sqs_name>\n` });
    expect(JSON.stringify(results.map(({ commands, policy }) => [commands, policy]))).not.toContain("lake-events");
  });

  it("is the subscriber's where the lake's events are led there, by a rule that is disabled, too", async () => {
    const { found } = await look(async ({ aws, aws_cli, lake }) => {
      const pattern = { source: ["aws.s3"], detail: { bucket: { name: [lake.bucket] } } };
      const targets = [
        { queueArn: lake.queueArn.replace(lake.queueName, "lake-events"), form: "eventbridge" as const },
      ];
      aws.createRule({ name: "lake", pattern, targets });
      await aws_cli("aws events disable-rule --name lake");
    });
    expect(found).toMatchObject({ state: "ok", seen: expect.stringMatching(/^lake-events, to which the lake's/) });
  });

  it("is not judged where nobody may look what leads there, nor what needs it", async () => {
    const { results, found } = await look((setting) => {
      setting.aws.faults.add({ service: "events", operation: "ListRules", error: "AccessDeniedException" });
    });
    expect(found).toMatchObject({
      state: "could not check",
      obstacle: { rights: expect.arrayContaining(["events:ListRules"]) },
    });
    expect(results.flatMap(({ commands = [] }) => commands)).toEqual([]);
  });
});

describe("a queue that may not be looked up, without an administrator", () => {
  async function verifyDenied(subscriber: Partial<Subscriber>) {
    return verify((setting) => {
      setting.aws.faults.add({ service: "sqs", operation: "GetQueueUrl", error: "AccessDenied", status: 403 });
      return subscriber;
    });
  }

  it("of the role's own name is of another Region, or the role lacks the right, which a command gives", async () => {
    const { found, setting } = await verifyDenied({});
    const role = setting.lake.roleArn.split("/").at(-1);
    const { fix, console, commands } = found("queue") ?? {};
    expect(fix).toMatch(/^Compare the Region, us-east-1, with .*; if it is right, someone who may change role /);
    expect(console).toBe(`IAM > Roles > ${role} > Permissions`);
    expect(commands?.map(written)).toEqual([
      expect.stringMatching(`^aws iam put-role-policy --role-name ${role} --policy-name ThreatLockDown-Queue `),
    ]);
  });

  it("is to have a role where none is given; the policy is of the caller's account", async () => {
    const { found, setting } = await verifyDenied({ roleArn: undefined } as object);
    const { fix, policy, commands } = found("queue") ?? {};
    expect(fix).toMatch(/^Give the subscriber's role in <iam_role_arn>; if it has none to assume, someone .* user /);
    expect(JSON.stringify(policy)).toContain(`"${setting.lake.queueArn}"`);
    expect(commands).toBeUndefined();
  });
});

describe("a role of another account than the queue's", () => {
  it("is a fault where Security Lake has made both", async () => {
    const { found } = await verify(({ lake }) => ({ queue: lake.queueArn, roleArn: inOther(lake.roleArn) }));
    expect(found("queue-name")).toMatchObject({
      state: "failed",
      seen: expect.stringMatching(
        /is in account 123456789012, and its subscriber's role in 210987654321: Security Lake/,
      ),
      fix: expect.stringMatching(/^Compare <sqs_name> .*, and <iam_role_arn> with the role there: .* one account$/),
    });
  });

  it("is compared before it is given the objects of a bucket", async () => {
    const { found } = await verify(({ aws, lake, put }) => {
      const statement = (Action: string, Resource: string) => ({ Effect: "Allow", Action, Resource });
      const own = aws.createRole({
        account: other,
        name: "Own",
        trust: {
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { AWS: lake.userArn } }],
        },
        policies: { All: { Version: "2012-10-17", Statement: [statement("*", "*")] } },
      });
      const assume = { Version: "2012-10-17", Statement: [statement("sts:AssumeRole", own.arn)] };
      aws.putUserPolicy(lake.userArn, "AssumeOwn", assume);
      const queue = aws.createQueue({ name: "own", account: other });
      aws.announce({ bucket: lake.bucket, key: object.key, queue: "own" });
      put();
      return { queue: queue.arn, roleArn: own.arn };
    });
    expect(found("newest-object")).toMatchObject({
      state: "failed",
      fix: expect.stringMatching(
        /^Compare <iam_role_arn> .* account 210987654321, and the bucket aws-security-.* of 123456789012; if it is right, someone/,
      ),
    });
  });

  it("is compared before it is given a policy", async () => {
    const { found } = await verify(({ lake }) => ({
      queue: lake.queueArn,
      roleArn: `arn:aws:iam::${other}:role/Own`,
    }));
    expect(found("assume-role")).toMatchObject({
      state: "failed",
      fix: expect.stringMatching(
        /^Compare <iam_role_arn> with the role .* account 210987654321, and the queue of 123456789012; if it is right, compare <external_id>/,
      ),
    });
    expect(found("assume-role")?.policy).toBeDefined();
  });

  it("is compared with the account of the credentials where only the queue's name is known", async () => {
    const { found } = await verify(({ lake }) => ({
      queue: lake.queueName,
      roleArn: `arn:aws:iam::${other}:role/Own`,
    }));
    expect(found("assume-role")).toMatchObject({
      state: "failed",
      fix: expect.stringMatching(
        /^Compare <iam_role_arn> .* account 210987654321, and the credentials at hand of 123456789012; if it is right, /,
      ),
    });
  });
});

describe("a Region in which the lake is not", () => {
  const elsewhere = async (admin: boolean) => {
    await using setting = await createSetting();
    setting.surroundings = { ...setting.surroundings, region: "eu-west-1" };
    const results = await setting.verify({ admin });
    return { results, verdict: verdictOf(results) };
  };

  it("is corrected first, and not the queue's name", async () => {
    expect((await elsewhere(true)).verdict.line).toMatch(
      / First: Give the queue by its ARN in <sqs_name>, or correct --region: .* shows it, in us-east-1\.$/,
    );
  });

  it("is compared without an administrator, and no command is run for a queue there", async () => {
    const { results, verdict } = await elsewhere(false);
    expect(verdict.line).toMatch(/ First: Compare the Region, eu-west-1, with that of the subscription endpoint/);
    const plan = fixPlan(results);
    expect(plan.match(/^aws .*/gm)).toBeNull();
    expect(plan).toMatch(/^# Only where the queue is in this Region: aws iam put-role-policy /m);
  });
});

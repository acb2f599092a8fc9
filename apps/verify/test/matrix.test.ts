import { describe, expect, it } from "vitest";
import type { Result } from "../src/check.ts";
import { fixPlan } from "../src/report/fix-plan.ts";
import { verdictOf } from "../src/verdict.ts";
import { type Fault, faults } from "./faults.ts";
import { createSetting, laterObject, type Setting } from "./setting.ts";

const troubles = (results: readonly Result[]) =>
  results.flatMap(({ check, state, seen, fix }) =>
    state === "failed" || state === "warning" ? [{ id: check.id, state, seen, fix }] : [],
  );

/** The worst comes first, as in the verdict. */
const first = (results: readonly Result[]) => {
  const wrong = results.filter(({ state }) => state === "failed" || state === "warning");
  return wrong.find(({ state }) => state === "failed") ?? wrong[0];
};

/** All commands of a plan, as it is printed. */
const commandsIn = (plan: string) => plan.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

/** The same for someone who knows that it is the case in which a command is right. */
const knowing = (plan: string) => plan.replaceAll(/^# Only where .*?: (?=aws )/gm, "");

async function mend(setting: Setting, { mend: byHand }: Fault, result: Result): Promise<void> {
  if (byHand !== undefined) return byHand(setting);
  const commands = commandsIn(knowing(fixPlan([result])));
  expect(commands).not.toEqual([]);
  // Whoever runs it has another Region by default, perhaps.
  for (const command of commands) expect(command).toMatch(/^aws iam |^aws .* --region us-east-1$/);
  for (const command of commands) await setting.aws_cli(command);
}

describe("a fault is found first, and its fix as printed makes the next run clean", () => {
  it("of sixty kinds at least", () => {
    expect(new Set(faults.map(({ name }) => name)).size).toBeGreaterThanOrEqual(60);
  });

  it.concurrent.each(faults)("$name", async (fault) => {
    await using setting = await createSetting(fault.options);
    await fault.make(setting);
    const found = first(await setting.verify());
    expect(found && { id: found.check.id, state: found.state, seen: found.seen }).toEqual({
      id: fault.found,
      state: fault.state ?? "failed",
      seen: expect.stringMatching(fault.seen),
    });
    expect(found?.fix).toBeTypeOf("string");
    await mend(setting, fault, found as Result);
    const before = setting.aws.messages(setting.lake.queueUrl).length;
    setting.put(laterObject);
    expect(setting.aws.messages(setting.lake.queueUrl).length).toBe(before + 1);
    expect(troubles(await setting.verify())).toEqual([]);
  });
});

describe("a repair of what was repaired before", () => {
  it("keeps what the first one has added", async () => {
    await using setting = await createSetting();
    const queuePolicy = (...Action: string[]) =>
      setting.aws.putRolePolicy(setting.lake.roleArn, "SubscriberQueue", {
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action, Resource: setting.lake.queueArn }],
      });
    const actions = ["GetQueueUrl", "GetQueueAttributes", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"];
    for (const left of [4, 3]) {
      queuePolicy(...actions.slice(0, left).map((action) => `sqs:${action}`));
      const found = first(await setting.verify()) as Result;
      // The last of them was allowed by the first repair.
      expect(found.seen.match(/sqs:[A-Z]\w+/g)).toHaveLength(1);
      for (const command of commandsIn(fixPlan([found]))) await setting.aws_cli(command);
      expect(troubles(await setting.verify())).toEqual([]);
    }
  });
});

describe("a repair of a policy that forbids more than is asked for", () => {
  it.each([
    ["role is forbidden sqs:*", /excepts sqs:\* on arn:aws:sqs:\S+-Main-Queue from/],
    ["user is forbidden by one statement among others", /excepts sts:AssumeRole on arn:aws:iam::\d+:role\/\S+ from/],
    [
      "role is forbidden all but one action",
      /excepts sqs:DeleteMessage, (sqs:\w+, )*s3:GetObject on arn:aws:sqs:\S+-Main-Queue, arn:aws:s3:::\S+ from/,
    ],
  ])("says all that will be forbidden no more: %s", async (name, gone) => {
    const fault = faults.find((one) => one.name === name) as Fault;
    await using setting = await createSetting(fault.options);
    await fault.make(setting);
    const { fix = "" } = first(await setting.verify()) ?? {};
    expect(fix).toMatch(gone);
    expect(fix).toContain(' from what policy "Less" of ');
  });
});

describe("a repair of a managed policy", () => {
  it("says whom else it concerns, and what stands in its way", async () => {
    const fault = faults.find(({ name }) => name === "user is forbidden by a managed policy of its group") as Fault;
    await using setting = await createSetting(fault.options);
    await fault.make(setting);
    const found = first(await setting.verify()) as Result;
    const plan = fixPlan([found]);
    expect(commandsIn(plan)).toEqual([]);
    expect(commandsIn(knowing(plan))).toEqual([expect.stringContaining("iam create-policy-version")]);
    expect(found.fix).toMatch(
      /a managed policy changes for all that it is attached to, and where it has five versions/,
    );
  });
});

describe("a repair of a group's policy", () => {
  it.each(["statement among others", "whole policy", "managed policy that says nothing else"])(
    "says that it concerns all members, and what concerns this user alone: %s",
    async (kind) => {
      await using setting = await createSetting();
      const { aws, lake, aws_cli } = setting;
      await aws_cli("aws iam create-group --group-name managers");
      await aws_cli(`aws iam add-user-to-group --group-name managers --user-name ${lake.userName}`);
      const deny = { Effect: "Deny", Action: "sts:*", Resource: "*" } as const;
      const other = { Effect: "Allow", Action: "iam:GetUser", Resource: "*" } as const;
      const policy = { Version: "2012-10-17", Statement: kind === "statement among others" ? [deny, other] : [deny] };
      await aws_cli(
        kind.startsWith("managed")
          ? `aws iam attach-group-policy --group-name managers --policy-arn ${aws.createManagedPolicy("Less", policy)}`
          : `aws iam put-group-policy --group-name managers --policy-name Less --policy-document '${JSON.stringify(policy)}'`,
      );
      const found = first(await setting.verify()) as Result;
      const plan = fixPlan([found]);
      expect(commandsIn(plan)).toEqual([]);
      expect(plan).toMatch(/^# Only where all members of group "managers" are to be changed: aws iam /m);
      expect(found.fix).toMatch(
        /; this changes group "managers" for all members: to change this user alone, take it out of/,
      );
    },
  );
});

describe("without an administrator, what the role meets says the same", () => {
  const told: Readonly<Record<string, RegExp>> = {
    "trust policy names another user": /^Compare <external_id> .*; if it is right, someone who may change role Amazon/,
    "trust policy asks for another external ID": /^Compare <external_id> with the external ID of the subscriber/,
    "external ID is wrong": /^Compare <external_id> with the external ID of the subscriber/,
    "external ID is missing": /^Write <external_id> into the subscriber of ossec\.conf/,
    "user's policy allows another action":
      /and someone who may change threatlockdown allows it sts:AssumeRole on the role; with --admin-profile this finds/,
    "trust policy takes any external ID": /^Someone who may change the role .* gives each statement for threatlockdown/,
    "access key is not known":
      /^Give the subscriber an access key that exists and is active; temporary keys have a session token too$/,
    "queue is that of another subscriber": /^Compare <sqs_name> .*both have to be of one subscriber$/,
    "role lacks sqs:ReceiveMessage": /^Someone who may change the role or the queue allows sqs:ReceiveMessage/,
    "role's policy names another bucket": /^Someone who may change the role adds the statement below to its policy/,
    "key lets its administrator and EventBridge use it, and no role":
      /^Someone who may change the role or the queue allows sqs:ReceiveMessage, and kms:Decrypt on the queue's key/,
    "queue's key does not exist": /^The queue's key does not exist: someone who may change the queue/,
    "key is disabled": /^Someone who may change the queue's key enables it/,
    "bucket's policy forbids the role to read":
      /^Someone who may change the bucket .* takes the statement with Effect Deny/,
  };

  it.concurrent.each(Object.entries(told))("%s", async (name, fix) => {
    const fault = faults.find((one) => one.name === name) as Fault;
    await using setting = await createSetting(fault.options);
    await fault.make(setting);
    const results = await setting.verify({ admin: false });
    expect(first(results)?.fix).toMatch(fix);
    expect(verdictOf(results).line).toContain(`First: ${first(results)?.fix}.`);
  });

  it("also where STS says whose policy it is", async () => {
    await using setting = await createSetting();
    setting.aws.faults.add({
      service: "sts",
      operation: "AssumeRole",
      error: "AccessDenied",
      message: `User: ${setting.lake.userArn} is not authorized to perform: sts:AssumeRole on resource: ${setting.lake.roleArn} because no identity-based policy allows the sts:AssumeRole action`,
    });
    const found = first(await setting.verify({ admin: false }));
    expect(found?.fix).toMatch(/^Someone who may change user threatlockdown lets it do sts:AssumeRole on the role/);
    expect(commandsIn(fixPlan([found as Result]))).toEqual([expect.stringMatching(/^aws iam put-user-policy /)]);
  });
});

/** A role whose trust is mended trusts the user by name, who needs no policy of its own then. */
const isOfTrust = ({ found }: Fault) => found === "user" || found === "role";

/** Faults that can be made together: in one and the same set-up, each of another check, and none that moves the clock. */
function together(seed: number, count: number): Fault[] {
  const chosen: Fault[] = [];
  for (let state = seed; chosen.length < count; ) {
    // Numerical Recipes' generator.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const fault = faults[state % faults.length] as Fault;
    const alone = fault.options !== undefined || /clock|SESSION|session/.test(fault.name);
    const unseen = isOfTrust(fault) && chosen.some(isOfTrust);
    if (!alone && !unseen && !chosen.some(({ found }) => found === fault.found)) chosen.push(fault);
  }
  return chosen;
}

const several = [
  ...Array.from({ length: 7 }, (_, seed) => together(seed + 1, 2)),
  ...Array.from({ length: 7 }, (_, seed) => together(seed + 101, 3)),
].map((chosen) => [chosen.map(({ name }) => name).join(" + "), chosen] as const);

describe("several faults at once", () => {
  it.concurrent.each(several)("are all found, and the plans as printed lead to a clean run: %s", async (_, chosen) => {
    await using setting = await createSetting();
    for (const fault of chosen) await fault.make(setting);
    const left = new Set(chosen.map(({ found }) => found));
    // One can stand before another: then that is said, and the next run finds it.
    for (let round = 0; round < chosen.length; round++) {
      const results = await setting.verify();
      const wrong = troubles(results).map(({ id }) => id);
      const open = results.flatMap(({ check, state }) => (state === "could not check" ? [check.id] : []));
      if (round === 0) expect([...wrong, ...open]).toEqual(expect.arrayContaining([...left]));
      for (const id of wrong) left.delete(id);
      for (const { mend: byHand, found } of chosen) if (wrong.includes(found)) await byHand?.(setting);
      for (const command of commandsIn(knowing(fixPlan(results)))) await setting.aws_cli(command);
    }
    expect([...left]).toEqual([]);
    expect(troubles(await setting.verify())).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { policiesOf } from "../src/attached.ts";
import type { Result } from "../src/check.ts";
import { excepting } from "../src/exception.ts";
import { forbids, type Statement } from "../src/policy.ts";
import { repairOf } from "../src/repair.ts";
import { fixPlan } from "../src/report/fix-plan.ts";
import { createSetting } from "./setting.ts";

const version = "2012-10-17";
const queue = "arn:aws:sqs:us-east-1:123456789012:AmazonSecurityLake-Queue";
const objects = "arn:aws:s3:::lake/aws/WAF/2.0/*";
const asked = [
  { action: "sqs:DeleteMessage", resource: queue, context: {} },
  { action: "s3:GetObject", resource: objects, context: {} },
];
const deny = (more: object): Statement => ({ Effect: "Deny", ...more });

describe("a Deny in a policy of a user or role stays for all that is not needed", () => {
  it.each<readonly [string, Statement, readonly Statement[]]>([
    [
      "of everything",
      deny({ Sid: "Guard", Action: "*", Resource: "*" }),
      [
        deny({ Sid: "Guard", Resource: "*", NotAction: ["sqs:DeleteMessage", "s3:GetObject"] }),
        deny({ Action: ["sqs:DeleteMessage", "s3:GetObject"], NotResource: [queue, objects] }),
      ],
    ],
    [
      "of everything but some resources",
      deny({ Action: "*", NotResource: "arn:aws:s3:::public/*" }),
      [
        deny({ NotResource: "arn:aws:s3:::public/*", NotAction: ["sqs:DeleteMessage", "s3:GetObject"] }),
        deny({
          Action: ["sqs:DeleteMessage", "s3:GetObject"],
          NotResource: ["arn:aws:s3:::public/*", queue, objects],
        }),
      ],
    ],
    [
      "of everything but some actions",
      deny({ NotAction: "iam:*", Resource: "*" }),
      [
        deny({ Resource: "*", NotAction: ["iam:*", "sqs:DeleteMessage", "s3:GetObject"] }),
        deny({ Action: ["sqs:DeleteMessage", "s3:GetObject"], NotResource: [queue, objects] }),
      ],
    ],
    [
      "of services, under a condition",
      deny({ Action: ["s3:*", "sqs:*", "iam:*"], Resource: "*", Condition: {} }),
      [
        deny({ Resource: "*", Condition: {}, Action: ["iam:*"] }),
        deny({ Condition: {}, Action: ["s3:*", "sqs:*"], NotResource: [queue, objects] }),
      ],
    ],
    [
      "of one action, on that queue among others",
      deny({ Action: "sqs:DeleteMessage", Resource: [queue, `${queue}-2`] }),
      [deny({ Action: "sqs:DeleteMessage", Resource: [`${queue}-2`] })],
    ],
  ])("%s", (_, statement, left) => {
    const found = excepting({ Statement: [statement] }, asked);
    expect(found?.document?.Statement).toEqual(left);
    expect(found?.wide).toBe(false);
    for (const one of found?.document?.Statement ?? []) {
      expect(asked.some((what) => forbids(one, what))).toBe(false);
    }
  });

  it("but where no exception can be written, which is told", () => {
    const all = "arn:aws:sqs:us-east-1:123456789012:*";
    expect(excepting({ Statement: [deny({ Action: "sqs:*", Resource: all })] }, asked)).toEqual({
      document: undefined,
      actions: ["sqs:*"],
      resources: [all],
      wide: true,
    });
  });
});

const permissions = (results: readonly Result[], id = "role-permissions") =>
  results.find(({ check }) => check.id === id) as Result;

describe("a repair", () => {
  it("takes away no more than is needed only where someone knows that it may go", async () => {
    await using setting = await createSetting();
    const { aws, lake } = setting;
    const statement = { Effect: "Deny", Action: "sqs:*", Resource: `arn:aws:sqs:*:${lake.account}:*` } as const;
    aws.putRolePolicy(lake.roleArn, "Guard", { Version: version, Statement: [statement] });
    const found = permissions(await setting.verify());
    expect(found.fix).toMatch(/ takes the Deny of sqs:\* on arn:aws:sqs:\*:\d+:\* out of policy "Guard" of role /);
    expect(fixPlan([found])).toMatch(/^# Only where policy "Guard" of role "\S+" is to forbid nothing else on arn:/m);
  });

  it("detaches a policy that AWS manages, since nobody can change it, only where someone knows why it is there", async () => {
    await using setting = await createSetting();
    const { aws, lake, aws_cli } = setting;
    const Statement = [{ Effect: "Deny", Action: "*", Resource: "*" }] as const;
    const arn = aws.createManagedPolicy("AWSDenyAll", { Version: version, Statement }, "aws");
    await aws_cli(`aws iam attach-user-policy --user-name ${lake.userName} --policy-arn ${arn}`);
    const found = permissions(await setting.verify(), "user");
    expect(found.fix).toMatch(/ detaches policy "AWSDenyAll", which is AWS's own: nobody can change it$/);
    const plan = fixPlan([found]);
    expect(plan).toMatch(
      /^# Only where it is known why policy "AWSDenyAll" is there, .*: aws iam detach-user-policy /m,
    );
    expect(plan).not.toMatch(/^aws /m);
  });

  it.each([
    ["forbids", "forbidden", { Effect: "Deny", Action: "sqs:*", NotResource: "arn:aws:sqs:*:*:AmazonSecurityLake*" }],
    ["does not allow", "boundary", { Effect: "Allow", Action: "s3:*", Resource: "*" }],
  ] as const)("of Security Lake's boundary that %s a queue names one that it allows", (_, why, statement) => {
    const allow = { Effect: "Allow", Action: "sqs:*", Resource: "*" } as const;
    const policies = [
      { name: 'policy "Queue" of role "lake"', document: { Statement: [allow] } },
      {
        name: 'policy "AmazonSecurityLakePermissionsBoundary"',
        document: { Statement: why === "forbidden" ? [allow, statement] : [statement] },
        boundary: true,
      },
    ] as const;
    const resource = "arn:aws:sqs:us-east-1:123456789012:lake-events";
    const certain = [{ action: "sqs:DeleteMessage", resource, context: {}, why, unknown: [] }];
    expect(repairOf("arn:aws:iam::123456789012:role/lake", { certain, doubtful: [], policies }, "Subscriber")).toEqual({
      fix: 'Use a queue whose name begins with AmazonSecurityLake, as the one that Security Lake has made for role lake; or someone who may change role lake gives it another permissions boundary than policy "AmazonSecurityLakePermissionsBoundary", which is AWS\'s own: nobody can change it',
    });
  });

  it("of a managed policy that others have, too, is one of theirs", async () => {
    const document = { Version: version, Statement: [deny({ Action: "sqs:*", Resource: "*" })] };
    const answers: Readonly<Record<string, object>> = {
      ListRolePoliciesCommand: {},
      ListAttachedRolePoliciesCommand: { AttachedPolicies: [{ PolicyArn: "arn:aws:iam::123456789012:policy/Guard" }] },
      GetRoleCommand: { Role: {} },
      GetPolicyCommand: { Policy: { AttachmentCount: 2, PermissionsBoundaryUsageCount: 1 } },
      GetPolicyVersionCommand: { PolicyVersion: { Document: JSON.stringify(document) } },
    };
    const iam = { send: async (command: object) => answers[command.constructor.name] };
    const arn = "arn:aws:iam::123456789012:role/lake";
    const policies = await policiesOf({ iam } as never, arn);
    const certain = [
      { action: "sqs:DeleteMessage", resource: queue, context: {}, why: "forbidden", unknown: [] },
    ] as const;
    const { commands = [] } = repairOf(arn, { certain, doubtful: [], policies }, "Subscriber");
    expect(commands.map(({ words, where }) => [words[2], where])).toContainEqual([
      "create-policy-version",
      'all 3 that have policy "Guard" are to be changed',
    ]);
  });
});

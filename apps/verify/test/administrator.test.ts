import { describe, expect, it } from "vitest";
import { administratorPolicy } from "../src/administrator-rights.ts";
import { listOf } from "../src/policy.ts";
import { verify } from "./command-line.ts";
import { faults } from "./faults.ts";
import { createSetting, provider } from "./setting.ts";

/** What IAM calls an operation, where it is not the operation's own name. */
const spelled: Readonly<Record<string, string>> = {
  "s3:ListBuckets": "s3:ListAllMyBuckets",
  "s3:ListObjectsV2": "s3:ListBucket",
  "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
  "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
  "monitoring:GetMetricData": "cloudwatch:GetMetricData",
};

const rights = administratorPolicy.Statement.flatMap(({ Action }) => listOf(Action));

describe("an administrator's profile with the policy that is printed", () => {
  const asked = new Set<string>();

  // Of each kind of thing that is looked at, down to the policies of a user's groups.
  it.each([
    "user is forbidden by a policy of its group",
    "user is forbidden by a managed policy of its group",
    "role is forbidden an action by a managed policy, lacks others, and has a boundary",
    "queue does not exist",
    "key does not let EventBridge send",
    "role may not decrypt with the lake's own key",
    "messages go to the dead-letter queue soon",
  ])("may look at all that is asked: %s", async (name) => {
    const fault = faults.find((one) => one.name === name);
    await using setting = await createSetting(fault?.options);
    await fault?.make(setting);
    const { aws } = setting;
    const told = async () => (await setting.verify()).map(({ check, state, fix }) => [check.id, state, fix]);
    const full = await told();
    const auditor = aws.createUser({ name: "auditor" });
    aws.putUserPolicy(auditor.arn, "Audit", administratorPolicy as never);
    aws.requests.clear();
    setting.surroundings = { ...setting.surroundings, admin: provider(auditor.credentials) };
    expect(await told()).toEqual(full);
    for (const { service, operation, accessKeyId, code } of aws.requests.list()) {
      if (accessKeyId !== auditor.credentials.accessKeyId) continue;
      expect({ operation, code }).not.toMatchObject({ code: expect.stringMatching(/Denied|Unauthorized/) });
      asked.add(spelled[`${service}:${operation}`] ?? `${service}:${operation}`);
    }
  });

  it("has no right that nothing asks for", () => {
    // Anybody may ask who they are.
    expect([...asked].filter((right) => right !== "sts:GetCallerIdentity").sort()).toEqual(rights.toSorted());
  });

  it("is printed for the command line", async () => {
    const { code, stdout } = await verify(["--admin-policy"]);
    expect({ code, policy: JSON.parse(stdout) }).toEqual({ code: 0, policy: administratorPolicy });
  });
});

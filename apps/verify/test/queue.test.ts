import { describe, expect, it } from "vitest";
import { createSetting } from "./setting.ts";

const refusals: readonly (readonly [because: string, fix: RegExp])[] = [
  ["because no VPC endpoint policy allows the sqs:getqueueurl action", /^Someone who may change the VPC endpoint/],
  [
    "because no permissions boundary allows the sqs:getqueueurl action",
    /^Someone who may change the permissions bound/,
  ],
  ["with an explicit deny in a service control policy", /^An administrator of the AWS organization lets role Amazon/],
  ["with an explicit deny in a resource control policy", /^An administrator of the AWS organization lets role Amazon/],
  ["with an explicit deny in an identity-based policy", /makes an exception for the queue AmazonSecurityLake-/],
  ["with an explicit deny in a resource-based policy", /^Someone who may change the queue .* takes the statement/],
  [
    "because no resource-based policy allows the sqs:getqueueurl action",
    /^Compare <sqs_name> .*; if it is right, someone/,
  ],
  [
    "because no identity-based policy allows the sqs:getqueueurl action",
    /^Compare the Region, .* adds the policy below/,
  ],
];

it("a queue that a VPC endpoint lets nobody look up is mended there", async () => {
  await using setting = await createSetting();
  const statement = { Effect: "Allow", Principal: "*", Resource: "*" };
  const policy = { Version: "2012-10-17", Statement: [{ ...statement, NotAction: "sqs:GetQueueUrl" }] };
  setting.aws.setVpcEndpoint({ id: "vpce-1a2b3c4d", policy });
  const found = (await setting.verify({ admin: false })).find(({ check }) => check.id === "queue");
  expect(found).toMatchObject({
    state: "failed",
    fix: expect.stringMatching(/^Someone who may change the VPC endpoint that these requests go by lets its policy/),
  });
});

describe("a queue that is refused is mended at the policy that AWS blames", () => {
  it.each(refusals)("%s", async (because, fix) => {
    await using setting = await createSetting();
    const { aws, lake } = setting;
    const message = `User: ${lake.roleArn} is not authorized to perform: sqs:getqueueurl on resource: ${lake.queueArn} ${because}`;
    aws.faults.add({ service: "sqs", operation: "GetQueueUrl", error: "AccessDenied", status: 403, message });
    const found = (await setting.verify({ admin: false })).find(({ check }) => check.id === "queue");
    expect(found).toMatchObject({ state: "failed", fix: expect.stringMatching(fix) });
    expect(found?.policy === undefined).toBe(!/adds the policy below/.test(found?.fix ?? ""));
  });
});

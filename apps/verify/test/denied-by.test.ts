import { expect, it } from "vitest";
import { deniedBy } from "../src/denied-by.ts";

const denied = { who: "role reader", action: "s3:GetObject", resource: "bucket lake" };
const said = (why: string) =>
  new Error("The object cannot be read", {
    cause: new Error(`User: arn:aws:iam::1:role/reader is not authorized to perform: s3:GetObject ${why}`),
  });

it.each([
  [
    "with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/service_control_policy/p-1",
    /^An administrator of the AWS organization lets role reader do s3:GetObject: a service control policy forbids it$/,
  ],
  [
    "because no resource control policy allows the s3:GetObject action",
    /^An administrator .* on the bucket lake: a re/,
  ],
  ["because no VPC endpoint policy allows the s3:GetObject action", /change the VPC endpoint .* lets its policy allow/],
  ["with an explicit deny in a VPC endpoint policy", /change the VPC endpoint .* makes an exception in its policy/],
  [
    "because no permissions boundary allows the s3:GetObject action",
    /boundary of role reader gives it one that allows s3:GetObject/,
  ],
  ["because no session policy allows the s3:GetObject action", /^Whoever makes the session of role reader lets its/],
  ["with an explicit deny in a resource-based policy", /change the bucket lake takes the statement with Effect Deny/],
  ["because no resource-based policy allows the s3:GetObject action", /change the bucket lake lets its policy allow/],
  ["with an explicit deny in a role trust policy", /change the bucket lake takes the statement with Effect Deny/],
  ["with an explicit deny in an identity-based policy", /change role reader makes an exception for the bucket lake/],
  ["because no identity-based policy allows the s3:GetObject action", /change role reader adds a policy to it that/],
])("the fix is one of the policy that AWS blames: %s", (why, fix) => {
  const found = deniedBy(said(why), denied);
  expect(found?.fix).toMatch(fix);
  expect(found?.forbids).toBe(/explicit deny/.test(why));
  expect(why).toContain(found?.policy);
});

it("AWS does not always tell", () => {
  expect(deniedBy(said(""), denied)).toBeUndefined();
  expect(deniedBy(undefined, denied)).toBeUndefined();
});

import { nameOf } from "./arn.ts";
import { deniedBy } from "./denied-by.ts";
import type { Lake } from "./lake.ts";

/** By the policy that AWS names in its refusal, where it is more than that nobody has allowed it. */
export function deniedToRole(
  { subscriber }: Lake,
  error: unknown,
  action: string,
  resource: string,
): string | undefined {
  const { roleArn } = subscriber;
  const who = roleArn === undefined ? "whoever runs the subscriber" : `role ${nameOf(roleArn)}`;
  const found = deniedBy(error, { who, action, resource });
  const usual = found?.policy === "identity-based policy" || found?.policy === "resource-based policy";
  return usual && !found.forbids ? undefined : found?.fix;
}

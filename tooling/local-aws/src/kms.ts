import { decide } from "./authorize.ts";
import type { Context } from "./condition.ts";
import type { Identity, Principal } from "./identity.ts";
import { type Policy, parsePolicy } from "./policy.ts";

/** A customer managed key, as far as SQS and S3 need it: whether a caller may use it. Nothing is encrypted. */
export interface KmsKey {
  readonly id: string;
  readonly arn: string;
  readonly account: string;
  policy: Policy;
  enabled: boolean;
}

/** The policy that a key has when none is given: its account decides by identity policies. */
export function accountKeyPolicy(partition: string, account: string): Policy {
  return parsePolicy(
    {
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "Enable IAM User Permissions",
          Effect: "Allow",
          Principal: { AWS: `arn:${partition}:iam::${account}:root` },
          Action: "kms:*",
          Resource: "*",
        },
      ],
    },
    "resource",
  );
}

/** By ARN, id or alias-free id at the end of an ARN. */
export function findKey(keys: readonly KmsKey[], name: string): KmsKey | undefined {
  return keys.find((key) => key.arn === name || key.id === name);
}

export type KeyTrouble = { readonly code: "NotFound" | "Disabled" | "AccessDenied"; readonly message: string };

export interface KeyUse {
  readonly identity: Identity;
  readonly keys: readonly KmsKey[];
  /** ARN or id as the queue, bucket or object names it. */
  readonly key: string;
  readonly action: "kms:Decrypt" | "kms:GenerateDataKey";
  readonly principal: Principal;
  readonly context: Context;
  /** s3.us-east-1.amazonaws.com */
  readonly via: string;
}

/** What stands against the use of a key; undefined when nothing does. Keys managed by AWS itself never refuse. */
export function keyTrouble({
  identity,
  keys,
  key: name,
  action,
  principal,
  context,
  via,
}: KeyUse): KeyTrouble | undefined {
  if (/(^|\/)alias\/aws\//.test(name)) return undefined;
  const key = findKey(keys, name);
  if (key === undefined) return { code: "NotFound", message: `Key '${name}' does not exist` };
  const verdict = decide(identity, {
    principal,
    action,
    resource: key.arn,
    owner: key.account,
    resourcePolicy: key.policy,
    resourcePolicyRequired: true,
    context: (wanted) => (wanted === "kms:viaservice" ? [via] : context(wanted)),
  });
  if (!verdict.allowed) {
    return {
      code: "AccessDenied",
      message: `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${key.arn} ${verdict.because}`,
    };
  }
  return key.enabled ? undefined : { code: "Disabled", message: `${key.arn} is disabled.` };
}

import { decide } from "./authorize.ts";
import { AwsError } from "./aws-error.ts";
import { accessDenied, createJsonService, type JsonInput, type JsonOperation } from "./json-protocol.ts";
import { findKey, type KmsKey } from "./kms.ts";
import { parsePolicy } from "./policy.ts";
import { PolicyError } from "./policy-error.ts";
import type { Call, Service } from "./service.ts";
import type { World } from "./world.ts";

/** What an administrator may see and change of keys. Nothing is encrypted. */
export function createKms(world: World): Service {
  return createJsonService(world, "kms", "1.1", operations);
}

/** Source: AWS KMS API Reference. */
const operations: Readonly<Record<string, JsonOperation>> = {
  DescribeKey(world, call, input) {
    const { id, arn, account, enabled, manager } = keyOf(world, call, input);
    return {
      KeyMetadata: {
        KeyId: id,
        Arn: arn,
        AWSAccountId: account,
        Enabled: enabled,
        KeyState: enabled ? "Enabled" : "Disabled",
        KeyManager: manager,
      },
    };
  },
  GetKeyPolicy: (world, call, input) => ({ Policy: keyOf(world, call, input).policy.text, PolicyName: "default" }),
  PutKeyPolicy(world, call, input) {
    const key = keyOf(world, call, input);
    const { caller } = call;
    if (key.manager === "AWS")
      throw accessDenied(caller.arn, "kms:PutKeyPolicy", key.arn, "for it is a key of AWS's own");
    try {
      key.policy = parsePolicy(String(input.Policy), "resource");
    } catch (cause) {
      if (cause instanceof PolicyError) throw new AwsError(400, "MalformedPolicyDocumentException", cause.message);
      throw cause;
    }
  },
  EnableKey(world, call, input) {
    keyOf(world, call, input).enabled = true;
  },
  ListGrants(world, call, input) {
    const { id, account, grants } = keyOf(world, call, input);
    const { GranteePrincipal: of } = input;
    const told = grants.filter(({ grantee }) => of === undefined || grantee === of);
    return {
      Grants: told.map((grant) => ({
        KeyId: id,
        GrantId: grant.id,
        GranteePrincipal: grant.grantee,
        IssuingAccount: account,
        Operations: grant.operations,
        ...(grant.encryptionContext && { Constraints: { EncryptionContextSubset: grant.encryptionContext } }),
      })),
      Truncated: false,
    };
  },
};

/** @throws AwsError */
function keyOf(world: World, call: Call, { KeyId: name }: JsonInput): KmsKey {
  const key = findKey(world, String(name), { account: call.caller.account, region: call.region });
  if (key === undefined) throw new AwsError(400, "NotFoundException", `Key '${String(name)}' does not exist`);
  const action = `kms:${call.intent.operation}`;
  const verdict = decide(world.identity, {
    principal: call.caller,
    action,
    resource: key.arn,
    owner: key.account,
    resourcePolicy: key.policy,
    resourcePolicyRequired: true,
    context: call.context,
  });
  if (verdict.allowed) return key;
  throw accessDenied(call.caller.arn, action, key.arn, verdict.because);
}

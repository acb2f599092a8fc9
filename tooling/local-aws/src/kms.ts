import { randomUUID } from "node:crypto";
import { partitionOf } from "./arn.ts";
import { decide } from "./authorize.ts";
import type { Context } from "./condition.ts";
import type { Principal } from "./identity.ts";
import { type Policy, parsePolicy } from "./policy.ts";
import type { World } from "./world.ts";

/** A key, as far as SQS and S3 need it: whether a caller may use it. Nothing is encrypted. */
export interface KmsKey extends KeyPlace {
  readonly id: string;
  readonly arn: string;
  /** AWS: one that a service of AWS has made for itself, and whose policy nobody changes. */
  readonly manager: "AWS" | "CUSTOMER";
  /** alias/lake */
  readonly alias: string | undefined;
  policy: Policy;
  enabled: boolean;
  readonly grants: Grant[];
}

/** Where a key is, and where its alias or its id alone names it. */
export interface KeyPlace {
  readonly account: string;
  readonly region: string;
}

/** Lets somebody use a key beside its policy. */
export interface Grant {
  readonly id: string;
  /** ARN of a user or role. */
  readonly grantee: string;
  /** Decrypt, GenerateDataKey, … */
  readonly operations: readonly string[];
  /** Holds for requests with this encryption context, or more; absent: for all. */
  readonly encryptionContext?: Readonly<Record<string, string>>;
}

export function newKey(
  place: KeyPlace,
  partition: string,
  more: Pick<KmsKey, "policy"> & Partial<Pick<KmsKey, "manager" | "alias">>,
): KmsKey {
  const id = randomUUID();
  const arn = `arn:${partition}:kms:${place.region}:${place.account}:key/${id}`;
  return { manager: "CUSTOMER", alias: undefined, ...place, ...more, id, arn, enabled: true, grants: [] };
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

/** What AWS's own keys let whom: those of the account, by way of the service that the key is of. */
function awsKeyPolicy(service: string, partition: string, { account, region }: KeyPlace): Policy {
  return parsePolicy(
    {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { AWS: "*" },
          Action: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
          Resource: "*",
          Condition: {
            StringEquals: { "kms:ViaService": `${service}.${region}.amazonaws.com`, "kms:CallerAccount": account },
          },
        },
        {
          Effect: "Allow",
          Principal: { AWS: `arn:${partition}:iam::${account}:root` },
          Action: ["kms:Describe*", "kms:Get*", "kms:List*"],
          Resource: "*",
        },
      ],
    },
    "resource",
  );
}

/**
 * By ARN, id, alias, or the alias's ARN; an alias and an id alone name what is in one place. AWS's own keys are made when
 * they are first named.
 */
export function findKey({ keys }: Pick<World, "keys">, name: string, place?: KeyPlace): KmsKey | undefined {
  const [, , , region, account, alias = ""] = name.startsWith("arn:") ? name.split(":") : [];
  const named = alias.startsWith("alias/") ? { alias, place: { region, account } as KeyPlace } : { alias: name, place };
  const isThere = (key: KmsKey) =>
    named.place === undefined || (key.account === named.place.account && key.region === named.place.region);
  const found = keys.find(
    (key) => key.arn === name || (isThere(key) && (key.id === name || key.alias === named.alias)),
  );
  const service = /^alias\/aws\/(\w+)$/.exec(named.alias)?.[1];
  if (found !== undefined || service === undefined || named.place === undefined) return found;
  const partition = partitionOf(named.place.region);
  const policy = awsKeyPolicy(service, partition, named.place);
  const made = newKey(named.place, partition, { manager: "AWS", alias: named.alias, policy });
  keys.push(made);
  return made;
}

export type KeyTrouble = { readonly code: "NotFound" | "Disabled" | "AccessDenied"; readonly message: string };

export interface KeyUse {
  /** ARN, id or alias as the queue, bucket or object names it. */
  readonly key: string;
  /** Where such names are looked up. */
  readonly place: KeyPlace;
  readonly action: "kms:Decrypt" | "kms:GenerateDataKey";
  readonly principal: Principal;
  readonly context: Context;
  readonly via: "s3" | "sqs";
  readonly encryptionContext: Readonly<Record<string, string>>;
}

/** What stands against the use of a key; undefined when nothing does. */
export function keyTrouble(world: World, use: KeyUse): KeyTrouble | undefined {
  const { action, principal } = use;
  const key = findKey(world, use.key, use.place);
  if (key === undefined) return { code: "NotFound", message: `Key '${use.key}' does not exist` };
  const ofUse: Readonly<Record<string, string | undefined>> = {
    "kms:viaservice": `${use.via}.${use.place.region}.amazonaws.com`,
    "kms:calleraccount": principal.kind === "service" ? undefined : principal.account,
  };
  const verdict = decide(world.identity, {
    principal,
    action,
    resource: key.arn,
    owner: key.account,
    resourcePolicy: key.policy,
    resourcePolicyRequired: true,
    granted: key.grants.some((grant) => grants(grant, use)),
    context(name) {
      if (!Object.hasOwn(ofUse, name)) return use.context(name);
      return ofUse[name] === undefined ? undefined : [ofUse[name]];
    },
  });
  if (!verdict.allowed) {
    return {
      code: "AccessDenied",
      message: `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${key.arn} ${verdict.because}`,
    };
  }
  return key.enabled ? undefined : { code: "Disabled", message: `${key.arn} is disabled.` };
}

function grants(grant: Grant, { action, principal, encryptionContext }: KeyUse): boolean {
  return (
    [principal.arn, principal.roleArn].includes(grant.grantee) &&
    grant.operations.includes(action.slice("kms:".length)) &&
    Object.entries(grant.encryptionContext ?? {}).every(([name, value]) => encryptionContext[name] === value)
  );
}

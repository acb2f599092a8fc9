import { DescribeKeyCommand, GetKeyPolicyCommand, type GrantListEntry, paginateListGrants } from "@aws-sdk/client-kms";
import { isDenied, refusedTo } from "./administrator.ts";
import type { Obstacle } from "./check.ts";
import type { Admin, Lake } from "./lake.ts";
import { type Document, parseDocument } from "./policy.ts";

/** A key of KMS, whatever it is called where it is used. */
export interface Key {
  readonly arn: string;
  readonly account: string;
  /** A service of AWS has made it for itself, and nobody can let others use it. */
  readonly ofAws: boolean;
  /** Enabled, Disabled, PendingDeletion, … */
  readonly state: string;
}

/** By ARN, id or alias; undefined where there is none. @throws the SDK's errors */
export async function describeKey({ kms }: Admin, KeyId: string): Promise<Key | undefined> {
  try {
    const { KeyMetadata: found } = await kms.send(new DescribeKeyCommand({ KeyId }));
    return {
      arn: found?.Arn ?? KeyId,
      account: found?.AWSAccountId ?? "",
      ofAws: found?.KeyManager === "AWS",
      state: found?.KeyState ?? "unknown",
    };
  } catch (error) {
    if ((error as Error).name === "NotFoundException") return undefined;
    throw error;
  }
}

/** @throws the SDK's errors */
export async function keyPolicyOf({ kms }: Admin, KeyId: string): Promise<Document> {
  const { Policy = '{"Statement":[]}' } = await kms.send(new GetKeyPolicyCommand({ KeyId, PolicyName: "default" }));
  return parseDocument(Policy);
}

/**
 * Whether somebody whom no policy lets decrypt may do so by a grant of the key. Where that is not told, an object goes by it
 * that the subscriber has read or not; and where there is none, it is not known.
 */
export async function mayByGrant(lake: Lake, admin: Admin, key: string, who: string): Promise<boolean | Obstacle> {
  let found: readonly GrantListEntry[] = [];
  let obstacle: Obstacle = {
    because: `whether ${who} may decrypt with ${key} depends on a grant that is for some requests alone`,
    how: "Go by the check newest-object, which makes a real request",
  };
  try {
    found = await grantsFor(admin, key, who);
    if (found.some(({ Constraints }) => Object.keys(Constraints ?? {}).length === 0)) return true;
    if (found.length === 0) return false;
  } catch (error) {
    if (!isDenied(error)) throw error;
    obstacle = refusedTo(lake, error, ["kms:ListGrants"]);
  }
  return (await hasDecrypted(lake, key)) ?? obstacle;
}

async function grantsFor({ kms: client }: Admin, KeyId: string, who: string): Promise<readonly GrantListEntry[]> {
  const found: GrantListEntry[] = [];
  for await (const { Grants = [] } of paginateListGrants({ client }, { KeyId, GranteePrincipal: who })) {
    found.push(...Grants.filter(({ Operations = [] }) => Operations.includes("Decrypt")));
  }
  return found;
}

/** What the subscriber met at the newest object of a bucket that has this key; undefined where there is none. */
async function hasDecrypted(lake: Lake, key: string): Promise<boolean | undefined> {
  const { buckets } = await lake.flow();
  const read = await Promise.all(buckets.map(({ name }) => lake.newestRead(name)));
  return read.find(({ encryption, decrypted }) => encryption?.key === key && decrypted !== undefined)?.decrypted;
}

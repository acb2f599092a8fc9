import { GetRoleCommand } from "@aws-sdk/client-iam";
import { nameOf } from "./arn.ts";
import type { Admin } from "./lake.ts";
import { type Document, parseDocument } from "./policy.ts";

/** A role as IAM has it. */
export interface Role {
  readonly name: string;
  readonly arn: string;
  readonly trust: Document;
  /** Seconds. */
  readonly maxSessionDuration: number;
  /** It has a permissions boundary. */
  readonly bounded: boolean;
}

/** @throws the SDK's errors */
export async function readRole({ iam }: Admin, arn: string): Promise<Role> {
  const { Role: found } = await iam.send(new GetRoleCommand({ RoleName: nameOf(arn) }));
  return {
    name: nameOf(arn),
    arn: found?.Arn ?? arn,
    trust: parseDocument(decodeURIComponent(found?.AssumeRolePolicyDocument ?? '{"Statement":[]}')),
    maxSessionDuration: found?.MaxSessionDuration ?? 3_600,
    bounded: found?.PermissionsBoundary !== undefined,
  };
}

/** The last part: of a user, role or policy without its path. */
export function nameOf(arn: string): string {
  return arn.slice(arn.lastIndexOf("/") + 1);
}

/** Empty in the names of buckets and objects. */
export function accountOf(arn: string | undefined): string | undefined {
  return arn?.split(":")[4];
}

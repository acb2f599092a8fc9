import type { AdministratorRight } from "./administrator-rights.ts";
import { couldNotCheck, type Finding, type Obstacle } from "./check.ts";
import type { Admin, Lake } from "./lake.ts";

/** What to do where nobody may look. */
export const needsProfile =
  "run it with --admin-profile NAME; --admin-policy prints what such a user has to be allowed";

/**
 * Looks with the credentials of an administrator. What may not be looked at is no failure: who could is told.
 * `account` is where the thing looked at is.
 */
export async function asAdministrator(
  lake: Lake,
  rights: readonly AdministratorRight[],
  account: string | undefined,
  look: (admin: Admin) => Promise<Finding>,
): Promise<Finding> {
  if (lake.admin === undefined) {
    return couldNotCheck({ because: "no --admin-profile was given", rights, how: needsProfile });
  }
  try {
    const admin = await lake.admin();
    if (account !== undefined && admin.account !== account) {
      return couldNotCheck({
        because: `the administrator's profile is of account ${admin.account}, and this is in ${account}`,
        rights,
        how: `run it with an --admin-profile of account ${account}`,
      });
    }
    return await look(admin);
  } catch (error) {
    if (!isDenied(error)) throw error;
    return couldNotCheck(refusedTo(lake, error, rights));
  }
}

/** What stands in the way where the administrator was refused. */
export function refusedTo(lake: Lake, error: unknown, rights: readonly AdministratorRight[]): Obstacle {
  return {
    because: `the administrator's profile may not: ${lake.explain(error)}`,
    rights,
    how: "run it with such an --admin-profile; --admin-policy prints all that it has to be allowed",
  };
}

export function isDenied(error: unknown): boolean {
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  return (
    /^AccessDenied|^Forbidden|^UnauthorizedOperation|^AuthorizationError/.test(name ?? "") ||
    $metadata?.httpStatusCode === 403
  );
}

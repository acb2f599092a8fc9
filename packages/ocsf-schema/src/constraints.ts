import type { Constraints } from "./catalog.ts";

/** What is wrong with the attributes that an object or event has; undefined if nothing is. */
export function brokenConstraint(
  { at_least_one, just_one }: Constraints,
  isPresent: (name: string) => boolean,
): string | undefined {
  if (at_least_one !== undefined && !at_least_one.some(isPresent)) return `none of ${at_least_one.join(", ")} is there`;
  const count = just_one?.filter(isPresent).length;
  return count === undefined || count === 1
    ? undefined
    : `${count} of ${(just_one as readonly string[]).join(", ")} are there instead of one`;
}

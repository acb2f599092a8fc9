import type { Check } from "../check.ts";
import { newestObjectCheck, newestObjectUntouched } from "./newest-object.ts";
import { queue } from "./queue.ts";

/** All checks, in the order of the report; what a check needs stands before it. */
export function checks({ receive }: { readonly receive: boolean }): readonly Check[] {
  return [queue, receive ? newestObjectCheck : newestObjectUntouched];
}

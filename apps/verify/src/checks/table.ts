import type { Check } from "../check.ts";
import { arriving, buckets, notification } from "./buckets.ts";
import { keys } from "./keys.ts";
import { configuration, disk } from "./manager.ts";
import { messages } from "./messages.ts";
import { newestObjectCheck, newestObjectUntouched } from "./newest-object.ts";
import { queue, queueEncryption, queuePolicy } from "./queue.ts";
import { assumeRole, externalId, role, rolePermissions, user } from "./role.ts";
import { clock, credentials, endpoints, region } from "./surroundings.ts";

/** All checks, in the order of the report; what a check needs stands before it, and causes before their effects. */
export function checks({ receive }: { readonly receive: boolean }): readonly Check[] {
  return [
    configuration,
    disk,
    region,
    endpoints,
    clock,
    credentials,
    role,
    user,
    assumeRole,
    externalId,
    rolePermissions,
    buckets,
    keys,
    notification,
    arriving,
    queue,
    queueEncryption,
    queuePolicy,
    messages,
    receive ? newestObjectCheck : newestObjectUntouched,
  ];
}

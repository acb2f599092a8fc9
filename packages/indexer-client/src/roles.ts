import { indexPattern } from "./template.ts";

/** A role as the REST API of the security plugin takes it. */
export interface Role {
  readonly cluster_permissions: readonly string[];
  readonly index_permissions?: readonly {
    readonly index_patterns: readonly string[];
    readonly allowed_actions: readonly string[];
  }[];
}

/** What the user needs who writes; `role.yml` says the same. */
export const writerRole: Role = {
  cluster_permissions: ["indices:data/write/bulk", "indices:admin/index_template/get"],
  index_permissions: [
    {
      index_patterns: [indexPattern],
      allowed_actions: ["indices:admin/create", "indices:data/write/bulk*", "indices:data/write/index"],
    },
  ],
};
export const writerRoleName = "security_lake_writer";

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
  cluster_permissions: [
    "indices:data/write/bulk",
    "indices:admin/index_template/get",
    "cluster:admin/opendistro/ism/policy/get",
  ],
  index_permissions: [
    {
      index_patterns: [indexPattern],
      allowed_actions: ["indices:admin/create", "indices:data/write/bulk*", "indices:data/write/index"],
    },
  ],
};
export const writerRoleName = "security_lake_writer";

/** What `setup` needs. */
export const setupRole: Role = {
  cluster_permissions: [
    "indices:admin/index_template/get",
    "indices:admin/index_template/put",
    "cluster:admin/opendistro/ism/policy/get",
    "cluster:admin/opendistro/ism/policy/write",
  ],
};
export const setupRoleName = "security_lake_setup";

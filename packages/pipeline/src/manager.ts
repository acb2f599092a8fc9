import type { Manager } from "./document.ts";

/** `<cluster>` of the manager's configuration. */
export interface ClusterSettings {
  readonly enabled: boolean;
  readonly name: string;
  readonly nodeName: string;
  /** Alerts do not name the cluster. */
  readonly hidden: boolean;
}

/** Whose alerts they are: the fields by which the dashboard chooses what it shows. */
export function managerOf(cluster: ClusterSettings | undefined, hostname: string): Manager {
  const named = cluster?.enabled === true && !cluster.hidden;
  return { name: hostname, ...(named && { cluster: { name: cluster.name, node: cluster.nodeName } }) };
}

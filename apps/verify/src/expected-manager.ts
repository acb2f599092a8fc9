import { hostname } from "node:os";
import { type Manager as AlertManager, managerOf } from "@threatlockdown/pipeline";
import type { Lake } from "./lake.ts";

/** Who this manager is to the dashboard. */
export function expectedManager({ manager }: Lake): AlertManager {
  return managerOf(manager?.settings.cluster, manager?.hostname ?? hostname());
}

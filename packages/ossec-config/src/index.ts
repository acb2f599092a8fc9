export { type Issue, issueLine, type Section, type Severity } from "./issues.ts";
export type { Cluster, Indexer, ManagerCommand } from "./manager.ts";
export type { Module } from "./module.ts";
export { type NextRun, nextRun, type Schedule, type TimeOfDay } from "./schedule.ts";
export { readSettings, type Settings } from "./settings.ts";
export type { Discard, Subscriber } from "./subscriber.ts";

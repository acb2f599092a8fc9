import type { IngestEvent } from "@threatlockdown/pipeline";
import type { ConsumerEvent } from "@threatlockdown/sqs-consumer";
import { printable } from "./printable.ts";

/** What a run did, in numbers. */
export interface Summary {
  readonly queue: string;
  /** Deliveries; a message that comes twice counts twice. */
  readonly received: number;
  readonly deleted: number;
  /** Times that a message was given back to be tried again. */
  readonly returned: number;
  readonly quarantined: number;
  /** Leases lost to another consumer or to time. */
  readonly lost: number;
  /** Messages given back and not settled before the end; they wait in the queue. */
  readonly left: number;
  readonly objects: number;
  readonly events: number;
  readonly stored: number;
  readonly alreadyStored: number;
  readonly deadLettered: number;
  /** Of these, what was sent with its data unindexed, since the mapping refuses it; `security_lake.rejected` says why. */
  readonly unindexed: number;
  /** Not wanted: `<discard_regex>` matched. */
  readonly discarded: number;
  /** Values without a JSON form, null in their events, and map entries whose key came again, left out of them. */
  readonly lostValues: number;
  /** The values among them, by column. */
  readonly lostByColumn: Readonly<Record<string, number>>;
  /** Announced things that are no data, by reason. */
  readonly nothingToDo: Readonly<Record<string, number>>;
  /** Seconds from the first receive to the last settlement. */
  readonly seconds: number;
  /** Bytes of the process at its largest. */
  readonly peakMemory: number;
}

/** Sums the events of one run. */
export interface Count {
  ingested(event: IngestEvent): void;
  settled(event: ConsumerEvent): void;
  soFar(): Omit<Summary, "queue" | "unindexed" | "left" | "peakMemory">;
}

export function startCount(now: () => number): Count {
  const messages = { received: 0, deleted: 0, returned: 0, quarantined: 0, lost: 0 };
  const events = { objects: 0, events: 0, stored: 0, alreadyStored: 0, deadLettered: 0, discarded: 0, lostValues: 0 };
  const nothingToDo: Record<string, number> = {};
  // A map, since a file may have a column of any name.
  const lostByColumn = new Map<string, number>();
  let first: number | undefined;
  let last = now();
  return {
    ingested(event) {
      if (event.type === "nothing-to-do") nothingToDo[event.reason] = (nothingToDo[event.reason] ?? 0) + 1;
      if (event.type !== "object") return;
      events.objects++;
      events.events += event.rows;
      const { stored, alreadyStored, deadLettered } = event.accepted;
      events.stored += stored;
      events.alreadyStored += alreadyStored;
      events.deadLettered += deadLettered;
      events.lostValues += event.lost.reduce((sum, { count }) => sum + count, event.duplicateKeys);
      for (const { column, count } of event.lost) lostByColumn.set(column, (lostByColumn.get(column) ?? 0) + count);
      events.discarded += event.rows - stored - alreadyStored - deadLettered;
    },
    settled(event) {
      if (event.type === "trouble" || event.type === "renewal-denied") return;
      if (event.type === "received") messages.received += event.messages.length;
      else messages[event.type]++;
      if (event.type === "received" && event.messages.length > 0) first ??= now();
      last = now();
    },
    soFar: () => ({
      ...messages,
      ...events,
      lostByColumn: Object.fromEntries(lostByColumn),
      nothingToDo,
      seconds: first === undefined ? 0 : (last - first) / 1000,
    }),
  };
}

/** For people: what they want to know first comes first. */
export function summaryText(summary: Summary): string {
  const { events, objects, seconds, deadLettered, quarantined, left } = summary;
  const rate = seconds > 0 ? ` (${count(Math.round(events / seconds))} events/s)` : "";
  const nothing = Object.entries(summary.nothingToDo).map(([reason, times]) => `${count(times)} ${reason}`);
  const lines: [string, string][] = [
    ["Queue", summary.queue],
    ["Events", `${count(events)} of ${counted(objects, "object")} in ${seconds.toFixed(1)} s${rate}`],
    ["  stored", count(summary.stored)],
    ["  already stored", count(summary.alreadyStored)],
    ["  dead letters", count(deadLettered)],
    ...(summary.unindexed > 0 ? [["  sent unindexed", unindexedText(summary)] as [string, string]] : []),
    ...(summary.discarded > 0 ? [["  discarded", count(summary.discarded)] as [string, string]] : []),
    ...(summary.lostValues > 0 ? [["  values lost", lostText(summary)] as [string, string]] : []),
    ["Messages", `${count(summary.received)} received, ${count(summary.deleted)} deleted`],
    ["  quarantined", count(quarantined)],
    ["  given back", left === 0 ? "0" : `${count(left)}, to be tried again`],
    ...(nothing.length > 0 ? [["  no data", nothing.join(", ")] as [string, string]] : []),
    ["Peak memory", `${Math.round(summary.peakMemory / 1024 / 1024)} MiB`],
  ];
  return lines.map(([name, value]) => `${name.padEnd(20)}${printable(value)}\n`).join("");
}

function unindexedText({ unindexed }: Summary): string {
  return `${count(unindexed)} of these; security_lake.rejected of those stored says why`;
}

/** So many columns are named, those that lost most. */
const mostColumns = 3;

function lostText({ lostValues, lostByColumn }: Summary): string {
  const columns = Object.entries(lostByColumn).sort(([, a], [, b]) => b - a);
  const others = columns.slice(mostColumns);
  const sum = (some: typeof columns): number => some.reduce((total, [, values]) => total + values, 0);
  const entries = lostValues - sum(columns);
  const parts = [
    ...columns.slice(0, mostColumns).map(([column, values]) => `${count(values)} in ${column}`),
    ...(others.length > 0 ? [`${count(sum(others))} in ${counted(others.length, "other column")}`] : []),
    ...(entries > 0 ? [`${count(entries)} in maps whose key came again`] : []),
  ];
  return `${count(lostValues)}: ${parts.join(", ")}`;
}

/** `1 event`, `1,234 events`. */
export function counted(number: number, one: string): string {
  return `${count(number)} ${one}${number === 1 ? "" : "s"}`;
}

/** `1,234,567`; Node's own means for it take 15 ms to be ready. */
function count(value: number): string {
  return String(value).replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
}

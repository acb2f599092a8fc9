import type { Lake } from "./lake.ts";

export type State = "ok" | "warning" | "failed" | "could not check" | "not applicable";

/** What a check has found out. */
export interface Finding {
  readonly state: State;
  /** What was seen, with names and numbers; one line. */
  readonly seen: string;
  /** What to do, and who can. Absent where there is nothing to do. */
  readonly fix?: string;
  /** A policy to paste. The external ID stands in it as `externalIdMark`. */
  readonly policy?: object;
  /** Where that is in the AWS console. */
  readonly console?: string;
  /** The same as commands of the AWS CLI, in their order. Never run by this program. */
  readonly commands?: readonly string[];
}

/** A check as a value; it changes nothing that it does not name in `effect`. */
export interface Check {
  readonly id: string;
  readonly title: string;
  /** Why it matters. */
  readonly explain: string;
  /** Checks without which this one makes no sense: it is left out when one of them has failed. */
  readonly needs: readonly string[];
  /** What it does to the queue or the indexer, and how to do without. */
  readonly effect?: string;
  run(lake: Lake, signal: AbortSignal): Promise<Finding>;
}

export interface Result extends Finding {
  readonly check: Check;
  /** The queue of the subscriber, as it is written in the configuration. */
  readonly subject: string;
}

export interface RunOptions {
  /** Milliseconds for each check. */
  readonly timeout: number;
}

/** Stands for the external ID, which is a secret, in all that is told. */
export const externalIdMark = "<external-id>";

/** Runs what can run at once, what needs another after it. Results are in the order of the table. */
export function runChecks(checks: readonly Check[], lake: Lake, { timeout }: RunOptions): Promise<Result[]> {
  const running = new Map<string, Promise<Result>>();
  for (const check of checks) running.set(check.id, start(check));
  return Promise.all(running.values());

  async function start(check: Check): Promise<Result> {
    // The table is in order: what a check needs is running already, unless it was not chosen.
    const needed = await Promise.all(check.needs.map((id) => running.get(id)));
    const missing = needed.find((result) => result?.state === "failed" || result?.seen.startsWith(skipped));
    const finding: Finding =
      missing === undefined
        ? await bounded(check, lake, timeout)
        : { state: "could not check", seen: `${skipped}${missing.check.id}" has to succeed first` };
    return { check, subject: lake.subscriber.queue, ...finding };
  }
}

const skipped = 'the check "';

async function bounded(check: Check, lake: Lake, timeout: number): Promise<Finding> {
  const late = new AbortController();
  const found = check.run(lake, late.signal).catch((error: unknown): Finding => {
    return { state: "could not check", seen: lake.explain(error) };
  });
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<Finding>((resolve) => {
    timer = setTimeout(() => {
      resolve(tooLate(timeout));
      late.abort();
    }, timeout);
  });
  try {
    return await Promise.race([found, end]);
  } finally {
    clearTimeout(timer);
  }
}

function tooLate(timeout: number): Finding {
  return {
    state: "could not check",
    seen: `no answer within ${timeout / 1000} s`,
    fix: "Check network, proxy and endpoints from this machine to AWS",
  };
}

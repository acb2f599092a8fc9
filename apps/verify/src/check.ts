import { type Command, inRegion, isRegional } from "./command.ts";
import type { Lake } from "./lake.ts";
import { answeredByAnother, notAws } from "./not-aws.ts";

export type State = "ok" | "warning" | "failed" | "could not check" | "not applicable";

/** What a check has found out. */
export interface Finding {
  readonly state: State;
  /** What was seen, with names and numbers; one line. */
  readonly seen: string;
  /** What to do, and who can. Absent where there is nothing to do. */
  readonly fix?: string;
  /** Where that is, for those who do not read `seen`: `line 5 of ossec.conf`. */
  readonly place?: string;
  /** A policy to paste. The external ID stands in it as `externalIdMark`. */
  readonly policy?: object;
  /** Another text to paste: a block of ossec.conf, YAML of the indexer's roles, a unit of systemd. */
  readonly paste?: string;
  /** Where that is in the AWS console. */
  readonly console?: string;
  /** The same as commands of the AWS CLI, in their order. Never run by this program. */
  readonly commands?: readonly Command[];
  /** What stood in the way of a check that could not be made; checks with the same are told together. */
  readonly obstacle?: Obstacle;
  /** It can come true by itself, as a first message does. */
  readonly awaited?: true;
}

export interface Obstacle {
  readonly because: string;
  /** What someone has who can check it. */
  readonly rights?: readonly string[];
  /** How they do. */
  readonly how?: string;
  /** Checks that need this one would meet the same, after the same time. */
  readonly lasting?: true;
}

/** Not a failure: nothing is known. */
export function couldNotCheck(obstacle: Obstacle, more: Pick<Finding, "awaited" | "policy"> = {}): Finding {
  const fix = remedy(obstacle);
  return {
    state: "could not check",
    seen: `could not check, because ${obstacle.because}`,
    ...(fix !== undefined && { fix }),
    obstacle,
    ...more,
  };
}

/** What to do about an obstacle. */
export function remedy({ rights, how }: Obstacle): string | undefined {
  return rights === undefined || how === undefined ? how : `Someone with ${rights.join(", ")} can: ${how}`;
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
  /** The same for all subscribers of a manager: it runs with the first of them. */
  readonly once?: true;
  /** What to look at where no answer comes in time. Default: the way to AWS. */
  readonly late?: string;
  /** Milliseconds of the run's time that it leaves to what it owes. */
  readonly owes?: number;
  /** Several findings where each has a remedy of its own; one at least. */
  run(lake: Lake, signal: AbortSignal, owe: Owe): Promise<Finding | readonly Finding[]>;
}

/**
 * Takes work that has to be finished although the check's time is over, as the removal of what it has written. It ends by
 * itself, within seconds, and tells what it could not do: that is told beside what the check has found.
 */
export type Owe = (work: Promise<readonly Finding[]>) => void;

export interface Result extends Finding {
  readonly check: Check;
  /** The queue of the subscriber, as it is written in the configuration. */
  readonly subject: string;
}

export interface RunOptions {
  /** Milliseconds for each check. */
  readonly timeout: number;
  /** Milliseconds for all of them, and what needs them. */
  readonly total?: number;
}

/** Stands for the external ID, which is a secret, in all that is told. */
export const externalIdMark = "<external-id>";

/** What is to be known of commands and policies with the mark in them. */
export function noteOf({ commands = [], policy }: Pick<Finding, "commands" | "policy">): string | undefined {
  if (!JSON.stringify([commands, policy]).includes(externalIdMark)) return undefined;
  const whole = commands.some(({ replaces }) => replaces !== undefined)
    ? "; the command replaces the whole policy"
    : "";
  return `Where ${externalIdMark} stands, put the external ID, or run this with --show-external-id${whole}`;
}

/** Runs what can run at once, what needs another after it. Results are in the order of the table. */
export async function runChecks(
  checks: readonly Check[],
  lake: Lake,
  { timeout, total }: RunOptions,
): Promise<Result[]> {
  const end = performance.now() + (total ?? Number.POSITIVE_INFINITY);
  const running = new Map<string, Promise<Result[]>>();
  for (const check of checks) running.set(check.id, start(check));
  return (await Promise.all(running.values())).flat();

  async function start(check: Check): Promise<Result[]> {
    // The table is in order: what a check needs is running already, unless it was not chosen.
    const needed = (await Promise.all(check.needs.map((id) => running.get(id) ?? []))).flat();
    const obstacle = needed.map(obstacleOf).find((found) => found !== undefined);
    const found = obstacle === undefined ? await inTime(check, lake, timeout, end) : couldNotCheck(obstacle);
    const findings = await Promise.all([found].flat().map((finding) => inPlace(finding, lake)));
    return findings.map((finding) => ({ check, subject: lake.subscriber.queue, ...finding }));
  }
}

/** Its commands name the Region of the queue, where all that they change is. */
async function inPlace(finding: Finding, lake: Lake): Promise<Finding> {
  const { commands } = finding;
  if (!commands?.some(isRegional)) return finding;
  const region = await lake.region();
  return { ...finding, commands: commands.map((command) => inRegion(command, region)) };
}

/** What stands in the way of those that need the check; handed on, so that the first cause is the one that is told. */
function obstacleOf(result: Result): Obstacle | undefined {
  if (result.obstacle?.lasting) return result.obstacle;
  return result.state === "failed"
    ? { because: `the check "${result.check.id}" has to succeed first`, lasting: true }
    : undefined;
}

async function inTime(check: Check, lake: Lake, timeout: number, end: number): Promise<Finding | readonly Finding[]> {
  const late = new AbortController();
  const owed: Promise<readonly Finding[]>[] = [];
  const before = lake.answers.count;
  const found = check
    .run(lake, late.signal, (work) => void owed.push(work))
    .catch((error: unknown): Finding => {
      const other = notAws(error);
      return couldNotCheck(other === undefined ? { because: lake.explain(error) } : answeredByAnother(other));
    });
  let timer: NodeJS.Timeout | undefined;
  const left = end - performance.now() - (check.owes ?? 0);
  const ended = new Promise<Finding>((resolve) => {
    const stop = () => {
      resolve(tooLate(check, lake.answers.count > before, left < timeout ? undefined : timeout));
      late.abort();
    };
    // What has come while this process stood still is seen before it is called silence.
    timer = setTimeout(() => setImmediate(stop), Math.min(timeout, Math.max(1, left)));
  });
  try {
    const told = [await Promise.race([found, ended])].flat();
    return [...told, ...(await Promise.all(owed)).flat()];
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The same of all checks of AWS, so that a network that is not there is told once. `timeout` is undefined where the check had
 * less time than is given to one: the others took it.
 */
function tooLate({ late }: Check, some: boolean, timeout: number | undefined): Finding {
  const [came, before] =
    late !== undefined
      ? ["no answer came", "it answered"]
      : some
        ? ["AWS answered, but not all that it was asked,", "AWS had answered all that it was asked"]
        : ["AWS gave no answer", "AWS answered"];
  const way = "heck network, proxy and endpoints from this machine to AWS";
  return couldNotCheck({
    because:
      timeout === undefined
        ? `the time of the whole run was over before ${before}`
        : `${came} within ${timeout / 1000} s`,
    how: late ?? (some ? `Run it again, alone by --only; if it stays so, c${way}` : `C${way}`),
    lasting: true,
  });
}

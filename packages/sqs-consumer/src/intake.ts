import { type Clock, callBackoff } from "./clock.ts";
import { meaning, type QueueError, queueError } from "./errors.ts";
import type { Emit } from "./event.ts";
import type { Pulse } from "./pulse.ts";
import type { Queue } from "./queue.ts";
import { type Message, mostPerReceive, receive } from "./receive.ts";

/** What the run wants of the queue, asked again at every change. */
export interface Demand {
  /** Messages that can be taken into work at once. */
  room(): number;
  /** Seconds for which the next poll waits. */
  wait(): number;
  /** No poll is needed now. */
  quiet(): boolean;
  /** None will be needed. */
  over(): boolean;
  deliver(messages: readonly Message[]): void;
  polled(got: number, seconds: number): Promise<void>;
  /** The queue cannot be used. */
  fail(error: QueueError): void;
  /** Milliseconds for which failing polls are repeated before the run ends; credentials that have expired get a minute at most. */
  readonly patience: number;
}

interface Run {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly changed: Pulse;
  /** No new polls; those that are open may still bring messages. */
  readonly stop: AbortSignal;
  /** Open polls are left. */
  readonly cut: AbortSignal;
}

const expiredPatience = 60_000;

/** How many polls may be open: more while messages come, one when none came. */
export function pollers(open: number, asked: number, got: number): number {
  if (got === 0) return 1;
  return got >= asked ? open * 2 : open + 1;
}

/**
 * Receives what there is room for, until the demand is over or `stop` is aborted; resolves when no poll is open. Clocked by the polls themselves: one
 * goes out with whatever room there is when none is open, more only with room for a full answer while the queue is deep.
 */
export async function takeIn(queue: Queue, demand: Demand, run: Run): Promise<void> {
  const { clock, emit, changed, stop, cut } = run;
  let open = 0;
  let asked = 0;
  let wanted = 1;
  let failures = 0;
  let failingSince = 0;

  const poll = async (most: number, seconds: number) => {
    try {
      const messages = await receive(queue, most, seconds, clock, cut);
      failures = 0;
      wanted = pollers(wanted, most, messages.length);
      if (messages.length > 0) {
        emit({ type: "received", asked: most, messages });
        demand.deliver(messages);
      }
      await demand.polled(messages.length, seconds);
    } catch (error) {
      if (!stop.aborted) await failed(error);
    }
  };

  const failed = async (error: unknown) => {
    const what = meaning(error);
    if (failures === 0) failingSince = clock.now();
    failures += 1;
    wanted = 1;
    const patience = what === "retry" ? demand.patience : what === "expired" ? expiredPatience : 0;
    if (clock.now() - failingSince >= patience) {
      demand.fail(queueError(queue.name, "sqs:ReceiveMessage", error));
      return;
    }
    emit({ type: "trouble", action: "sqs:ReceiveMessage", error });
    await clock.sleep(callBackoff(failures - 1), stop);
  };

  const start = (most: number) => {
    open += 1;
    asked += most;
    void poll(most, demand.wait()).finally(() => {
      open -= 1;
      asked -= most;
      changed.beat();
    });
  };

  while (!stop.aborted && !(open === 0 && demand.over())) {
    const most = Math.min(mostPerReceive, Math.floor(demand.room()) - asked);
    const startable = open === 0 ? most > 0 : open < wanted && most === mostPerReceive;
    if (startable && !demand.quiet()) start(most);
    else await changed.wait();
  }
  while (open > 0) await changed.wait();
}

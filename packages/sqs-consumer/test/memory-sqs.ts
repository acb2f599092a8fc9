import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
} from "@aws-sdk/client-sqs";
import type { Sqs } from "../src/index.ts";
import type { VirtualClock } from "./virtual-clock.ts";

interface Stored {
  readonly id: string;
  readonly body: string;
  receives: number;
  visibleAt: number;
  heldSince: number;
  handle: string | undefined;
}

export interface Call {
  readonly name: string;
  readonly at: number;
  readonly input: Record<string, unknown>;
}

export interface MemorySqs {
  readonly sqs: Sqs;
  readonly calls: readonly Call[];
  readonly stored: ReadonlyMap<string, Stored>;
  send(...bodies: string[]): void;
  /** Called before each request; throw to fail it, or wait. */
  before: (name: string, input: Record<string, unknown>, signal: AbortSignal) => void | Promise<void>;
  /** Called after each request that succeeded; throw to lose its answer. */
  after: (name: string) => void | Promise<void>;
  afterDelete: (id: string) => void;
  /** Gives the message to somebody else, as SQS does when its time has run out. */
  steal(body: string): void;
}

export function failure(name: string, about: object = {}): Error {
  return Object.assign(new Error(`${name} said`), { name, $fault: "client", ...about });
}

/** A standard queue in memory on a virtual clock: visibility, receipt handles, long polls, the 12 hour limit. */
export function memorySqs(clock: VirtualClock, attributes: Record<string, string> = {}): MemorySqs {
  const settings = { VisibilityTimeout: "30", MessageRetentionPeriod: "345600", ...attributes };
  const stored = new Map<string, Stored>();
  const byHandle = new Map<string, Stored>();
  const calls: Call[] = [];
  let handles = 0;
  let ids = 0;

  const take = (message: Stored, seconds: number) => {
    message.receives += 1;
    message.visibleAt = clock.now() + seconds * 1000;
    message.heldSince = clock.now();
    if (message.handle !== undefined) byHandle.delete(message.handle);
    message.handle = `handle-${++handles}`;
    byHandle.set(message.handle, message);
  };

  const receive = async (input: ReceiveMessageCommand["input"], signal: AbortSignal) => {
    const until = clock.now() + (input.WaitTimeSeconds ?? 0) * 1000;
    for (;;) {
      if (signal.aborted) throw Object.assign(new Error("aborted"), { name: "AbortError" });
      const given: Stored[] = [];
      for (const message of stored.values()) {
        if (given.length === (input.MaxNumberOfMessages ?? 1)) break;
        if (message.visibleAt <= clock.now()) given.push(message);
      }
      if (given.length > 0 || clock.now() >= until) {
        for (const message of given) take(message, input.VisibilityTimeout ?? Number(settings.VisibilityTimeout));
        return {
          Messages: given.map((message) => ({
            MessageId: message.id,
            Body: message.body,
            ReceiptHandle: message.handle,
            Attributes: { ApproximateReceiveCount: String(message.receives), SentTimestamp: "1700000000000" },
          })),
        };
      }
      await clock.sleep(Math.min(until - clock.now(), 100), signal);
    }
  };

  const find = (handle: string | undefined) => (handle === undefined ? undefined : byHandle.get(handle));

  const changeVisibility = (entry: { ReceiptHandle?: string | undefined; VisibilityTimeout?: number | undefined }) => {
    const message = find(entry.ReceiptHandle);
    if (message === undefined) return "ReceiptHandleIsInvalid";
    if (message.visibleAt <= clock.now()) return "MessageNotInflight";
    const visibleAt = clock.now() + (entry.VisibilityTimeout ?? 0) * 1000;
    if (visibleAt - message.heldSince > 43_200_000) return "InvalidParameterValue";
    message.visibleAt = visibleAt;
    return undefined;
  };

  const remove = (entry: { ReceiptHandle?: string | undefined }) => {
    const message = find(entry.ReceiptHandle);
    if (message === undefined) return "ReceiptHandleIsInvalid";
    stored.delete(message.id);
    memory.afterDelete(message.id);
    return undefined;
  };

  const each = <Entry extends { Id: string | undefined }>(
    entries: readonly Entry[] | undefined,
    act: (entry: Entry) => string | undefined,
  ) => ({
    Failed: (entries ?? []).flatMap((entry) => {
      const code = act(entry);
      const Message = code === "InvalidParameterValue" ? "Total VisibilityTimeout is beyond the limit" : code;
      return code === undefined ? [] : [{ Id: entry.Id, Code: code, Message, SenderFault: true }];
    }),
  });

  const respond = (command: object, signal: AbortSignal) => {
    if (command instanceof ReceiveMessageCommand) return receive(command.input, signal);
    if (command instanceof DeleteMessageBatchCommand) return each(command.input.Entries, remove);
    if (command instanceof ChangeMessageVisibilityBatchCommand) return each(command.input.Entries, changeVisibility);
    if (command instanceof GetQueueUrlCommand) return { QueueUrl: `http://memory/1/${command.input.QueueName}` };
    if (!(command instanceof GetQueueAttributesCommand))
      throw new Error(`${command.constructor.name} is not implemented`);
    const all = [...stored.values()];
    const visible = all.filter((message) => message.visibleAt <= clock.now()).length;
    const counts = {
      ApproximateNumberOfMessages: String(visible),
      ApproximateNumberOfMessagesNotVisible: String(all.length - visible),
    };
    return { Attributes: { ...settings, ...counts } };
  };

  const memory: MemorySqs = {
    calls,
    stored,
    before: () => undefined,
    after: () => undefined,
    afterDelete: () => undefined,
    send(...bodies) {
      for (const body of bodies) {
        const id = `message-${++ids}`;
        stored.set(id, { id, body, receives: 0, visibleAt: clock.now(), heldSince: 0, handle: undefined });
      }
    },
    steal(body) {
      for (const message of stored.values()) if (message.body === body) take(message, 600);
    },
    sqs: {
      send: async (
        command: { input: object; constructor: { name: string } },
        { abortSignal }: { abortSignal: AbortSignal },
      ) => {
        const name = command.constructor.name.replace(/Command$/, "");
        const input = command.input as Record<string, unknown>;
        calls.push({ name, at: clock.now(), input });
        await memory.before(name, input, abortSignal);
        const answer = await respond(command, abortSignal);
        await memory.after(name);
        return answer;
      },
    } as unknown as Sqs,
  };
  return memory;
}

export type { Clock } from "./clock.ts";
export { type ConsumeOptions, consume, type Handle, type Summary } from "./consume.ts";
export { type Delivery, deliveries } from "./deliveries.ts";
export { Fatal, Poison, QueueError, type QueueErrorCode } from "./errors.ts";
export type { ConsumerEvent, Emit } from "./event.ts";
export {
  type Depth,
  openQueue,
  type Queue,
  type QueueAddress,
  type QueueOptions,
  queueAddress,
  queueDepth,
  type Redrive,
  type Sqs,
  type SqsSettings,
  sqsSettings,
} from "./queue.ts";
export { type Message, receive } from "./receive.ts";

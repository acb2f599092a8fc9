import type { Message } from "./receive.ts";

/** What a run does, for logs and metrics; nothing depends on anybody listening. */
export type ConsumerEvent =
  | { readonly type: "received"; readonly asked: number; readonly messages: readonly Message[] }
  | { readonly type: "deleted"; readonly message: Message; readonly heldMs: number }
  | { readonly type: "returned"; readonly message: Message; readonly reason: unknown; readonly seconds: number }
  | { readonly type: "quarantined"; readonly message: Message; readonly reason: Error }
  | { readonly type: "lost"; readonly message: Message; readonly reason: unknown }
  /** A call failed and is made again. */
  | { readonly type: "trouble"; readonly action: string; readonly error: unknown }
  /** Said once: AWS refuses sqs:ChangeMessageVisibility, so leases last one visibility timeout. */
  | { readonly type: "renewal-denied"; readonly error: unknown };

export type Emit = (event: ConsumerEvent) => void;

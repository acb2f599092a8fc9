import { parseArn, partitionOf } from "../arn.ts";
import { decide } from "../authorize.ts";
import type { Context } from "../condition.ts";
import type { Principal } from "../identity.ts";
import { keyTrouble } from "../kms.ts";
import type { Call } from "../service.ts";
import type { World } from "../world.ts";
import { coralError, missingParameter, queueDoesNotExist, sqsError } from "./errors.ts";
import type { Queue } from "./queue.ts";

export type SqsCall = Call<Readonly<Record<string, unknown>>>;

export function queueArn(region: string, account: string, name: string): string {
  return `arn:${partitionOf(region)}:sqs:${region}:${account}:${name}`;
}

/** The account and name that a queue's URL ends with. */
export function readQueueUrl(url: unknown): { account: string; name: string } | undefined {
  const [, account, name] = /\/(\d{12})\/([^/]+)$/.exec(String(url)) ?? [];
  return account === undefined || name === undefined ? undefined : { account, name };
}

/** @throws AwsError in the order of AWS: rights first, so that nobody learns which queues there are */
export function queueOf(world: World, call: SqsCall, action: string): Queue {
  const url = call.intent.input?.QueueUrl;
  if (url === undefined) throw missingParameter("QueueUrl");
  const place = readQueueUrl(url);
  if (place === undefined) {
    throw sqsError("InvalidAddress", `The address ${url} is not valid for this endpoint.`, "InvalidAddress", 404);
  }
  return authorizedQueue(world, call, action, queueArn(call.region, place.account, place.name));
}

export function authorizedQueue(world: World, call: SqsCall, action: string, arn: string): Queue {
  const queue = world.queues.get(arn);
  authorize(world, call, action, arn, queue);
  if (queue === undefined || queue.deletedAt !== undefined) throw queueDoesNotExist();
  return queue;
}

export function authorize(world: World, call: SqsCall, action: string, arn: string, queue?: Queue): void {
  const verdict = decide(world.identity, {
    principal: call.caller,
    action: `sqs:${action}`,
    resource: arn,
    owner: parseArn(arn)?.account ?? "",
    resourcePolicy: queue?.settings.policy,
    context: call.context,
  });
  if (verdict.allowed) return;
  // SQS spells its actions in lower case here.
  const spelled = `sqs:${action.toLowerCase()}`;
  throw accessDenied(
    `User: ${call.caller.arn} is not authorized to perform: ${spelled} on resource: ${arn} ` +
      verdict.because.replaceAll(`sqs:${action}`, spelled),
  );
}

export function accessDenied(message: string) {
  return coralError("AccessDeniedException", message, "AccessDenied", 403);
}

/** Source: SQS Developer Guide, "Configuring AWS KMS permissions": who sends decrypts the key that was made, to verify it. */
export function useKeyToSend(world: World, queue: Queue, principal: Principal, context: Context): void {
  useKey(world, queue, principal, context, "kms:GenerateDataKey");
  useKey(world, queue, principal, context, "kms:Decrypt");
}

/** @throws AwsError when the queue is encrypted by a key that the principal may not use so */
export function useKey(
  world: World,
  queue: Queue,
  principal: Principal,
  context: Context,
  action: "kms:Decrypt" | "kms:GenerateDataKey",
): void {
  if (queue.settings.kmsKey === undefined) return;
  const trouble = keyTrouble(world, {
    key: queue.settings.kmsKey,
    place: queue,
    action,
    principal,
    context,
    via: "sqs",
    encryptionContext: { "aws:sqs:arn": queue.arn },
  });
  if (trouble === undefined) return;
  const queryCode = trouble.code === "AccessDenied" ? "AccessDeniedException" : `${trouble.code}Exception`;
  throw sqsError(`Kms${trouble.code}`, trouble.message, `KMS.${queryCode}`);
}

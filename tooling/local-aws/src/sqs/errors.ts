import { AwsError } from "../aws-error.ts";

/** SQS errors in the JSON protocol, with the code that `x-amzn-query-error` gives to older clients. */
export function sqsError(code: string, message: string, queryCode: string = code, status = 400): AwsError {
  return new AwsError(status, `com.amazonaws.sqs#${code}`, message, { queryCode });
}

export function coralError(code: string, message: string, queryCode: string, status = 400): AwsError {
  return new AwsError(status, `com.amazon.coral.service#${code}`, message, { queryCode });
}

const legacy = (code: string): string => `AWS.SimpleQueueService.${code}`;

export const queueDoesNotExist = (): AwsError =>
  sqsError("QueueDoesNotExist", "The specified queue does not exist.", legacy("NonExistentQueue"));

export const invalidParameter = (message: string): AwsError =>
  coralError("InvalidParameterValueException", message, "InvalidParameterValue");

export const missingParameter = (name: string): AwsError =>
  coralError(
    "MissingRequiredParameterException",
    `The request must contain the parameter ${name}.`,
    "MissingParameter",
  );

export const invalidAttributeValue = (name: string): AwsError =>
  sqsError("InvalidAttributeValue", `Invalid value for the parameter ${name}.`);

export const invalidAttributeName = (name: string): AwsError =>
  sqsError("InvalidAttributeName", `Unknown Attribute ${name}.`);

export const receiptHandleIsInvalid = (handle: string): AwsError =>
  sqsError("ReceiptHandleIsInvalid", `The input receipt handle "${handle}" is not a valid receipt handle.`);

/** What SQS says of a handle whose message is deleted, visible again or received by another since. */
export const notChangeable = (handle: string): AwsError =>
  invalidParameter(
    `Value ${handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.`,
  );

export const batchError = (code: string, message: string): AwsError => sqsError(code, message, legacy(code));

export const unsupported = (message: string): AwsError =>
  sqsError("UnsupportedOperation", message, legacy("UnsupportedOperation"));

export const queueNameExists = (name: string): AwsError =>
  sqsError(
    "QueueNameExists",
    `A queue already exists with the same name and a different value for attribute ${name}`,
    "QueueAlreadyExists",
  );

export const queueDeletedRecently = (): AwsError =>
  sqsError(
    "QueueDeletedRecently",
    "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
    legacy("QueueDeletedRecently"),
  );

export const purgeInProgress = (name: string): AwsError =>
  sqsError(
    "PurgeQueueInProgress",
    `Only one PurgeQueue operation on ${name} is allowed every 60 seconds.`,
    legacy("PurgeQueueInProgress"),
  );

export const overLimit = (): AwsError =>
  sqsError("OverLimit", "The queue has reached its limit of messages in flight.", legacy("OverLimit"), 403);

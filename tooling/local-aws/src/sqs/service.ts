import { type AuthenticationTrouble, clockMessage } from "../authenticate.ts";
import { type AwsError, notImplemented } from "../aws-error.ts";
import { isRecord } from "../condition.ts";
import { headerOf } from "../request.ts";
import type { Reply, Service } from "../service.ts";
import type { World } from "../world.ts";
import { readQueueUrl, type SqsCall } from "./access.ts";
import { coralError } from "./errors.ts";
import { messageOperations } from "./message-operations.ts";
import { type Operation, queueOperations } from "./queue-operations.ts";

const operations: Readonly<Record<string, Operation>> = { ...queueOperations, ...messageOperations };

const contentType = { "content-type": "application/x-amz-json-1.0" };

/** SQS by its JSON protocol. */
export function createSqs(world: World): Service {
  return {
    name: "sqs",
    clockSkew: 5 * 60_000,

    identify(request) {
      const target = headerOf(request, "x-amz-target");
      if (target === undefined) throw notImplemented("the query protocol of SQS; its JSON protocol is");
      const input = parseInput(request.body);
      const queue = readQueueUrl(input.QueueUrl)?.name ?? input.QueueName;
      return {
        operation: target.slice(target.indexOf(".") + 1),
        queue: queue === undefined ? undefined : String(queue),
        input,
      };
    },

    knows: (operation) => Object.hasOwn(operations, operation),

    async perform(call) {
      const operation = operations[call.intent.operation] as Operation;
      const output = await operation(world, call as SqsCall);
      return { status: 200, headers: contentType, body: output === undefined ? "{}" : JSON.stringify(output) };
    },

    refuse(error, requestId): Reply {
      const code = error.code.slice(error.code.indexOf("#") + 1);
      return {
        status: error.status,
        headers: {
          ...contentType,
          "x-amzn-requestid": requestId,
          "x-amzn-query-error": `${error.detail.queryCode ?? code};${error.status < 500 ? "Sender" : "Receiver"}`,
        },
        body: JSON.stringify({ __type: error.code, message: error.message }),
      };
    },

    distrust,
  };
}

function parseInput(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const input: unknown = body.length === 0 ? {} : JSON.parse(body.toString());
    if (isRecord(input)) return input;
  } catch {
    // said below
  }
  throw coralError("SerializationException", "The request is no JSON object.", "MalformedInput");
}

const invalidToken = "The security token included in the request is invalid.";

function distrust(trouble: AuthenticationTrouble): AwsError {
  switch (trouble.kind) {
    case "unsigned":
      return coralError(
        "MissingAuthenticationTokenException",
        "Request is missing Authentication Token",
        "MissingAuthenticationToken",
        403,
      );
    case "malformed":
      return coralError(
        "IncompleteSignatureException",
        "The Authorization header is not a complete AWS4-HMAC-SHA256 signature for this service.",
        "IncompleteSignature",
      );
    case "unknown-key":
    case "wrong-token":
      return coralError("UnrecognizedClientException", invalidToken, "InvalidClientTokenId", 403);
    case "expired":
      return coralError(
        "ExpiredTokenException",
        "The security token included in the request is expired",
        "ExpiredToken",
        403,
      );
    case "signature":
      return coralError(
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
        "SignatureDoesNotMatch",
        403,
      );
    case "clock":
      return coralError("InvalidSignatureException", clockMessage(trouble), "SignatureDoesNotMatch", 403);
  }
}

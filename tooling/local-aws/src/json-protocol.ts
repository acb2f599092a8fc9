import { type AuthenticationTrouble, clockMessage } from "./authenticate.ts";
import { decide } from "./authorize.ts";
import { AwsError } from "./aws-error.ts";
import { isRecord } from "./condition.ts";
import type { ServiceName } from "./faults.ts";
import { headerOf } from "./request.ts";
import type { Call, Service } from "./service.ts";
import type { World } from "./world.ts";

export type JsonInput = Readonly<Record<string, unknown>>;
export type JsonOperation = (world: World, call: Call<JsonInput>, input: JsonInput) => unknown;

/** A service that speaks AWS JSON: the operation is in X-Amz-Target, input and output are JSON objects. */
export function createJsonService(
  world: World,
  name: ServiceName,
  version: "1.0" | "1.1",
  operations: Readonly<Record<string, JsonOperation>>,
): Service {
  const contentType = { "content-type": `application/x-amz-json-${version}` };
  return {
    name,
    clockSkew: 5 * 60_000,
    identify(request) {
      const target = headerOf(request, "x-amz-target") ?? "";
      return { operation: target.slice(target.indexOf(".") + 1), input: parseInput(request.body) };
    },
    knows: (operation) => Object.hasOwn(operations, operation),
    perform(call) {
      const operation = operations[call.intent.operation] as JsonOperation;
      const output = operation(world, call as Call<JsonInput>, call.intent.input as JsonInput) ?? {};
      return { status: 200, headers: contentType, body: JSON.stringify(output) };
    },
    refuse: (error, requestId) => ({
      status: error.status,
      headers: { ...contentType, "x-amzn-requestid": requestId },
      body: JSON.stringify({ __type: error.code, message: error.message }),
    }),
    distrust,
  };
}

/** @throws AwsError where the caller's policies do not allow the call */
export function authorize(world: World, call: Call, prefix: string, resource: string): void {
  const action = `${prefix}:${call.intent.operation}`;
  const { caller, context } = call;
  const verdict = decide(world.identity, { principal: caller, action, resource, owner: caller.account, context });
  if (!verdict.allowed) throw accessDenied(caller.arn, action, resource, verdict.because);
}

export function accessDenied(caller: string, action: string, resource: string, because: string): AwsError {
  return new AwsError(
    400,
    "AccessDeniedException",
    `User: ${caller} is not authorized to perform: ${action} on resource: ${resource} ${because}`,
  );
}

function parseInput(body: Buffer): JsonInput {
  try {
    const input: unknown = body.length === 0 ? {} : JSON.parse(body.toString());
    if (isRecord(input)) return input;
  } catch {
    // said below
  }
  throw new AwsError(400, "SerializationException", "The request is no JSON object.");
}

const distrusted: Readonly<Record<Exclude<AuthenticationTrouble["kind"], "clock">, readonly [string, string]>> = {
  unsigned: ["MissingAuthenticationTokenException", "Missing Authentication Token"],
  malformed: ["IncompleteSignatureException", "The Authorization header is not a complete signature."],
  "unknown-key": ["UnrecognizedClientException", "The security token included in the request is invalid."],
  "wrong-token": ["UnrecognizedClientException", "The security token included in the request is invalid."],
  expired: ["ExpiredTokenException", "The security token included in the request is expired"],
  signature: [
    "InvalidSignatureException",
    "The request signature we calculated does not match the signature you provided.",
  ],
};

function distrust(trouble: AuthenticationTrouble): AwsError {
  if (trouble.kind === "clock") return new AwsError(400, "InvalidSignatureException", clockMessage(trouble));
  const [code, message] = distrusted[trouble.kind];
  return new AwsError(400, code, message);
}

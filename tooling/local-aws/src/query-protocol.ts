import { type AuthenticationTrouble, clockMessage } from "./authenticate.ts";
import { AwsError } from "./aws-error.ts";
import type { Call, Reply, Service } from "./service.ts";
import { type XmlValue, xmlDocument } from "./xml.ts";

/** The parameters of a call; lists by their members. */
export interface Parameters {
  get(name: string): string | undefined;
  /** @throws AwsError when it is not there */
  need(name: string): string;
  /** `Name.member.1`, `Name.member.2`, … */
  list(name: string): string[];
}

export type QueryOperation = (call: Call, parameters: Parameters) => XmlValue;

export interface QueryService {
  readonly name: "sts" | "iam";
  readonly namespace: string;
  readonly operations: Readonly<Record<string, QueryOperation>>;
  /** Those that bring their own proof of who is calling. */
  readonly unsigned?: readonly string[];
}

/** AWS's query protocol: parameters in a form, answers in XML. */
export function createQueryService({ name, namespace, operations, unsigned = [] }: QueryService): Service {
  return {
    name,
    clockSkew: 5 * 60_000,

    identify(request) {
      const form = new URLSearchParams(request.method === "GET" ? request.rawQuery : request.body.toString());
      return { operation: form.get("Action") ?? "", input: form };
    },

    knows: (operation) => Object.hasOwn(operations, operation),
    takesUnsigned: (operation) => unsigned.includes(operation),

    perform(call): Reply {
      const { operation } = call.intent;
      const perform = operations[operation] as QueryOperation;
      const result = perform(call, readParameters(call.intent.input as URLSearchParams));
      return {
        status: 200,
        headers: { "content-type": "text/xml" },
        body: xmlDocument(`${operation}Response`, namespace, {
          ...(result !== undefined && { [`${operation}Result`]: result }),
          ResponseMetadata: { RequestId: call.requestId },
        }),
      };
    },

    refuse: (error, requestId) => ({
      status: error.status,
      headers: { "content-type": "text/xml", "x-amzn-requestid": requestId },
      body: xmlDocument("ErrorResponse", namespace, {
        Error: { Type: error.status < 500 ? "Sender" : "Receiver", Code: error.code, Message: error.message },
        RequestId: requestId,
      }),
    }),

    distrust,
  };
}

function readParameters(form: URLSearchParams): Parameters {
  const get = (name: string) => form.get(name) ?? undefined;
  return {
    get,
    need(name) {
      const value = get(name);
      if (value !== undefined && value !== "") return value;
      throw validationError(`Value null at '${name}' failed to satisfy constraint: Member must not be null`);
    },
    list(name) {
      const values: string[] = [];
      for (let i = 1; form.has(`${name}.member.${i}`); i++) values.push(form.get(`${name}.member.${i}`) as string);
      return values;
    },
  };
}

export function validationError(message: string): AwsError {
  return new AwsError(400, "ValidationError", message);
}

/** A list as the query protocol has it. */
export function members<T>(items: readonly T[], render: (item: T) => XmlValue): XmlValue {
  return items.length === 0 ? "" : { member: items.map(render) };
}

function distrust(trouble: AuthenticationTrouble): AwsError {
  switch (trouble.kind) {
    case "unsigned":
      return new AwsError(403, "MissingAuthenticationToken", "Request is missing Authentication Token");
    case "malformed":
      return new AwsError(
        400,
        "IncompleteSignature",
        "The Authorization header is not a complete AWS4-HMAC-SHA256 signature for this service.",
      );
    case "unknown-key":
    case "wrong-token":
      return new AwsError(403, "InvalidClientTokenId", "The security token included in the request is invalid.");
    case "expired":
      return new AwsError(403, "ExpiredToken", "The security token included in the request is expired");
    case "signature":
      return new AwsError(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
      );
    case "clock":
      return new AwsError(403, "SignatureDoesNotMatch", clockMessage(trouble));
  }
}

import type { AuthenticationTrouble } from "./authenticate.ts";
import type { AwsError } from "./aws-error.ts";
import type { Context } from "./condition.ts";
import type { Effect, FaultSubject, ServiceName } from "./faults.ts";
import type { Principal } from "./identity.ts";
import type { HttpRequest } from "./request.ts";

/** What a request asks for, read before anyone is asked who sends it. */
export interface Intent extends Omit<FaultSubject, "service" | "accessKeyId"> {
  /** The service's own reading of the request. */
  readonly input?: unknown;
}

export interface Call<Input = unknown> {
  readonly request: HttpRequest;
  readonly requestId: string;
  readonly intent: Intent & { readonly input?: Input };
  /** Region of the signature's scope: what the client takes this endpoint for. */
  readonly region: string;
  readonly caller: Principal;
  /** Condition keys that any call has. */
  readonly context: Context;
  readonly now: number;
  /** Without aws-chunked encoding. */
  readonly body: Buffer;
  readonly trailers: ReadonlyMap<string, string>;
  readonly effect: Effect;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string | Uint8Array;
}

/** One of AWS's services: its protocol and its operations. */
export interface Service {
  readonly name: ServiceName;
  /** @throws AwsError when the request makes no sense in the service's protocol */
  identify(request: HttpRequest): Intent;
  /** Whether it does what an operation of that name does; what it does not is told before anything else is asked. */
  knows(operation: string): boolean;
  /** Whether it performs an operation that nobody has signed. Default: none. */
  readonly takesUnsigned?: (operation: string) => boolean;
  /** @throws AwsError */
  perform(call: Call): Reply | Promise<Reply>;
  refuse(error: AwsError, requestId: string, request: HttpRequest): Reply;
  /** How this service words that it does not believe who is calling. */
  distrust(trouble: AuthenticationTrouble): AwsError;
  /** ms that the client's clock may be off. */
  readonly clockSkew: number;
}

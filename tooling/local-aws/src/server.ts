import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type Authenticated, authenticate } from "./authenticate.ts";
import { AwsError, notImplemented } from "./aws-error.ts";
import type { Context } from "./condition.ts";
import { type Effect, type FaultTable, statusOf } from "./faults.ts";
import type { Principal } from "./identity.ts";
import { type HttpRequest, headerOf, readRequest } from "./request.ts";
import type { createRequestLog } from "./request-log.ts";
import type { Intent, Reply, Service } from "./service.ts";
import { readSignature } from "./sigv4.ts";
import type { World } from "./world.ts";

export interface Serving {
  readonly world: World;
  readonly services: readonly Service[];
  readonly faults: FaultTable;
  readonly log: ReturnType<typeof createRequestLog>;
  /** ms; undefined: as AWS has it for each service. */
  readonly clockSkew: number | undefined;
  readonly defaultRegion: string;
  /** Told of what should never happen: an error that is not AWS's. */
  readonly trouble: (error: unknown) => void;
}

export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

export function listen(server: Server, port: number, host: string): Promise<Listening> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}

/** PEM. */
export interface TlsOptions {
  readonly key: string;
  readonly cert: string;
}

export function createHttpServer(serving: Serving, tls: TlsOptions | undefined): Server {
  const listener = (message: IncomingMessage, response: ServerResponse) => void answer(serving, message, response);
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.keepAliveTimeout = 60_000;
  // Long polls and slow uploads are as slow as they are.
  server.requestTimeout = 0;
  return server;
}

/** One call on its way: read, told apart, hit by faults, believed, performed, answered, logged. */
async function answer(serving: Serving, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const request = await readRequest(message, response);
  if (request === undefined) return;
  const started = performance.now();
  const requestId = randomUUID();
  const service = serviceFor(request, serving.services);
  const signature = readSignature(request);
  const seen: Seen = { intent: { operation: "" }, effect: {}, caller: undefined, error: undefined };
  let reply: Reply;
  try {
    reply = await work(serving, request, service, requestId, seen);
  } catch (error) {
    if (!(error instanceof AwsError)) serving.trouble(error);
    seen.error =
      error instanceof AwsError ? error : new AwsError(500, "InternalError", `The stand-in failed: ${String(error)}`);
    reply = service.refuse(seen.error, requestId, request);
  }
  const sent = seen.effect.reset === undefined && !response.destroyed;
  serving.log.add({
    at: new Date(serving.world.now()),
    service: service.name,
    operation: seen.intent.operation,
    region: signature?.region ?? serving.defaultRegion,
    bucket: seen.intent.bucket,
    key: seen.intent.key,
    queue: seen.intent.queue,
    principal: seen.caller?.arn,
    accessKeyId: signature?.accessKeyId,
    range: headerOf(request, "range"),
    status: sent ? reply.status : 0,
    code: seen.error?.code.replace(/^.*#/, ""),
    duration: performance.now() - started,
  });
  if (seen.effect.reset !== undefined) {
    message.socket.resetAndDestroy();
    return;
  }
  respond(serving.world, response, reply, requestId, seen.effect);
}

/** What is known of a call so far, for the log and for the way its answer is sent. */
interface Seen {
  intent: Intent;
  effect: Effect;
  caller: Principal | undefined;
  error: AwsError | undefined;
}

async function work(
  { world, faults, clockSkew, defaultRegion }: Serving,
  request: HttpRequest,
  service: Service,
  requestId: string,
  seen: Seen,
): Promise<Reply> {
  const signature = readSignature(request);
  if (signature !== undefined && signature.service !== service.name) {
    throw notImplemented(`the service ${signature.service}`);
  }
  seen.intent = service.identify(request);
  const { operation, bucket, key, queue } = seen.intent;
  if (!service.knows(operation)) {
    throw notImplemented(`the ${service.name.toUpperCase()} operation ${operation || "(none)"}`);
  }
  const accessKeyId = signature?.accessKeyId;
  const effect = faults.strike({ service: service.name, operation, bucket, key, queue, accessKeyId });
  seen.effect = effect;
  await suffer(effect, request);
  if (effect.reset === "before") return { status: 0 };
  if (effect.error !== undefined) {
    throw new AwsError(
      effect.status ?? statusOf(effect.error, service.name),
      effect.error,
      effect.message ?? "A fault that a test asked for.",
    );
  }
  const now = world.now();
  const known: Authenticated = authenticate(request, {
    service: service.name,
    identity: world.identity,
    now,
    clockSkew: clockSkew ?? service.clockSkew,
    distrust: service.distrust,
  });
  seen.caller = known.caller;
  if (known.caller.kind === "anonymous" && !service.takesUnsigned?.(operation)) {
    throw service.distrust({ kind: "unsigned" });
  }
  const region = known.region ?? defaultRegion;
  return await service.perform({
    request,
    requestId,
    intent: seen.intent,
    region,
    caller: known.caller,
    context: requestContext(world, request, known.caller, region, now),
    now,
    body: known.body,
    trailers: known.trailers,
    effect,
  });
}

async function suffer({ latency = 0 }: Effect, request: HttpRequest): Promise<void> {
  if (latency === 0) return;
  if (latency === Number.POSITIVE_INFINITY) {
    await new Promise((resolve) => request.gone.addEventListener("abort", resolve, { once: true }));
  } else {
    await delay(latency);
  }
}

/** The service that a request is for: as its signature says, else by what it looks like, in whose words it is refused. */
function serviceFor(request: HttpRequest, services: readonly Service[]): Service {
  const scope = readSignature(request)?.service;
  const named = (name: string) => services.find((service) => service.name === name);
  const form = request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded");
  const guess = request.headers["x-amz-target"] !== undefined ? "sqs" : form ? "sts" : "s3";
  return named(scope ?? guess) ?? (named(guess) as Service);
}

/** Condition keys of every request. Source: IAM User Guide, "AWS global condition context keys". */
function requestContext(world: World, request: HttpRequest, caller: Principal, region: string, now: number): Context {
  return (key) => {
    const value = keys(key);
    return value === undefined ? undefined : [value];
  };
  function keys(key: string): string | undefined {
    switch (key) {
      case "aws:principalarn":
        return caller.roleArn ?? caller.arn;
      case "aws:principalaccount":
        return caller.account;
      case "aws:principalorgid":
        return world.identity.accounts.get(caller.account)?.organization;
      case "aws:principaltype":
        return { user: "User", session: "AssumedRole", anonymous: "Anonymous", service: "Service" }[caller.kind];
      case "aws:principalisawsservice":
        return String(caller.kind === "service");
      case "aws:userid":
        return caller.userId;
      case "aws:username":
        return caller.kind === "user" ? caller.entity?.name : undefined;
      case "aws:requestedregion":
        return region;
      case "aws:sourcevpce":
        return world.identity.vpcEndpoint?.id;
      case "aws:sourceip":
        return request.sourceIp;
      case "aws:useragent":
        return headerOf(request, "user-agent");
      case "aws:currenttime":
        return new Date(now).toISOString();
      case "aws:epochtime":
        return String(Math.floor(now / 1000));
      // It stands in for endpoints that are reached by TLS.
      case "aws:securetransport":
        return "true";
      default:
        return undefined;
    }
  }
}

function respond(world: World, response: ServerResponse, reply: Reply, requestId: string, effect: Effect): void {
  if (response.destroyed) return;
  const body = typeof reply.body === "string" ? Buffer.from(reply.body) : (reply.body ?? emptyBody);
  response.sendDate = false;
  response.writeHead(reply.status, {
    date: new Date(world.now()).toUTCString(),
    "x-amzn-requestid": requestId,
    ...(reply.status !== 204 && reply.status !== 304 && { "content-length": body.byteLength }),
    ...reply.headers,
  });
  if (effect.truncate !== undefined && effect.truncate < body.byteLength) {
    // Ended, not reset, so that what was sent arrives.
    response.write(body.subarray(0, effect.truncate), () => response.socket?.destroySoon());
    if (effect.truncate === 0) response.flushHeaders();
    return;
  }
  response.end(effect.corrupt ? corrupted(body) : body);
}

const emptyBody = Buffer.alloc(0);

function corrupted(body: Uint8Array): Uint8Array {
  const changed = Buffer.from(body);
  const middle = changed.length >> 1;
  if (changed.length > 0) changed[middle] = (changed[middle] as number) ^ 1;
  return changed;
}

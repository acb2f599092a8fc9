import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";

/** Milliseconds without a byte after which a connection counts as lost; a long poll of SQS is silent for 20 seconds. */
const silence = 45_000;

/** How requests to AWS are sent: through the proxies that the environment names. Its agents are the caller's to destroy. */
export function requestHandlerOf(
  environment: NodeJS.ProcessEnv,
  maxSockets = 50,
): {
  readonly connectionTimeout: number;
  readonly socketTimeout: number;
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
} {
  // Without proxyEnv an agent knows nothing of HTTPS_PROXY and NO_PROXY.
  const sockets = { keepAlive: true, maxSockets, proxyEnv: environment };
  const agents = { httpAgent: new HttpAgent(sockets), httpsAgent: new HttpsAgent(sockets) };
  return { connectionTimeout: 5_000, socketTimeout: silence, ...agents };
}

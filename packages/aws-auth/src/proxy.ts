import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";

/** For a `requestHandler` of the SDK. A client that is destroyed takes them along. */
export interface Agents {
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
}

/** Agents that send through the proxies that the environment names; they are the caller's to destroy. */
export function proxyAgents(environment: NodeJS.ProcessEnv, maxSockets = 50): Agents {
  // Without proxyEnv an agent knows nothing of HTTPS_PROXY and NO_PROXY.
  const sockets = { keepAlive: true, maxSockets, proxyEnv: environment };
  return { httpAgent: new HttpAgent(sockets), httpsAgent: new HttpsAgent(sockets) };
}

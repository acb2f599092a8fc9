import { type Agents, proxyAgents } from "@threatlockdown/aws-auth";

/** Milliseconds without a byte after which a connection counts as lost; a long poll of SQS is silent for 20 seconds. */
const silence = 45_000;

/** How requests to AWS are sent. Its agents are the caller's to destroy. */
export function requestHandlerOf(
  environment: NodeJS.ProcessEnv,
  maxSockets?: number,
): Agents & { readonly connectionTimeout: number; readonly socketTimeout: number } {
  return { connectionTimeout: 5_000, socketTimeout: silence, ...proxyAgents(environment, maxSockets) };
}

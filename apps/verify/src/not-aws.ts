import type { Obstacle } from "./check.ts";

/** Something else has answered in the place of AWS: a portal or proxy of the network, or another service. */
export class NotAws extends Error {
  override name = "NotAws";
  readonly status: number;

  constructor(host: string, status: number) {
    super(`what answers at ${host} is not AWS (HTTP ${status})`);
    this.status = status;
  }
}

/** AWS gives each answer an id, whatever the answer is; what stands before its services can fail without one. */
export function isOfAws({ statusCode = 0, headers = {} }: Answered): boolean {
  return passing.has(statusCode) || Object.keys(headers).some((name) => name.toLowerCase().startsWith("x-amz"));
}

const passing: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/** As the SDK has an answer. */
export interface Answered {
  readonly statusCode?: number;
  readonly headers?: Readonly<Record<string, unknown>>;
}

/** Whether that is what an error comes from, whatever wraps it. */
export function notAws(error: unknown): NotAws | undefined {
  for (let link = error; link instanceof Error; link = link.cause) if (link instanceof NotAws) return link;
  return undefined;
}

/** What stands in the way then; the check of the endpoints knows what names them. */
export function answeredByAnother({ message: because }: NotAws): Obstacle {
  return { because, how: "Go by the check endpoints", lasting: true };
}

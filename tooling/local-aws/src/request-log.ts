import type { ServiceName } from "./faults.ts";

/** One call, as it was answered. */
export interface LoggedRequest {
  readonly at: Date;
  readonly service: ServiceName;
  readonly operation: string;
  readonly region: string;
  readonly bucket?: string | undefined;
  readonly key?: string | undefined;
  readonly queue?: string | undefined;
  /** ARN of the caller, once it was known. */
  readonly principal?: string | undefined;
  readonly accessKeyId?: string | undefined;
  /** The request's Range header. */
  readonly range?: string | undefined;
  /** 0: the connection was reset, or the client was gone. */
  readonly status: number;
  /** Error code, when it was refused. */
  readonly code?: string | undefined;
  /** ms from the whole request to the whole answer. */
  readonly duration: number;
}

export interface RequestFilter {
  readonly service?: ServiceName;
  readonly operation?: string;
  readonly bucket?: string;
  readonly key?: string;
  readonly queue?: string;
  readonly status?: number;
}

export interface RequestLog {
  list(filter?: RequestFilter): LoggedRequest[];
  count(filter?: RequestFilter): number;
  clear(): void;
}

/** Beyond this the older half is forgotten. */
const limit = 400_000;

export function createRequestLog(
  onRequest?: (request: LoggedRequest) => void,
): RequestLog & { add(request: LoggedRequest): void } {
  let requests: LoggedRequest[] = [];
  const list = (filter: RequestFilter = {}) => {
    const wanted = Object.entries(filter) as [keyof RequestFilter, unknown][];
    return requests.filter((request) =>
      wanted.every(([name, value]) => value === undefined || request[name] === value),
    );
  };
  return {
    add(request) {
      if (requests.length >= limit) requests = requests.slice(limit / 2);
      requests.push(request);
      onRequest?.(request);
    },
    list,
    count: (filter) => list(filter).length,
    clear() {
      requests = [];
    },
  };
}

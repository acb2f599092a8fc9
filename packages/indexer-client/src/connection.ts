import type {
  ApiError,
  ApiResponse,
  Client,
  ClientOptions,
  Connection,
  Transport,
} from "@opensearch-project/opensearch";
import { bulkAnswersAsText } from "./answer.ts";
import { IndexerError } from "./errors.ts";

export type { Client };

export interface BasicCredentials {
  readonly username: string;
  readonly password: string;
}

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface SigV4 {
  readonly region: string;
  readonly service: "es" | "aoss";
  /** Asked before each request, as a provider of the AWS SDK may be: it keeps what is dear to find out. */
  readonly credentials: () => Promise<AwsCredentials>;
}

export interface ConnectionOptions {
  /** Addresses such as `https://indexer-1:9200`; requests go round, dead nodes are passed over and tried again later. */
  readonly nodes: readonly string[];
  /** Certificate authorities, PEM. Without them the ones that Node trusts. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[];
  /** Client certificate and its key, PEM. */
  readonly certificate?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  readonly passphrase?: string;
  /** The name that the nodes' certificates carry, where it is not the name or address in `nodes`. */
  readonly serverName?: string;
  /** Asked before each request, so that a changed password needs no restart; keep what is dear to find out. */
  readonly credentials?: () => BasicCredentials | Promise<BasicCredentials>;
  /** For Amazon OpenSearch Service (`es`) and Serverless (`aoss`), instead of `credentials`. */
  readonly sigv4?: SigV4;
  /** Milliseconds of silence after which a request counts as lost. Default 60,000. */
  readonly requestTimeout?: number;
  /** Compress requests: less on the wire, more CPU. */
  readonly compression?: "gzip";
}

type OpenSearch = typeof import("@opensearch-project/opensearch");

/**
 * A client of `@opensearch-project/opensearch`; its own retries are off, since the writer's know what they repeat. The
 * library is loaded only now: with its hundreds of modules it would be a third of a program's start, also of one that
 * writes to no indexer.
 *
 * @throws IndexerError `INDEXER_SETTINGS` where a node is no address
 */
export async function connect(options: ConnectionOptions): Promise<Client> {
  checkNodes(options.nodes);
  const library = await import("@opensearch-project/opensearch");
  const client = new library.Client({
    nodes: [...options.nodes],
    maxRetries: 0,
    Serializer: bulkAnswersAsText(library.Serializer),
    requestTimeout: options.requestTimeout ?? 60_000,
    ...(options.compression === undefined ? {} : { compression: options.compression }),
    ssl: tlsOf(options),
    ...(await authorization(options, library)),
  });
  // The client's own pause of 1 to 32 minutes would leave a node that restarted without work.
  client.connectionPool.resurrectTimeout = 1_000;
  return client;
}

function checkNodes(nodes: readonly string[]): void {
  const odd = nodes.length === 0 ? "" : nodes.find((node) => !/^https?:$/.test(URL.parse(node)?.protocol ?? ""));
  if (odd === undefined) return;
  const problem = odd === "" ? "No address of the indexer is given" : `${odd} is no address of the indexer`;
  throw new IndexerError("INDEXER_SETTINGS", `${problem}: write one such as https://indexer:9200`);
}

async function authorization(
  { credentials, sigv4 }: ConnectionOptions,
  library: OpenSearch,
): Promise<Pick<ClientOptions, "Connection" | "Transport">> {
  if (sigv4 !== undefined) {
    const { AwsSigv4Signer } = await import("@opensearch-project/opensearch/aws-v3");
    const { region, service } = sigv4;
    // The signer would keep what has no end for ever, and a key that was rotated with it.
    const getCredentials = async () => ({ ...(await sigv4.credentials()), expired: true });
    const signer = AwsSigv4Signer({ region, service, getCredentials: getCredentials as never });
    return { Connection: withCause(signer.Connection), Transport: signer.Transport };
  }
  return {
    Connection: withCause(library.Connection),
    ...(credentials === undefined ? {} : { Transport: withCredentials(credentials, library) }),
  };
}

function tlsOf(options: ConnectionOptions): Record<string, unknown> {
  const tls = {
    ca: options.ca,
    cert: options.certificate,
    key: options.key,
    passphrase: options.passphrase,
    servername: options.serverName,
    rejectUnauthorized: true,
  };
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
}

/**
 * The client keeps the message of a socket's error and drops its code; this puts the error itself behind it. After the
 * answer's head it prints errors, and waits for the rest without end: here these end the answer. Where an answer comes
 * before the request was sent whole (413, a proxy's 503), the rest is not sent: by then its memory may be another's.
 */
function withCause(Base: typeof Connection): typeof Connection {
  return class extends Base {
    override request(...[params, callback]: Parameters<Connection["request"]>): ReturnType<Connection["request"]> {
      let cause: Error | undefined;
      const request = super.request(params, (error, response) => {
        if (error !== null && cause !== undefined) error.cause = cause;
        if (response !== null) {
          request.removeAllListeners("error");
          request.on("error", (late) => response.destroy(late));
          response.once("end", () => {
            if (!request.writableFinished) request.destroy();
          });
          request.on("timeout", () => response.destroy(new Error("The rest of the answer did not come in time")));
        }
        callback(error, response);
      });
      request.prependListener("error", (error) => {
        cause ??= error;
      });
      return request;
    }
  };
}

type Answer = Promise<ApiResponse> & { abort(): void };
type Params = Parameters<Transport["request"]>[0];
type Options = NonNullable<Parameters<Transport["request"]>[1]>;
type Callback = (error: ApiError, result: ApiResponse) => void;

/** Puts what the function gives into each request. */
function withCredentials(
  credentials: () => BasicCredentials | Promise<BasicCredentials>,
  { Transport: Base, errors }: OpenSearch,
): typeof Transport {
  return class extends Base {
    override request(params: Params, options?: Options): Answer;
    override request(params: Params, options?: Options, callback?: Callback): { abort(): void };
    override request(params: Params, options: Options = {}, callback?: Callback): Answer {
      let request: Answer | undefined;
      let aborted = false;
      const send = async (): Promise<ApiResponse> => {
        const { username, password } = await credentials();
        if (aborted) throw new errors.RequestAbortedError("Request aborted");
        const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
        request = super.request(params, { ...options, headers: { ...options.headers, authorization } });
        return await request.catch((error: Error) => {
          // The indexer itself does not say whom it refused.
          throw Object.assign(error, { username });
        });
      };
      const answer = send();
      if (callback !== undefined) {
        answer.then(
          (result) => callback(null as never, result),
          (error) => callback(error, error.meta),
        );
      }
      return Object.assign(answer, {
        abort() {
          aborted = true;
          request?.abort();
        },
      });
    }
  };
}

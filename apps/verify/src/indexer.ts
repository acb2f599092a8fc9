import {
  type BasicCredentials,
  type Client,
  type ConnectionOptions,
  connect,
  readConnection,
  type SigV4,
} from "@threatlockdown/indexer-client";
import type { Indexer as IndexerSettings } from "@threatlockdown/ossec-config";
import { type Command, curl } from "./command.ts";

/** The indexer of the manager's configuration. Each part is made when it is first asked for, and once. */
export interface Indexer extends AsyncDisposable {
  readonly settings: IndexerSettings;
  /** Addresses and the content of the certificates' files. */
  connection(): Promise<ConnectionOptions>;
  /** As the subscriber's own user. */
  readonly own: Session;
  /** As one who may look at what the subscriber's user may not; undefined where none was given. */
  readonly admin: Session | undefined;
  /** The user whom the indexer takes the subscriber for, and that user's roles; undefined where it asks for none. */
  identity(): Promise<Identity | undefined>;
  /** A request as someone who may change it types it; the password is asked for. */
  command(method: string, path: string, body?: object): Command;
}

export interface Identity {
  readonly name: string;
  readonly roles: readonly string[];
}

export interface Session {
  /** The name that it goes by; undefined where no user was given. */
  readonly user: () => Promise<string | undefined>;
  client(): Promise<Client>;
  ask(method: string, path: string, body?: object | string): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Who asks: a user with a password, or one of AWS who signs. */
export type Asker = { readonly basic: BasicCredentials } | { readonly sigv4: SigV4; readonly name: string };

export type FindAsker = () => Promise<Asker | undefined>;

export interface IndexerUsers {
  readonly own: FindAsker;
  readonly admin?: FindAsker;
}

/** A person waits: what does not answer soon is told. */
const requestTimeout = 4_000;

export function openIndexer(settings: IndexerSettings, users: IndexerUsers): Indexer {
  const clients: Promise<Client>[] = [];
  const connection = once(() => readConnection(settings));
  const session = (find: FindAsker): Session => {
    const asker = once(find);
    const client = once(() => {
      const made = (async () => {
        const [where, who] = await Promise.all([connection(), asker()]);
        return await connect({ ...where, requestTimeout, ...connected(who) });
      })();
      clients.push(made);
      return made;
    });
    return {
      user: async () => nameOf(await asker()),
      client,
      ask: async (method, path, body) => ask(await client(), settings.hosts.length, [method, path, body]),
    };
  };
  const own = session(users.own);
  return {
    settings,
    connection,
    own,
    admin: users.admin && session(users.admin),
    identity: once(async () => identityOf(await own.ask("GET", "/_plugins/_security/authinfo"))),
    command: (method, path, body) => curl(settings, method, path, body),
    async [Symbol.asyncDispose]() {
      for (const client of await Promise.allSettled(clients)) {
        // It would wait for answers that nobody waits for any more.
        if (client.status === "fulfilled") void client.value.close().catch(() => {});
      }
    },
  };
}

function connected(who: Asker | undefined): Pick<ConnectionOptions, "credentials" | "sigv4"> {
  if (who === undefined) return {};
  return "basic" in who ? { credentials: () => who.basic } : { sigv4: who.sigv4 };
}

function nameOf(who: Asker | undefined): string | undefined {
  return who === undefined ? undefined : "basic" in who ? who.basic.username : who.name;
}

function identityOf({ status, body }: Answer): Identity | undefined {
  const { user_name: name, roles = [] } = (status === 200 ? body : {}) as { user_name?: string; roles?: string[] };
  return name === undefined ? undefined : { name, roles };
}

/** Statuses are answers too; what throws had none. */
async function ask(client: Client, hosts: number, [method, path, body]: Parameters<Session["ask"]>): Promise<Answer> {
  const [bare = "", querystring = ""] = path.split("?");
  // What has been written once is not written by another host as well, at a time that nobody knows.
  const tries = bare === "/_bulk" ? 1 : Math.min(hosts, 3);
  const content = typeof body === "string" ? { bulkBody: body } : body === undefined ? {} : { body };
  try {
    const answer = await client.transport.request({ method, path: bare, querystring, ...content } as never, {
      // One that is away is told by itself; the next one answers in its place.
      maxRetries: tries - 1,
      requestTimeout: requestTimeout / tries,
    });
    return { status: answer.statusCode ?? 0, body: answer.body };
  } catch (error) {
    const { meta } = error as { meta?: { statusCode?: number | null; body?: unknown } };
    if (typeof meta?.statusCode === "number") return { status: meta.statusCode, body: meta.body };
    throw error;
  }
}

/** What the indexer says of a refusal, in one line. */
export function reasonOf({ status, body }: Answer): string {
  const { error, message, Message } = (body ?? {}) as {
    readonly error?: { readonly reason?: string } | string;
    // As the gateways of AWS say it.
    readonly message?: string;
    readonly Message?: string;
  };
  const plain = typeof body === "string" ? body : (message ?? Message ?? "");
  const said = typeof error === "string" ? error : (error?.reason ?? plain);
  return `${status} ${said}`.trim().slice(0, 300);
}

/** The permission that a refusal names. */
export function missingIn(reason: string): readonly string[] {
  const [, actions = ""] = /no permissions for \[([^\]]*(?:\[[a-z]\])?[^\]]*)\]/.exec(reason) ?? [];
  return actions === "" ? [] : actions.split(", ");
}

/** An indexer without users knows none of the security plugin's addresses. */
export function knowsNoSuchAddress({ status, body }: Answer): boolean {
  return (status === 400 || status === 404 || status === 405) && /no handler found/.test(JSON.stringify(body));
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

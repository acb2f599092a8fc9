import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { requestTo } from "../request.ts";
import { type OpenSearch, startOpenSearch } from "../start.ts";

/** What test files learn of the one server that they share. */
export type Shared = { readonly url: string } | { readonly problem: string };

export interface Meeting {
  readonly url: string;
  close(): Promise<void>;
}

/** Answers every GET with the shared server, which the first one starts: a run that needs none starts none. */
export async function openMeeting(env: NodeJS.ProcessEnv = process.env): Promise<Meeting> {
  let own: Promise<OpenSearch> | undefined;
  let shared: Promise<Shared> | undefined;

  async function share(): Promise<Shared> {
    const { OPENSEARCH_URL: given } = env;
    try {
      if (given !== undefined && given !== "") {
        await requestTo(() => given)("GET", "/");
        return { url: given };
      }
      own = startOpenSearch({ quick: true, env });
      return { url: (await own).url };
    } catch (error) {
      const subject =
        given === undefined || given === "" ? "" : "The server that OPENSEARCH_URL names does not answer: ";
      return { problem: `${subject}${(error as Error).message}; or set SKIP_OPENSEARCH=1 to go without these tests` };
    }
  }

  const server = createServer(async (_, answer) => {
    shared ??= share();
    answer.end(JSON.stringify(await shared));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await (await own?.catch(() => undefined))?.stop();
    },
  };
}

import { AuthError } from "@threatlockdown/aws-auth";
import { IndexerError } from "@threatlockdown/indexer-client";
import { type Check, couldNotCheck, type Finding, type Owe } from "./check.ts";
import { type Answer, type Indexer, reasonOf, type Session } from "./indexer.ts";
import type { Lake } from "./lake.ts";

export const late = "Look whether the indexer is overloaded, or its network slow";

const lost = "See what the checks indexer and indexer-health say; look whether it is overloaded, or its network slow";

const notNamed: Finding = { state: "not applicable", seen: "no ossec.conf was read, which names the indexer" };

const noIndexer: Finding = {
  state: "not applicable",
  seen: "ossec.conf names no indexer, or has it disabled: the subscriber runs with --output file:FOLDER or --output analysisd only",
};

/** The same for every check of the indexer. */
export function withIndexer(
  run: (indexer: Indexer, lake: Lake, signal: AbortSignal, owe: Owe) => Promise<Finding | readonly Finding[]>,
): Check["run"] {
  return async (lake, signal, owe) => {
    if (lake.indexer === undefined) return lake.manager === undefined ? notNamed : noIndexer;
    try {
      return await run(lake.indexer, lake, signal, owe);
    } catch (error) {
      const told = unanswered(error);
      if (told === undefined) throw error;
      return told;
    }
  };
}

/** The indexer's client says why no answer came, or nothing was asked; anything else is not about the indexer. */
function unanswered(error: unknown): Finding | undefined {
  const { name, message } = error as Error;
  const nobody = withoutAsker(error);
  if (nobody !== undefined) return nobody;
  if (error instanceof IndexerError) return couldNotCheck({ because: message.replace(/\.$/, "") });
  if (!/^(Connection|Timeout|NoLivingConnections|RequestAborted|Deserialization)Error$/.test(name)) return undefined;
  return couldNotCheck({ because: `the indexer did not answer: ${message.slice(0, 200)}`, how: lost, lasting: true });
}

/** Who runs this may have less than the subscriber: its files, its profile, its Region. That is no fault of the subscriber. */
export function withoutAsker(error: unknown): Finding | undefined {
  const because = (error as Error).message.replace(/\.$/, "");
  if (error instanceof IndexerError && mayNotRead(error)) {
    return couldNotCheck({ because, how: "run it as the user who runs the subscriber", lasting: true });
  }
  if (!(error instanceof AuthError)) return undefined;
  const how =
    error.code === "AUTH_REGION"
      ? "Give the Region by --indexer-region, as the subscriber has it"
      : "Run it as the user who runs the subscriber, with --indexer-profile and --indexer-role as it has them";
  return couldNotCheck({ because: `requests to the indexer could not be signed: ${because}`, how, lasting: true });
}

/** Whether it is there, and not for whoever runs this. */
function mayNotRead(error: unknown): boolean {
  return [error, (error as Error).cause].some((one) => /^(EACCES|EPERM)$/.test((one as { code?: string })?.code ?? ""));
}

/**
 * Asks as the subscriber's own user, and where that one may not look, as the administrator. What neither may look at is
 * no failure.
 */
export async function look(
  { own, admin }: Indexer,
  rights: readonly string[],
  ask: (session: Session) => Promise<Answer>,
  judge: (answer: Answer) => Finding | readonly Finding[],
): Promise<Finding | readonly Finding[]> {
  const answer = await ask(own);
  if (answer.status !== 403 && answer.status !== 401) return judge(answer);
  if (admin === undefined) {
    return couldNotCheck({
      because: "the subscriber's own user may not look at it, as is usual, and no --indexer-admin was given",
      rights,
      how: "run it with --indexer-admin FILE",
    });
  }
  const second = await ask(admin);
  if (second.status === 401) return unknownAdmin;
  if (second.status !== 403) return judge(second);
  return couldNotCheck({
    because: `the user of --indexer-admin may not look at it: ${reasonOf(second)}`,
    rights,
    how: "run it with such an --indexer-admin FILE",
  });
}

/** The credentials are wrong, not the rights. */
export const unknownAdmin: Finding = couldNotCheck({
  because: "the indexer refuses the user of --indexer-admin or the password (401)",
  how: "Correct the file of --indexer-admin",
});

/** An answer that no check knows. */
export function unexpected(answer: Answer): Finding {
  return couldNotCheck({ because: `the indexer answers ${reasonOf(answer)}`, how: "Look into the indexer's own log" });
}

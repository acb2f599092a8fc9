import type { Check } from "../check.ts";
import { readDeadLetters } from "../dead-letters.ts";
import { late, onMachine, unreadable } from "../machine-look.ts";
import { resendText } from "../resend.ts";

export const deadLetters: Check = {
  id: "dead-letters",
  title: "No event waits to be sent again",
  explain:
    "Documents that the indexer refuses, and messages that can never succeed, are kept with their reasons: they are in no index until someone sends them again.",
  needs: [],
  once: true,
  late,
  run: onMachine(async ({ state, file, settings }, lake) => {
    const found = await readDeadLetters(state).catch((error: Error) => error);
    if (found instanceof Error)
      return unreadable(state, found, "Look what lies there under the names dead-letter.ndjson…");
    const { files, documents, messages, more, newest } = found;
    if (files.length === 0) return { state: "ok", seen: `nothing waits in ${state}` };
    const names = files.map(({ path }) => path).join(", ");
    const counts = `documents: ${more ? "more than " : ""}${documents}, messages: ${more ? "more than " : ""}${messages}, in ${names}`;
    const reason = newest === undefined ? "" : `; the newest, of ${newest.time}: ${newest.reason}`;
    const time = new Date().toISOString().replace(/\D/g, "").slice(0, 14);
    const aside = files.map((one) => ({
      ...one,
      from: one.path,
      path: `${one.path.replace("dead-letter.ndjson", "replay.ndjson")}.${time}`,
    }));
    const queues = settings.modules.flatMap(({ subscribers }) => subscribers.map(({ queue }) => queue));
    const known = async () => ({ queues, region: await lake.region().catch(() => undefined) });
    return {
      state: "warning",
      seen: counts + reason,
      fix: `Mend the reason; then ${sendAgain(documents > 0, messages > 0)}`,
      commands: aside.flatMap(({ from, path, documents }) => [
        { words: ["mv", "-n", from, path] },
        ...(documents > 0 ? [{ words: ["security-lake-wodle", "replay"], options: replay(path, file) }] : []),
      ]),
      ...(messages > 0 && { paste: resendText(aside, await known()) }),
    };
  }),
};

const replay = (path: string, config: string) => ({ "dead-letter": path, config });

function sendAgain(documents: boolean, messages: boolean): string {
  if (!messages) {
    return "send the documents again by the commands, after which the files replay.ndjson… may be deleted";
  }
  const resent = "delete the files replay.ndjson… only after the messages are resent";
  return documents
    ? `send the documents again by the commands, and after that the messages by the script; ${resent}`
    : `set aside what waits by the commands, and after that send the messages again by the script; ${resent}`;
}

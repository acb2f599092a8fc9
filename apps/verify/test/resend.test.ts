import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { describe, expect, it } from "vitest";
import { resendText } from "../src/resend.ts";

const withoutJq = spawnSync("jq", ["--version"]).status !== 0;

/** Runs the script, with a program in the place of the AWS CLI that writes what it is told, and knows the URL of a name. */
async function sent(script: string, folder: string): Promise<string[][]> {
  const told = join(folder, "told");
  await writeFile(
    join(folder, "aws"),
    `#!/bin/sh\n[ "$2" = get-queue-url ] && echo "https://sqs/$4"\nprintf '%s\\0' "$@" end >> ${told}\n`,
    { mode: 0o700 },
  );
  execFileSync("/bin/sh", ["-c", script], {
    env: { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` },
  });
  const words = (await readFile(told, "utf8")).split("\0end\0").filter((call) => call !== "");
  return words.map((call) => call.split("\0"));
}

describe("messages that were put away", () => {
  it.skipIf(withoutJq)("are sent whole, each into its own queue, in the queue's Region", async () => {
    const folder = await mkdtemp(join(tmpdir(), "threatlockdown-resend-"));
    try {
      const path = join(folder, "replay.ndjson.20260101");
      const line = (queue: string, body: string) => JSON.stringify({ kind: "message", queue, body });
      const document = JSON.stringify({ kind: "document", queue: "one", body: "none" });
      const body = 'two\nlines, "quotes" and $(id)\n.';
      await writeFile(path, [line("one", body), document, '{"torn', line("other", "b"), ""].join("\n"));
      const files = [{ path, documents: 1, messagesOf: new Set(["one", "other"]) }];
      const queues = ["one", "arn:aws:sqs:eu-west-1:123456789012:other"];
      const calls = await sent(resendText(files, { queues, region: "us-east-1" }), folder);
      const otherUrl = "https://sqs.eu-west-1.amazonaws.com/123456789012/other";
      expect(calls.map(([, , ...rest]) => rest)).toEqual([
        ["--queue-name", "one", "--region", "us-east-1", "--query", "QueueUrl", "--output", "text"],
        ["--queue-url", "https://sqs/one", "--region", "us-east-1", "--message-body", body],
        ["--queue-url", otherUrl, "--region", "eu-west-1", "--message-body", "b"],
      ]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

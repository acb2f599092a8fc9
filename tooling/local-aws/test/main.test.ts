import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { GetQueueUrlCommand, SQSClient } from "@aws-sdk/client-sqs";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { afterEach, describe, expect, it } from "vitest";
import { until } from "./clients.ts";

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});

function start(...options: readonly string[]) {
  const main = join(import.meta.dirname, "../src/main.ts");
  const child = spawn(process.execPath, ["--conditions=@threatlockdown/source", main, ...options]);
  running.push(child);
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk));
  return { child, output, ended: once(child, "close").then(([code]) => code as number | null) };
}

function variables(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
}

describe("the command", () => {
  it("prints what to export, serves a subscription, and ends on SIGINT", async () => {
    const { child, output, ended } = start("--port", "0");
    // The two come through pipes of their own.
    await until(() => output.stderr.includes("Listening on") && /^export SQS_URL=.*\n/m.test(output.stdout));
    const exported = variables(output.stdout);
    expect(output.stdout.split("\n").every((line) => /^(#|export |$)/.test(line))).toBe(true);
    const settings = { region: exported.AWS_REGION ?? "", endpoint: exported.AWS_ENDPOINT_URL ?? "" };
    const user = {
      accessKeyId: exported.AWS_ACCESS_KEY_ID ?? "",
      secretAccessKey: exported.AWS_SECRET_ACCESS_KEY ?? "",
    };
    const { Credentials: role } = await new STSClient({ ...settings, credentials: user }).send(
      new AssumeRoleCommand({
        RoleArn: exported.IAM_ROLE_ARN,
        RoleSessionName: "host",
        ExternalId: exported.EXTERNAL_ID,
      }),
    );
    const credentials = {
      accessKeyId: role?.AccessKeyId ?? "",
      secretAccessKey: role?.SecretAccessKey ?? "",
      sessionToken: role?.SessionToken ?? "",
    };
    const sqs = new SQSClient({ ...settings, credentials });
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: exported.SQS_NAME }));
    expect(QueueUrl).toBe(exported.SQS_URL);
    await until(() => output.stderr.includes("sqs GetQueueUrl"));
    child.kill("SIGINT");
    expect(await ended).toBe(0);
  });

  it("explains itself, and what it does not understand", async () => {
    const help = start("--help");
    expect(await help.ended).toBe(0);
    expect(help.output.stdout).toContain("--port N");
    const wrong = start("--port", "x");
    expect(await wrong.ended).toBe(2);
    expect(wrong.output.stderr).toBe("local-aws: --port x: must be 0 to 65535\n");
  });
});

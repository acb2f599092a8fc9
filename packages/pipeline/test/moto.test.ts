import { spawn, spawnSync } from "node:child_process";
import { lakeCredentials } from "@threatlockdown/aws-auth";
import { expect, it } from "vitest";
import { readStandIn } from "./stand-in.ts";

const installed = spawnSync("python3", ["-c", "import moto.server"], { stdio: "ignore" }).status === 0;

/** The server says its address on a line of its own; the port is one that it finds free. */
async function startMoto(): Promise<{ readonly url: string; stop(): void }> {
  const server = spawn("python3", ["-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    const look = (text: Buffer) => {
      said += text;
      const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    };
    server.stdout.on("data", look);
    server.stderr.on("data", look);
    server.on("exit", () => reject(new Error(`moto ended: ${said}`)));
  });
  return { url, stop: () => server.kill() };
}

it.skipIf(!installed)(
  "reads queue and objects of moto by a role (pip install 'moto[server]')",
  async () => {
    const moto = await startMoto();
    try {
      const region = "us-east-1";
      const credentials = lakeCredentials({
        ...{ roleArn: "arn:aws:iam::123456789012:role/lake", externalId: "external-id", region, stsEndpoint: moto.url },
        base: async () => ({ accessKeyId: "test", secretAccessKey: "test" }),
      });
      expect((await credentials()).sessionToken).toBeDefined();
      await readStandIn({ endpoint: moto.url, region, credentials });
    } finally {
      moto.stop();
    }
  },
  60_000,
);

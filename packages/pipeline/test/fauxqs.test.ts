import { startFauxqs } from "fauxqs";
import { it } from "vitest";
import { readStandIn } from "./stand-in.ts";

it("reads queue and objects of fauxqs", async () => {
  const server = await startFauxqs({ port: 0, logger: false });
  try {
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    await readStandIn({ endpoint: server.address, region: "us-east-1", credentials });
  } finally {
    await server.stop();
  }
}, 30_000);

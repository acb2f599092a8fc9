import { afterEach, expect, it, vi } from "vitest";
import { findSigner } from "../src/signer.ts";

afterEach(() => vi.unstubAllEnvs());

it.each([
  ["the one that is set", { hosts: ["https://d.eu-west-1.es.amazonaws.com"], region: "us-east-2" }, "us-east-2"],
  ["the one in a host's name", { hosts: ["https://d.eu-west-1.es.amazonaws.com"] }, "eu-west-1"],
  ["of the Serverless service", { hosts: ["https://abc.ap-southeast-2.aoss.amazonaws.com"] }, "ap-southeast-2"],
  ["the environment's", { hosts: ["https://indexer.example:9200"] }, "us-west-2"],
] as const)("signs for a Region: %s", async (_, settings, region) => {
  vi.stubEnv("AWS_REGION", "us-west-2");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIASIGNER");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
  const signer = await findSigner(settings);
  expect(signer.region).toBe(region);
  expect(await signer.credentials()).toMatchObject({ accessKeyId: "AKIASIGNER" });
});

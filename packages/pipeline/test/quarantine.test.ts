import { expect, it } from "vitest";
import { createQuarantine, PoisonNotification } from "../src/quarantine.ts";

it("keeps body, reason, queue and announced objects of a message", async () => {
  const kept: object[] = [];
  const deadLetter = { keep: async (entry: object) => void kept.push(entry), close: async () => {} };
  const body = '{"detail":{"bucket":{"name":"b"},"object":{"key":"k","etag":"e","size":5}}}';
  const message = {
    id: "m",
    body,
    receiptHandle: "secret",
    receiveCount: 3,
    sentAt: new Date(0),
    attributes: { a: "1" },
  };
  await createQuarantine(deadLetter, "lake-queue")(message, new Error("s3://b/k does not exist (404)"));
  expect(kept).toEqual([
    {
      time: expect.stringMatching(/Z$/),
      kind: "message",
      reason: "s3://b/k does not exist (404)",
      queue: "lake-queue",
      message_id: "m",
      receive_count: 3,
      sent_at: "1970-01-01T00:00:00.000Z",
      objects: [{ bucket: "b", key: "k", etag: "e", size: 5 }],
      attributes: { a: "1" },
      body,
    },
  ]);
});

it("keeps bucket, key, ETag and reason of each object that could not be taken, and of no other", async () => {
  const kept: { objects?: unknown; reason?: string }[] = [];
  const deadLetter = { keep: async (entry: object) => void kept.push(entry), close: async () => {} };
  const message = { id: "m", body: "", receiptHandle: "r", receiveCount: 4, attributes: {} };
  const gone = { bucket: "b", key: "k", etag: "e", size: 5, versionId: "v" };
  const poison = new PoisonNotification([
    { reason: "Records[0] has no eventName" },
    { reason: "s3://b/k does not exist (404)", object: gone },
  ]);
  await createQuarantine(deadLetter, "lake-queue")(message, poison);
  expect(kept).toMatchObject([
    {
      reason: "Records[0] has no eventName; s3://b/k does not exist (404)",
      receive_count: 4,
      objects: [{ ...gone, reason: "s3://b/k does not exist (404)" }],
    },
  ]);
});

it("does not resolve before the entry is safe", async () => {
  const deadLetter = { keep: () => Promise.reject(new Error("ENOSPC")), close: async () => {} };
  const message = { id: "m", body: "", receiptHandle: "r", receiveCount: 1, attributes: {} };
  await expect(createQuarantine(deadLetter, "q")(message, new Error("x"))).rejects.toThrow("ENOSPC");
});

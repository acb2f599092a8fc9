import { describe, expect, it } from "vitest";
import { batches } from "../src/batch.ts";
import { adapted, sustainable } from "../src/concurrency.ts";
import { meaning } from "../src/errors.ts";
import { pollers } from "../src/intake.ts";
import { extension } from "../src/lease.ts";
import { retryDelay } from "../src/settle.ts";
import { failure } from "./memory-sqs.ts";

describe("retryDelay", () => {
  it("retries soon at first, and up to 15 minutes apart later", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 100].map((count) => retryDelay(count))).toEqual([1, 5, 30, 120, 600, 900, 900, 900]);
  });

  it("spreads the last receives that a redrive policy allows", () => {
    expect([1, 2, 3].map((count) => retryDelay(count, 3))).toEqual([600, 900, 900]);
    expect([1, 2, 8, 9, 10].map((count) => retryDelay(count, 10))).toEqual([1, 5, 900, 900, 900]);
  });
});

describe("extension", () => {
  it.each([
    [300, 0, 300],
    [300, 42_800_000, 300],
    [300, 43_000_000, 195],
    [300, 43_200_000, 0],
    [43_200, 1_000, 43_194],
  ])("of %i s after %i ms is %i s", (timeout, held, seconds) => {
    expect(extension(timeout, held)).toBe(seconds);
  });
});

describe("pollers", () => {
  it.each([
    [1, 10, 10, 2],
    [4, 10, 10, 8],
    [2, 10, 3, 3],
    [8, 10, 0, 1],
  ])("%i open, asked %i, got %i: %i", (open, asked, got, wanted) => {
    expect(pollers(open, asked, got)).toBe(wanted);
  });
});

describe("adapted", () => {
  it.each([
    [16, 64, 0.2, 24],
    [16, 64, 0.89, 24],
    [48, 64, 0.5, 64],
    [2, 3, 0.5, 3],
    [16, 64, 0.95, 16],
    [40, 64, 1, 36],
    [33, 64, 1, 32],
    [5, 5, 1, 5],
  ])("%i of at most %i, busy for %d of the time: %i", (limit, most, busy, next) => {
    expect(adapted(limit, most, busy)).toBe(next);
  });
});

describe("sustainable", () => {
  it("halves when work takes more than half of the timeout, and grows slowly otherwise", () => {
    expect(sustainable(8, 32, 16_000, 30_000)).toBe(4);
    expect(sustainable(1, 32, 60_000, 30_000)).toBe(1);
    expect(sustainable(4, 32, 1_000, 30_000)).toBe(4.25);
    expect(sustainable(32, 32, 1_000, 30_000)).toBe(32);
  });
});

describe("meaning", () => {
  it.each([
    [failure("AWS.SimpleQueueService.MessageNotInflight"), "stale"],
    [failure("InvalidParameterValue", { message: "Reason: The receipt handle has expired." }), "stale"],
    [
      failure("InvalidParameterValue", { message: "Total VisibilityTimeout is beyond the limit [43200 seconds]" }),
      "spent",
    ],
    [failure("InvalidParameterValue", { message: "Value 11 for MaxNumberOfMessages is invalid" }), "refused"],
    [failure("SomethingNew", { $metadata: { httpStatusCode: 400 } }), "refused"],
    [failure("SomethingNew", { $metadata: { httpStatusCode: 403 } }), "denied"],
    [failure("SomethingNew", { $metadata: { httpStatusCode: 429 } }), "retry"],
    [failure("RequestThrottled"), "retry"],
    [failure("KmsThrottled"), "retry"],
    [failure("KmsDisabled"), "denied"],
    [failure("OverLimit", { $metadata: { httpStatusCode: 403 } }), "retry"],
    [failure("SomethingNew", { $fault: "server", $metadata: { httpStatusCode: 503 } }), "retry"],
    [new SyntaxError("Unexpected end of JSON input"), "retry"],
    [Object.assign(new Error("reset"), { code: "ECONNRESET" }), "retry"],
  ])("of %s is %s", (error, expected) => {
    expect(meaning(error)).toBe(expected);
  });
});

describe("batches", () => {
  it("sends the first entries at once, gathers while they are under way, and full batches beside them", async () => {
    const sent: number[][] = [];
    const answers: (() => void)[] = [];
    const submit = batches<number>(async (entries) => {
      sent.push([...entries]);
      await new Promise<void>((answer) => answers.push(answer));
      return [];
    });
    const first = [submit(1), submit(2)];
    await Promise.resolve();
    expect(sent).toEqual([[1, 2]]);
    const later = [3, 4, 5].map(submit);
    await Promise.resolve();
    expect(sent).toHaveLength(1);
    const many = Array.from({ length: 8 }, (_, place) => submit(6 + place));
    await Promise.resolve();
    expect(sent[1]).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    answers[0]?.();
    await Promise.all(first);
    answers[1]?.();
    await Promise.all(later);
    expect(sent[2]).toEqual([13]);
    answers[2]?.();
    await Promise.all(many);
  });

  it("settles each entry by its own result", async () => {
    const submit = batches<string>(async () => [{ Id: "1", Code: "ReceiptHandleIsInvalid", SenderFault: true }]);
    const results = await Promise.allSettled(["a", "b", "c"].map(submit));
    expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(results[1]).toMatchObject({ reason: { name: "ReceiptHandleIsInvalid", $fault: "client" } });
  });

  it("fails all entries of a request that fails, and goes on with the next", async () => {
    let down = true;
    const submit = batches<string>(async () => {
      if (down) throw new Error("down");
      return [];
    });
    await expect(Promise.all(["a", "b"].map(submit))).rejects.toThrow("down");
    down = false;
    await submit("c");
  });
});

import { Crc64Nvme } from "@aws-sdk/checksums/crc";
import { describe, expect, it } from "vitest";
import { crc64Nvme } from "../src/crc64.ts";

describe("CRC-64/NVME", () => {
  it("has the check value of the catalogue of parametrised CRC algorithms", () => {
    expect(crc64Nvme(Buffer.from("123456789")).toString("hex")).toBe("ae8b14860a799888");
  });

  it("is the SDK's for bytes of any length and place in memory", async () => {
    const memory = Uint8Array.from({ length: 5_000 }, (_, index) => (index * index * 31) >>> 3);
    for (const [start, end] of [
      [0, 0],
      [0, 1],
      [1, 8],
      [3, 11],
      [7, 24],
      [1, 4_999],
      [0, 5_000],
    ] as const) {
      const bytes = memory.subarray(start, end);
      const sdk = new Crc64Nvme();
      sdk.update(bytes);
      expect(crc64Nvme(bytes).toString("hex")).toBe(Buffer.from(await sdk.digest()).toString("hex"));
    }
  });
});

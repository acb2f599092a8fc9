import { describe, expect, it } from "vitest";
import { type Checksums, mismatch } from "../src/checksum.ts";

const bytes = new TextEncoder().encode("123456789");
/** Check values of the CRC catalogue and of FIPS 180-4's algorithms, in base64. */
const right: [keyof Checksums, string][] = [
  ["ChecksumCRC64NVME", Buffer.from("ae8b14860a799888", "hex").toString("base64")],
  ["ChecksumCRC32", Buffer.from("cbf43926", "hex").toString("base64")],
  ["ChecksumCRC32C", Buffer.from("e3069283", "hex").toString("base64")],
  ["ChecksumSHA1", Buffer.from("f7c3bc1d808e04732adf679965ccc34ca7ae3441", "hex").toString("base64")],
  ["ChecksumSHA256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="],
];

describe("the checksum of a whole object", () => {
  it.each(right)("%s is checked", async (name, value) => {
    expect(await mismatch({ [name]: value }, bytes)).toBeUndefined();
    expect(await mismatch({ [name]: value }, bytes.toReversed())).toBe(name.replace("Checksum", ""));
  });

  it("says nothing where there is none, or one of a multipart upload's parts", async () => {
    expect(await mismatch({}, bytes)).toBeUndefined();
    expect(await mismatch({ ChecksumCRC32: "AAAAAA==", ChecksumType: "COMPOSITE" }, bytes)).toBeUndefined();
    expect(await mismatch({ ChecksumCRC32: "AAAAAA==-3" }, bytes)).toBeUndefined();
  });
});

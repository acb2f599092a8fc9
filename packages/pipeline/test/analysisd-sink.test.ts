import { maxEventBytes } from "@threatlockdown/analysisd-client";
import { bufferSource, open, rows } from "@threatlockdown/parquet-reader";
import { makeObject } from "@threatlockdown/tooling-lake";
import { expect, it } from "vitest";
import { createAnalysisdSink } from "../src/analysisd-sink.ts";
import { parseObjectKey } from "../src/object-key.ts";

const generated = makeObject({ source: "waf_2_0", rows: 40, seed: 1 });
const object = {
  bucket: "b",
  key: generated.key,
  etag: generated.etag,
  lastModified: new Date(),
  origin: parseObjectKey(generated.key),
  source: bufferSource(generated.bytes),
};

it("sends each wanted event bare, and copies it before the batch is used again", async () => {
  const sent: Uint8Array[] = [];
  let accepted = 0;
  const sink = createAnalysisdSink(
    {
      async send(events) {
        await Promise.resolve();
        sent.push(...events);
      },
      close() {},
    },
    { field: "action", pattern: /^Denied$/ },
  );
  const signal = new AbortController().signal;
  for await (const batch of rows(await open(generated.bytes), { maxRows: 7, columns: ["action"] })) {
    accepted += (await sink.write(batch, object, signal)).stored;
  }
  const expected = [...generated.events("omit")].filter(({ action }) => action !== "Denied");
  expect(sent.map((event) => JSON.parse(Buffer.from(event).toString()))).toEqual(JSON.parse(JSON.stringify(expected)));
  expect(accepted).toBe(expected.length);
  expect(Math.max(...sent.map(({ length }) => length))).toBeLessThanOrEqual(maxEventBytes);
});

import { type BulkBody, BulkBodyBuilder } from "@threatlockdown/indexer-client";
import { rows as batches, bufferSource, open } from "@threatlockdown/parquet-reader";
import { createDocuments, type Documents, documentColumns, parseObjectKey } from "@threatlockdown/pipeline";
import { createRuleset } from "@threatlockdown/ruleset";
import { type LakeObject, makeObject, type SourceName } from "@threatlockdown/tooling-lake";

const lake = "aws-security-data-lake-eu-west-2-8ugsus4ztnsfpjbldwbgf4vge98av9";

/** Makes the documents that the subscriber makes, by all of its rules. */
export function createRenderer(): Documents {
  return createDocuments({ name: "manager" }, createRuleset());
}

/** The documents of an object, in a body for each batch of rows. */
export async function render(renderer: Documents, bucket: string, object: LakeObject): Promise<BulkBody[]> {
  const { key, etag, bytes } = object;
  const source = bufferSource(bytes);
  const lastModified = new Date();
  const bodies: BulkBody[] = [];
  for await (const batch of batches(await open(bytes), { columns: documentColumns })) {
    bodies.push(renderer.render(batch, { bucket, key, etag, lastModified, origin: parseObjectKey(key), source }));
  }
  return bodies;
}

/** The same, of one source and all for `index`: `count` of them in bodies of `each`, as objects bring them. */
export async function alertDocuments(
  source: SourceName,
  { count, each, index }: { readonly count: number; readonly each: number; readonly index: string },
): Promise<BulkBody[]> {
  const to = Date.UTC(2026, 10, 24, 9);
  const from = to - 3_600_000;
  const renderer = createRenderer();
  const builder = new BulkBodyBuilder();
  const bodies: BulkBody[] = [];
  for (let seed = 0; seed * each < count; seed++) {
    const rows = Math.min(each, count - seed * each);
    const object = makeObject({ source, rows, seed: `alerts ${source} ${seed}`, from, to });
    for (const body of await render(renderer, lake, object)) {
      for (const [id, document] of documentsOf(body)) {
        builder.begin(index, id);
        builder.append(document);
        builder.end();
      }
    }
    bodies.push(builder.take());
  }
  return bodies;
}

/** The documents of a body, with their ids. */
export function* documentsOf({ bytes, offsets, count }: BulkBody): Generator<[id: string, document: Uint8Array]> {
  for (let i = 0; i < count; i++) {
    const action = bytes.indexOf(10, offsets[i]);
    const { create } = JSON.parse(Buffer.from(bytes.subarray(offsets[i], action)).toString()) as {
      readonly create: { readonly _id: string };
    };
    yield [create._id, bytes.subarray(action + 1, (offsets[i + 1] as number) - 1)];
  }
}

/** The bytes of neighbouring bodies joined to requests of about `bytes`. */
export function requestsOf(bodies: readonly BulkBody[], bytes: number): Buffer[] {
  const requests: Buffer[] = [];
  let parts: Uint8Array[] = [];
  let size = 0;
  for (const body of bodies) {
    if (size > 0 && size + body.bytes.length > bytes) {
      requests.push(Buffer.concat(parts));
      parts = [];
      size = 0;
    }
    parts.push(body.bytes);
    size += body.bytes.length;
  }
  if (size > 0) requests.push(Buffer.concat(parts));
  return requests;
}

import { type BulkBody, BulkBodyBuilder } from "@threatlockdown/indexer-client";
import { makeObject, type SourceName } from "@threatlockdown/tooling-lake";

const encoder = new TextEncoder();

/** Alert documents of one source, in bodies of some rows as objects bring them; nulls left out, as the reader does. */
export function alertDocuments(source: SourceName, rows: number, rowsPerBody: number, index: string): BulkBody[] {
  const to = Date.UTC(2026, 10, 24, 9);
  const object = makeObject({ source, rows, seed: `alerts ${source}`, from: to - 3_600_000, to });
  const envelope = encoder.encode(
    `"@timestamp":"2026-11-24T08:23:54.162Z","rule":{"level":3,"description":"Amazon Security Lake: ${source}","id":"99001","firedtimes":1,"mail":false,"groups":["amazon_security_lake","aws"],"mitre":{"id":["T1078.004"],"tactic":["Initial Access"],"technique":["Cloud Accounts"]}},"agent":{"id":"000","name":"manager"},"manager":{"name":"manager"},"decoder":{"name":"json"},"input":{"type":"log"},"location":"Wazuh-AWS","data":`,
  );
  const origin = encoder.encode(
    `,"security_lake":{"bucket":"aws-security-data-lake-eu-west-2-8ugsus4ztnsfpjbldwbgf4vge98av9","key":"${object.key}","etag":"${object.etag}","source":"${source}","source_version":"2.0","region":"eu-west-2","account":"123456789012","event_day":"2026-11-24","row":`,
  );
  const bodies: BulkBody[] = [];
  const builder = new BulkBodyBuilder();
  let row = 0;
  for (const event of object.events("omit")) {
    builder.begin(index, `q8Wm3cQyT0uYh5pXvR7kAg-${row}`);
    builder.append(encoder.encode(`{"timestamp":"${new Date(Number(event.time)).toISOString()}",`));
    builder.append(envelope);
    builder.append(encoder.encode(JSON.stringify(event, plain)));
    builder.append(origin);
    builder.append(encoder.encode(`${row}}}`));
    builder.end();
    row++;
    if (builder.count === rowsPerBody) bodies.push(builder.take());
  }
  if (builder.count > 0) bodies.push(builder.take());
  return bodies;
}

function plain(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
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

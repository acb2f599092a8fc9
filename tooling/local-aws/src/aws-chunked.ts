import { AwsError } from "./aws-error.ts";
import type { HttpRequest } from "./request.ts";
import { type Signature, sha256, signText } from "./sigv4.ts";

export interface Payload {
  readonly body: Buffer;
  /** Lower-case names; checksums that came after the body. */
  readonly trailers: ReadonlyMap<string, string>;
}

const malformed = (): AwsError =>
  new AwsError(400, "IncompleteBody", "The request body terminated unexpectedly or is not in the aws-chunked form.");

/**
 * Takes the aws-chunked encoding off a body and, where its chunks are signed, checks their signatures.
 * Source: Amazon S3 API Reference, "Signature Calculations … Transferring Payload in Multiple Chunks".
 */
export function decodeChunked(request: HttpRequest, kind: string, scope: Signature, secret: string): Payload {
  const signed = kind.startsWith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
  const { body } = request;
  const chunks: Buffer[] = [];
  let previous = scope.signature;
  const check = (given: string | undefined, algorithm: string, ...lines: string[]): void => {
    const expected = signText(request, scope, secret, algorithm, previous, ...lines);
    if (given !== expected) {
      throw new AwsError(403, "SignatureDoesNotMatch", "The signature of a chunk does not match the one calculated.");
    }
    previous = expected;
  };
  let at = 0;
  for (;;) {
    const end = body.indexOf("\r\n", at);
    const head = /^([0-9a-fA-F]+)(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(
      end === -1 ? "" : body.toString("latin1", at, end),
    );
    if (head === null) throw malformed();
    const size = Number.parseInt(head[1] as string, 16);
    const chunk = body.subarray(end + 2, end + 2 + size);
    if (chunk.length !== size) throw malformed();
    if (signed) check(head[2], "AWS4-HMAC-SHA256-PAYLOAD", sha256(""), sha256(chunk));
    at = end + 2 + size;
    if (size === 0) break;
    chunks.push(chunk);
    at += 2;
  }
  const trailers = readTrailers(body.toString("latin1", at));
  const trailerSignature = trailers.get("x-amz-trailer-signature");
  if (signed && trailerSignature !== undefined) {
    const lines = [...trailers].filter(([name]) => name !== "x-amz-trailer-signature");
    check(trailerSignature, "AWS4-HMAC-SHA256-TRAILER", sha256(lines.map(([n, v]) => `${n}:${v}\n`).join("")));
  }
  const decoded = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
  const promised = request.headers["x-amz-decoded-content-length"];
  if (promised !== undefined && Number(promised) !== decoded.length) throw malformed();
  return { body: decoded, trailers };
}

function readTrailers(text: string): Map<string, string> {
  return new Map(
    text
      .split("\r\n")
      .filter((line) => line.includes(":"))
      .map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
      }),
  );
}

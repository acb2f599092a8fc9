import { createHmac, hash } from "node:crypto";
import { encode, type HttpRequest, headerOf, queryPairs } from "./request.ts";

/** The parts of an `Authorization: AWS4-HMAC-SHA256 …` header. */
export interface Signature {
  readonly accessKeyId: string;
  /** YYYYMMDD */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

const authorization =
  /^AWS4-HMAC-SHA256\s+Credential=([^/\s]+)\/(\d{8})\/([^/\s]+)\/([^/\s]+)\/aws4_request,\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/;

export function readSignature(request: HttpRequest): Signature | undefined {
  const match = authorization.exec(request.headers.authorization ?? "");
  if (match === null) return undefined;
  const [, accessKeyId, date, region, service, signedHeaders, signature] = match as unknown as string[];
  return {
    accessKeyId: accessKeyId as string,
    date: date as string,
    region: region as string,
    service: service as string,
    signedHeaders: (signedHeaders as string).split(";"),
    signature: signature as string,
  };
}

/** `x-amz-date`, else `date`, in ms since the epoch; NaN when there is neither. */
export function signedAt(request: HttpRequest): number {
  const stamp = headerOf(request, "x-amz-date");
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp ?? "");
  if (parts === null) return Date.parse(stamp ?? request.headers.date ?? "");
  const [, year, month, day, hour, minute, second] = parts.map(Number) as number[];
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
}

/** The form of `x-amz-date`: 20260924T101112Z. */
export function timestamp(at: number): string {
  return new Date(at).toISOString().replace(/[-:]|\.\d+/g, "");
}

export function sha256(data: string | Uint8Array): string {
  return hash("sha256", data, "hex");
}

/**
 * Signature Version 4 of a request, by the headers that it says it has signed.
 * Source: AWS IAM User Guide, "Create a signed AWS API request".
 */
export function signatureOf(request: HttpRequest, scope: Signature, secret: string, payloadHash: string): string {
  const canonical = [
    request.method,
    canonicalPath(request.path, scope.service),
    canonicalQuery(request.rawQuery),
    ...scope.signedHeaders.map((name) => `${name}:${canonicalValue(headerOf(request, name))}`),
    "",
    scope.signedHeaders.join(";"),
    payloadHash,
  ].join("\n");
  return signText(request, scope, secret, "AWS4-HMAC-SHA256", sha256(canonical));
}

/** Signs `lines` in the scope of a request; also what each chunk of a signed stream is signed by. */
export function signText(
  request: HttpRequest,
  scope: Signature,
  secret: string,
  algorithm: string,
  ...lines: readonly string[]
): string {
  const credentialScope = `${scope.date}/${scope.region}/${scope.service}/aws4_request`;
  const text = [algorithm, timestamp(signedAt(request)), credentialScope, ...lines].join("\n");
  return createHmac("sha256", signingKey(secret, scope)).update(text).digest("hex");
}

/** S3 signs the path as it is sent; the others encode its segments once more. */
function canonicalPath(path: string, service: string): string {
  if (path === "/" || service === "s3") return path;
  return path.split("/").map(encode).join("/");
}

function canonicalQuery(rawQuery: string): string {
  if (rawQuery === "") return "";
  return queryPairs(rawQuery)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join("&");
}

function canonicalValue(value: string | undefined): string {
  return (value ?? "").trim().replace(/\s+/g, " ");
}

const signingKeys = new Map<string, Buffer>();

function signingKey(secret: string, { date, region, service }: Signature): Buffer {
  const id = `${secret}/${date}/${region}/${service}`;
  let key = signingKeys.get(id);
  if (key === undefined) {
    if (signingKeys.size >= 1000) signingKeys.clear();
    key = [date, region, service, "aws4_request"].reduce<Buffer>(
      (parent, part) => createHmac("sha256", parent).update(part).digest(),
      Buffer.from(`AWS4${secret}`),
    );
    signingKeys.set(id, key);
  }
  return key;
}

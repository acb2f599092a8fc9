import { isIP } from "node:net";
import { decode, type HttpRequest } from "../request.ts";

export interface Address {
  readonly bucket: string | undefined;
  /** Decoded. */
  readonly key: string | undefined;
}

/** Bucket and key, from the host name (virtual-host style) or the path. */
export function readAddress(request: HttpRequest): Address {
  const host = bucketOfHost(hostName(request.headers.host ?? ""));
  const path = request.path.slice(1);
  if (host !== undefined) return { bucket: host, key: path === "" ? undefined : decode(path) };
  if (path === "") return { bucket: undefined, key: undefined };
  const slash = path.indexOf("/");
  if (slash === -1 || slash === path.length - 1) return { bucket: decode(path.replace("/", "")), key: undefined };
  return { bucket: decode(path.slice(0, slash)), key: decode(path.slice(slash + 1)) };
}

function hostName(host: string): string {
  return host
    .replace(/:\d+$/, "")
    .replace(/^\[|\]$/g, "")
    .toLowerCase();
}

/**
 * What stands before the endpoint's own name: `b.s3.eu-west-1.amazonaws.com`, `b.s3-fips.us-east-1…`, `b.s3.localhost`,
 * `b.bucket.vpce-….s3.us-east-1.vpce.amazonaws.com`, `b.localhost`. Other hosts are taken for endpoints.
 */
export function bucketOfHost(host: string): string | undefined {
  if (isIP(host) !== 0) return undefined;
  const labels = host.split(".");
  const endpoint = labels.findLastIndex((label) => label === "s3" || label.startsWith("s3-"));
  if (endpoint === -1) return labels.at(-1) === "localhost" ? name(labels.slice(0, -1)) : undefined;
  const before = labels.slice(0, endpoint);
  const vpce = before.findLastIndex((label) => label.startsWith("vpce-"));
  if (vpce === -1) return name(before);
  return before[vpce - 1] === "bucket" ? name(before.slice(0, vpce - 1)) : undefined;
}

function name(labels: readonly string[]): string | undefined {
  return labels.length === 0 ? undefined : labels.join(".");
}

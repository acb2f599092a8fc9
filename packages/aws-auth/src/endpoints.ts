import { isIP } from "node:net";
import { AuthError } from "./errors.ts";

/**
 * The URL of an endpoint that is given as a host, a host and port, or a URL. A host alone is reached over HTTPS.
 * @throws {AuthError} `AUTH_SETTING` when it is none of them
 */
export function endpointUrl(text: string): string {
  const given = text.trim();
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `https://${given}`;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.hostname === "" || /[\s*]/.test(given))
    throw new AuthError("AUTH_SETTING", `"${withoutUser(given)}" is no endpoint; give a host name or an https:// URL`);
  if (parsed.username !== "" || parsed.password !== "" || parsed.search !== "" || parsed.hash !== "")
    throw new AuthError("AUTH_SETTING", `endpoint ${parsed.host}: give scheme, host and port only`);
  return `${parsed.protocol}//${parsed.host}${parsed.pathname.replace(/\/+$/, "")}`;
}

function withoutUser(text: string): string {
  return text.replace(/\/\/[^/@]*@/, "//");
}

/** What an S3 client is made with. */
export interface S3Endpoint {
  readonly endpoint: string;
  /** Where a bucket cannot be a part of the host name. */
  readonly forcePathStyle: boolean;
}

/**
 * The endpoint of S3 as users write it. An interface endpoint of a VPC serves buckets under `bucket.vpce-…`, which the SDK
 * puts the bucket's name in front of; it is written here also for those who gave the endpoint's own name, the `*.vpce-…`
 * of the console, or the name with a bucket in front (Amazon S3 User Guide, "Accessing Amazon S3 interface endpoints").
 * @throws {AuthError} `AUTH_SETTING` when it is no endpoint
 */
export function s3Endpoint(text: string): S3Endpoint {
  const endpoint = endpointUrl(text.replace(/^((?:https?:\/\/)?)\*\./i, "$1"));
  const { protocol, host, hostname } = new URL(endpoint);
  const [, vpce] = /^(?:.*\.)?(vpce-[a-z0-9-]+\.s3\.[a-z0-9-]+\.vpce\.[a-z0-9.]+(?::\d+)?)$/.exec(host) ?? [];
  if (vpce !== undefined) return { endpoint: `${protocol}//bucket.${vpce}`, forcePathStyle: false };
  return { endpoint, forcePathStyle: !hostname.includes(".") || isIP(hostname.replace(/^\[|\]$/g, "")) !== 0 };
}

export interface KeyParts {
  readonly prefix?: "aws" | "ext";
  /** As in the key: CLOUD_TRAIL_MGMT, or a custom source's name. */
  readonly source: string;
  /** Left out where undefined, as custom sources may. */
  readonly version?: string | undefined;
  readonly region: string;
  readonly account: string;
  /** Milliseconds since 1970; the key has its UTC day. */
  readonly time: number;
  /** File name with its ending. */
  readonly file: string;
}

/** The key under which Security Lake keeps an object of a source. */
export function objectKey({ prefix = "aws", source, version, region, account, time, file }: KeyParts): string {
  const day = new Date(time).toISOString().slice(0, 10).replaceAll("-", "");
  const place = version === undefined ? source : `${source}/${version}`;
  return `${prefix}/${place}/region=${region}/accountId=${account}/eventDay=${day}/${file}`;
}

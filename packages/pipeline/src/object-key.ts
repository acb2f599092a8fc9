/** What the key of a Security Lake object says of its events. Each part may be absent: custom sources choose their own names. */
export interface ObjectKey {
  /** `CLOUD_TRAIL_MGMT`, `VPC_FLOW`, … or the name of the custom source. */
  readonly source?: string;
  /** `1.0`, `2.0`; absent in the preview layout and for most custom sources. */
  readonly sourceVersion?: string;
  readonly region?: string;
  readonly account?: string;
  /** `YYYYMMDD` */
  readonly eventDay?: string;
}

const partition = /^(region|accountid|eventday|eventhour)=(.*)$/i;

/**
 * Reads `aws/<SOURCE>/<version>/region=<r>/accountId=<a>/eventDay=<d>/<name>` and `ext/<source>/[<version>/]…`.
 *
 * Source: Amazon Security Lake User Guide, «Collecting data from custom sources» and «Source identification»; keys of
 * the preview carry `eventHour=YYYYMMDDHH` and no version.
 */
export function parseObjectKey(key: string): ObjectKey {
  const segments = key.split("/");
  const parsed: { -readonly [K in keyof ObjectKey]: ObjectKey[K] } = {};
  if (segments[0] === "aws" || segments[0] === "ext") {
    if (segments[1] && !partition.test(segments[1])) parsed.source = segments[1];
    if (segments[2] && /^(\d+(\.\d+)*|latest)$/.test(segments[2])) parsed.sourceVersion = segments[2];
  }
  for (const segment of segments.slice(0, -1)) {
    const [, name, value] = partition.exec(segment) ?? [];
    if (!name || !value) continue;
    if (name.toLowerCase() === "region") parsed.region = value;
    else if (name.toLowerCase() === "accountid") parsed.account = value;
    else if (/^\d{8}/.test(value)) parsed.eventDay = value.slice(0, 8);
  }
  return parsed;
}

/** Iceberg keeps its own files beside the data of source version 2: `<source>/<version>/metadata/*.avro`, `*.metadata.json`. */
export function isIcebergMetadata(key: string): boolean {
  return (
    /\/metadata\/[^/]+\.(avro|metadata\.json|stats|puffin)$/.test(key) || key.endsWith("/metadata/version-hint.text")
  );
}

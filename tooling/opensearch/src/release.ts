/** A file of a Maven repository, with what it must be: nothing else is ever unpacked. */
export interface Artifact {
  readonly groupId: string;
  readonly artifactId: string;
  readonly version: string;
  readonly extension: "zip";
  readonly bytes: number;
  readonly sha512: string;
}

/** Feature versions of Java, both ends included; `to` is absent where no upper end is known. */
export interface JavaRange {
  readonly from: number;
  readonly to?: number;
}

export interface Release {
  readonly server: Artifact;
  readonly security: Artifact;
  readonly java: JavaRange;
}

export type Version = "2.19.1" | "3.4.0";

/** What the indexers of the Wazuh 4.12–4.14 family are built on. */
export const defaultVersion: Version = "2.19.1";

function server(version: string, bytes: number, sha512: string): Artifact {
  const groupId = "org.opensearch.distribution.integ-test-zip";
  return { groupId, artifactId: "opensearch", version, extension: "zip", bytes, sha512 };
}

function security(version: string, bytes: number, sha512: string): Artifact {
  const groupId = "org.opensearch.plugin";
  return { groupId, artifactId: "opensearch-security", version, extension: "zip", bytes, sha512 };
}

export const releases: Readonly<Record<Version, Release>> = {
  "2.19.1": {
    server: server(
      "2.19.1",
      51_391_430,
      "0bed69daad3c80e1302a0dba083f04f5accbb94ba8451052822ec065d24432fe096e329d6971758a8a021025b0302ee5b27eb5d89506853d8be736305f407651",
    ),
    security: security(
      "2.19.1.0",
      43_828_219,
      "89db39616847243fc02392c224164828caccd445ccf85143846ad1e382362f3cf1ce22f87052631eff1fa573dd1d0e6a2e12a54fe8947674cee552b10b736b8a",
    ),
    // Java 24 removed the security manager, without which 2.x refuses to start.
    java: { from: 11, to: 23 },
  },
  "3.4.0": {
    server: server(
      "3.4.0",
      133_384_684,
      "18cb16a9d251f8e915fbc0ab64b53d2f1ee9299829673c7357446041ae42fe2094ab16c899edd944bd39aa49ed3aae799b1ff04084a1220d6c6676734a392117",
    ),
    security: security(
      "3.4.0.0",
      49_263_978,
      "aad7c7fb11d17fe6866d93b05a2d3eb581d43c29bd4455371943efe5cfe2f6b0c6003597e45e2dd8b676fe4f88d677e24b055207ab5d6cfc7bb57a45a608b09a",
    ),
    java: { from: 21 },
  },
};

export function takesJava(range: JavaRange, feature: number): boolean {
  return feature >= range.from && feature <= (range.to ?? Number.POSITIVE_INFINITY);
}

export function describeJava(range: JavaRange): string {
  return range.to === undefined ? `Java ${range.from} or later` : `Java ${range.from} to ${range.to}`;
}

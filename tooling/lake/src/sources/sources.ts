import type { Codec } from "../parquet/codec/codec.ts";
import { type Layout, readTable, type Table } from "../table.ts";
import { cloudTrailManagement, cloudTrailManagementV1, lambdaExecution, s3Data } from "./cloudtrail.ts";
import { identityProvider } from "./custom.ts";
import { eksAudit } from "./eks-audit.ts";
import { route53, route53V1 } from "./route53.ts";
import { securityHub, securityHubV1 } from "./security-hub.ts";
import { vpcFlow, vpcFlowV1 } from "./vpc-flow.ts";
import { waf } from "./waf.ts";
import type { Setting } from "./world.ts";

/** A source is a table and a function that makes one row of it for a time (milliseconds since 1970). */
export interface Source {
  readonly table: Table;
  readonly row: (setting: Setting, time: number) => Record<string, unknown>;
  /** Prefix of its objects: AWS's own sources or those of others. */
  readonly prefix: "aws" | "ext";
  readonly layout: Layout;
  readonly codec: Codec;
}

const rows = {
  cloud_trail_mgmt_1_0: cloudTrailManagementV1,
  vpc_flow_1_0: vpcFlowV1,
  route53_1_0: route53V1,
  sh_findings_1_0: securityHubV1,
  cloud_trail_mgmt_2_0: cloudTrailManagement,
  s3_data_2_0: s3Data,
  lambda_execution_2_0: lambdaExecution,
  vpc_flow_2_0: vpcFlow,
  route53_2_0: route53,
  sh_findings_2_0: securityHub,
  eks_audit_2_0: eksAudit,
  waf_2_0: waf,
  identity_provider: identityProvider,
} as const satisfies Record<string, Source["row"]>;

export type SourceName = keyof typeof rows;

/** AWS's twelve, and one custom source at the end. */
export const sourceNames: readonly SourceName[] = Object.keys(rows) as SourceName[];

const tables = new Map<SourceName, Table>();

export function sourceOf(name: SourceName): Source {
  const table = tables.get(name) ?? readTable(name);
  tables.set(name, table);
  const custom = name === "identity_provider";
  return {
    table,
    row: rows[name],
    prefix: custom ? "ext" : "aws",
    layout: custom ? "modern" : "asl",
    codec: custom ? "zstd" : "gzip",
  };
}

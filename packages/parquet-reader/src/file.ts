import { defaultLimits, type Limits } from "./limits.ts";
import { type Footer, type Metadata, readFooter } from "./metadata.ts";
import { type Plan, planOf, project } from "./plan.ts";
import type { SchemaElement } from "./schema.ts";
import { type ByteSource, bufferSource } from "./source.ts";

export interface OpenOptions {
  /** Limits that differ from `defaultLimits`. */
  readonly limits?: Partial<Limits>;
}

/** An open file: its footer and what its schema means. No page has been read. */
export interface ParquetFile {
  readonly metadata: Metadata;
  readonly schema: SchemaElement;
  readonly rowCount: number;
  /** @internal */
  readonly footer: Footer;
  /** @internal */
  readonly plan: Plan;
  /** @internal */
  readonly limits: Limits;
  /** @internal */
  readonly source: ByteSource;
}

/**
 * Opens a file by its footer.
 * @throws ParquetError when it is no Parquet file, or one that this reader cannot read.
 */
export async function open(source: ByteSource | Uint8Array, options: OpenOptions = {}): Promise<ParquetFile> {
  const limits: Limits = { ...defaultLimits, ...options.limits };
  const bytes = source instanceof Uint8Array ? bufferSource(source) : source;
  const footer = await readFooter(bytes, limits);
  const plan = planOf(footer, limits);
  return { metadata: footer, schema: plan.schema, rowCount: footer.rowCount, footer, plan, limits, source: bytes };
}

/** Whether a path, of the schema or of the rows, names a column or a group of the file. */
export function hasPath({ plan }: ParquetFile, path: string): boolean {
  return project(plan, [path]).length > 0;
}

import { nearestVersion } from "./version.ts";

/** A version of OCSF, compiled: inheritance, includes, profiles and extensions resolved. Keys are short, files are large. */
export interface Catalog {
  readonly version: string;
  readonly categories: Readonly<Record<string, { readonly name: string; readonly caption: string }>>;
  readonly profiles: Readonly<Record<string, unknown>>;
  readonly types: Readonly<Record<string, ScalarType>>;
  /** From a value, as text, to its caption. */
  readonly enums: readonly Readonly<Record<string, string>>[];
  /** By `class_uid`. */
  readonly classes: Readonly<Record<string, ClassDefinition>>;
  readonly objects: Readonly<Record<string, ObjectDefinition>>;
}

export interface ObjectDefinition {
  readonly caption: string;
  /** None at all: anything goes. */
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly constraints?: Constraints;
  readonly deprecated?: unknown;
}

export interface ClassDefinition extends ObjectDefinition {
  readonly name: string;
  readonly category_uid: number;
}

export interface Constraints {
  readonly at_least_one?: readonly string[];
  readonly just_one?: readonly string[];
}

export interface Attribute {
  /** Scalar type. */
  readonly t?: string;
  /** Object type. */
  readonly o?: string;
  /** An array. */
  readonly a?: 1;
  /** 2 required, 1 recommended, absent: optional. */
  readonly r?: 1 | 2;
  /** Only where this profile, or one of these, is in `metadata.profiles`. */
  readonly p?: string | readonly string[];
  /** Place of its values in `enums`. */
  readonly e?: number;
  /** The attribute that holds the caption of its value. */
  readonly s?: string;
  /** Deprecated since. */
  readonly d?: string;
}

export interface ScalarType {
  readonly base?: string;
  readonly max_len?: number;
  readonly range?: readonly [number, number];
  readonly regex?: string;
}

/** The versions that there is a catalog of, oldest first. */
export const catalogVersions = ["1.0.0-rc.2", "1.0.0", "1.1.0", "1.3.0", "1.5.0", "1.6.0", "1.8.0"] as const;

export type CatalogVersion = (typeof catalogVersions)[number];

/** Each catalog is a file of its own, loaded when it is first needed: who only classifies never loads one. */
const loaders: Readonly<Record<CatalogVersion, () => Promise<{ readonly default: unknown }>>> = {
  "1.0.0-rc.2": () => import("./data/catalog-1.0.0-rc.2.json", { with: { type: "json" } }),
  "1.0.0": () => import("./data/catalog-1.0.0.json", { with: { type: "json" } }),
  "1.1.0": () => import("./data/catalog-1.1.0.json", { with: { type: "json" } }),
  "1.3.0": () => import("./data/catalog-1.3.0.json", { with: { type: "json" } }),
  "1.5.0": () => import("./data/catalog-1.5.0.json", { with: { type: "json" } }),
  "1.6.0": () => import("./data/catalog-1.6.0.json", { with: { type: "json" } }),
  "1.8.0": () => import("./data/catalog-1.8.0.json", { with: { type: "json" } }),
};

/** The catalog of a version, or of the nearest lower one; of the oldest if all are newer, of the newest if it is none. */
export async function loadCatalog(version: string): Promise<Catalog> {
  const { default: catalog } = await loaders[nearestVersion(catalogVersions, version)]();
  return catalog as Catalog;
}

import {
  type Attribute,
  type Catalog,
  type ClassDefinition,
  catalogVersions,
  loadCatalog,
  type ObjectDefinition,
} from "./catalog.ts";
import { brokenConstraint } from "./constraints.ts";
import { isWhole, kindOf, scalarProblem } from "./scalar.ts";
import { compareVersions } from "./version.ts";

/** Names and levels of issues are those of the validator of the OCSF server. */
export const issueLevels = {
  attribute_deprecated: "warning",
  attribute_enum_sibling_incorrect: "warning",
  attribute_enum_sibling_suspicious_other: "warning",
  attribute_enum_value_unknown: "error",
  attribute_recommended_missing: "warning",
  attribute_required_missing: "error",
  attribute_unknown: "error",
  attribute_value_exceeds_max_len: "error",
  attribute_value_exceeds_range: "error",
  attribute_value_regex_not_matched: "warning",
  attribute_wrong_type: "error",
  class_deprecated: "warning",
  class_uid_unknown: "error",
  constraint_failed: "error",
  object_deprecated: "warning",
  profile_unknown: "error",
  type_uid_incorrect: "error",
  version_incompatible: "error",
  version_incorrect: "warning",
} as const;

export type IssueCode = keyof typeof issueLevels;

export interface Issue {
  readonly level: "error" | "warning";
  readonly code: IssueCode;
  /** Such as `resources[0].uid`; empty for the event itself. */
  readonly path: string;
  /** What is wrong. Of the event it shows nothing but `class_uid` and names of profiles. */
  readonly message: string;
}

export interface Validation {
  /** Version of the catalog that the event was held against. */
  readonly catalog: string;
  /** No errors; there may be warnings. */
  readonly valid: boolean;
  readonly issues: readonly Issue[];
}

export interface ValidateOptions {
  /** Whether a recommended attribute that is missing is worth a warning: events lack dozens of them. Default false. */
  readonly recommended?: boolean;
}

/**
 * Holds an event against the catalog of its own version, or of the nearest lower one. It only tells: nothing is changed,
 * nothing thrown for what an event holds.
 *
 * A null is a missing attribute, and so is an object that holds nothing but nulls (a Parquet file has its columns for
 * every row), unless it is required: then it is there and empty.
 */
export async function validate(event: object, options: ValidateOptions = {}): Promise<Validation> {
  const version = (event as OcsfEvent).metadata?.version;
  const wanted = typeof version === "string" ? version : newestCatalog;
  return validateAgainst(await loadCatalog(wanted), event, options);
}

/** As {@link validate}, against a catalog that the caller has loaded. */
export function validateAgainst(
  catalog: Catalog,
  event: object,
  { recommended = false }: ValidateOptions = {},
): Validation {
  const issues: Issue[] = [];
  const report: Report = (code, path, message) => {
    if (code === "attribute_recommended_missing" && !recommended) return;
    issues.push({ level: issueLevels[code], code, path, message });
  };
  checkEvent(catalog, event as OcsfEvent, report);
  return { catalog: catalog.version, valid: issues.every(({ level }) => level === "warning"), issues };
}

const newestCatalog: string = catalogVersions[catalogVersions.length - 1];

type Report = (code: IssueCode, path: string, message: string) => void;
type Members = Readonly<Record<string, unknown>>;

interface OcsfEvent extends Members {
  readonly metadata?: { readonly version?: unknown; readonly profiles?: unknown } | null;
}

/** What stays the same on the way down through an event. */
interface Context {
  readonly catalog: Catalog;
  readonly profiles: ReadonlySet<unknown>;
  readonly report: Report;
}

function checkEvent(catalog: Catalog, event: OcsfEvent, report: Report): void {
  checkVersion(catalog, event, report);
  const definition = classOf(catalog, event, report);
  if (definition === undefined) return;
  const context = { catalog, profiles: checkProfiles(catalog, event, report), report };
  if (definition.deprecated !== undefined)
    report("class_deprecated", "class_uid", `class ${definition.name} is deprecated`);
  checkMembers(context, definition, event, "");
  checkTypeUid(event, report);
}

function checkVersion(catalog: Catalog, event: OcsfEvent, report: Report): void {
  const version = event.metadata?.version;
  if (typeof version !== "string" || version === catalog.version) return;
  const known = compareVersions(version, catalogVersions[0]) >= 0 && compareVersions(version, newestCatalog) <= 0;
  report(
    known ? "version_incorrect" : "version_incompatible",
    "metadata.version",
    `there is no catalog of this version, so the event was held against ${catalog.version}`,
  );
}

function classOf(catalog: Catalog, event: OcsfEvent, report: Report): ClassDefinition | undefined {
  const uid = event.class_uid;
  if (isAbsent(uid)) {
    report("attribute_required_missing", "class_uid", "required attribute is missing");
  } else if (!isWhole(uid)) {
    report("attribute_wrong_type", "class_uid", `expected integer_t, got ${kindOf(uid)}`);
  } else {
    const definition = catalog.classes[String(uid)];
    if (definition === undefined)
      report("class_uid_unknown", "class_uid", `OCSF ${catalog.version} has no class ${uid}`);
    return definition;
  }
  return undefined;
}

function checkProfiles(catalog: Catalog, event: OcsfEvent, report: Report): ReadonlySet<unknown> {
  const profiles = event.metadata?.profiles;
  if (!Array.isArray(profiles)) return new Set();
  for (const [place, profile] of profiles.entries()) {
    if (typeof profile === "string" && !Object.hasOwn(catalog.profiles, profile)) {
      report("profile_unknown", `metadata.profiles[${place}]`, `OCSF ${catalog.version} has no profile "${profile}"`);
    }
  }
  return new Set(profiles);
}

function checkTypeUid(event: OcsfEvent, report: Report): void {
  const [type, classUid, activity] = [event.type_uid, event.class_uid, event.activity_id];
  if (!isWhole(type) || !isWhole(classUid) || !isWhole(activity)) return;
  const expected = Number(classUid) * 100 + Number(activity);
  if (Number(type) !== expected)
    report("type_uid_incorrect", "type_uid", `expected ${expected} (class_uid * 100 + activity_id)`);
}

/** An event, or an object somewhere in it, against its definition. */
function checkMembers(context: Context, definition: ObjectDefinition, members: Members, path: string): void {
  const names = Object.keys(definition.attributes);
  // The type "object" has no attributes, which means that it may have any.
  if (names.length === 0) return;
  const { report } = context;
  const allowed = new Set(names.filter((name) => inProfiles(definition.attributes[name], context.profiles)));
  for (const name of allowed) checkAttribute(context, definition.attributes[name], members, name, join(path, name));
  for (const name of Object.keys(members)) {
    if (!allowed.has(name) && !isAbsent(members[name])) {
      report("attribute_unknown", join(path, name), `${definition.caption} has no such attribute`);
    }
  }
  const broken = definition.constraints && brokenConstraint(definition.constraints, (name) => !isAbsent(members[name]));
  if (broken !== undefined) report("constraint_failed", path, broken);
}

function inProfiles({ p: profile }: Attribute, profiles: ReadonlySet<unknown>): boolean {
  return profile === undefined || [profile].flat().some((one) => profiles.has(one));
}

function checkAttribute(context: Context, attribute: Attribute, members: Members, name: string, path: string): void {
  const value = members[name];
  const { report } = context;
  if (value === null || value === undefined || (attribute.r !== 2 && isAbsent(value))) {
    if (attribute.r === 2) report("attribute_required_missing", path, "required attribute is missing");
    if (attribute.r === 1) report("attribute_recommended_missing", path, "recommended attribute is missing");
    return;
  }
  if (attribute.d !== undefined) report("attribute_deprecated", path, `deprecated since ${attribute.d}`);
  if (attribute.a === undefined) {
    checkValue(context, attribute, value, path);
    checkSibling(context, attribute, value, members, path);
  } else if (Array.isArray(value)) {
    for (const [place, element] of value.entries()) checkValue(context, attribute, element, `${path}[${place}]`);
  } else {
    report("attribute_wrong_type", path, `expected an array of ${attribute.o ?? attribute.t}, got ${kindOf(value)}`);
  }
}

function checkValue(context: Context, attribute: Attribute, value: unknown, path: string): void {
  const { catalog, report } = context;
  if (attribute.o !== undefined) {
    if (!isObject(value)) {
      report("attribute_wrong_type", path, `expected an object (${attribute.o}), got ${kindOf(value)}`);
      return;
    }
    const definition = catalog.objects[attribute.o];
    if (definition.deprecated !== undefined) report("object_deprecated", path, `object ${attribute.o} is deprecated`);
    checkMembers(context, definition, value, path);
    return;
  }
  const problem = scalarProblem(catalog.types, attribute.t as string, value);
  if (problem !== undefined) report(problem.code, path, problem.message);
  else if (attribute.e !== undefined && !Object.hasOwn(catalog.enums[attribute.e], String(value))) {
    report("attribute_enum_value_unknown", path, "the value is none of those that OCSF defines for it");
  }
}

const other = "99";

/** A caption beside a value: the caption of that value, but for "Other", where it is the source's own word. */
function checkSibling(
  { catalog, report }: Context,
  attribute: Attribute,
  value: unknown,
  members: Members,
  path: string,
): void {
  if (attribute.e === undefined || attribute.s === undefined) return;
  const caption = catalog.enums[attribute.e][String(value)];
  const sibling = members[attribute.s];
  if (caption === undefined || isAbsent(sibling)) return;
  const siblingPath = join(path.slice(0, Math.max(0, path.lastIndexOf("."))), attribute.s);
  if (String(value) === other) {
    if (caption === sibling)
      report(
        "attribute_enum_sibling_suspicious_other",
        siblingPath,
        `says "${caption}" instead of the source's own word`,
      );
  } else if (caption !== sibling) {
    report("attribute_enum_sibling_incorrect", siblingPath, `expected "${caption}"`);
  }
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function isAbsent(value: unknown): boolean {
  return value === null || value === undefined || (isObject(value) && Object.values(value).every(isAbsent));
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

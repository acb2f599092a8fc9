export {
  type Attribute,
  type Catalog,
  type CatalogVersion,
  type ClassDefinition,
  type Constraints,
  catalogVersions,
  loadCatalog,
  type ObjectDefinition,
  type ScalarType,
} from "./catalog.ts";
export { classify, type EventClass } from "./classify.ts";
export {
  type Issue,
  type IssueCode,
  issueLevels,
  type ValidateOptions,
  type Validation,
  validate,
  validateAgainst,
} from "./validate.ts";

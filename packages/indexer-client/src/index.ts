export { actionOf, type BulkBody, BulkBodyBuilder, sourceOf } from "./bulk-body.ts";
export { type BulkWriter, type BulkWriterOptions, createBulkWriter } from "./bulk-writer.ts";
export {
  type AwsCredentials,
  type BasicCredentials,
  type Client,
  type ConnectionOptions,
  connect,
  type SigV4,
} from "./connection.ts";
export { checkDashboards, setupDashboards } from "./dashboards.ts";
export { type DeadLetter, type DeadLetterOptions, type DocumentEntry, openDeadLetter } from "./dead-letter.ts";
export { IndexerError, type IndexerErrorCode } from "./errors.ts";
export type { IndexerEvent } from "./events.ts";
export type { Accepted } from "./open-writes.ts";
export { type Replayed, replay } from "./replay.ts";
export { type Role, setupRole, setupRoleName, writerRole, writerRoleName } from "./roles.ts";
export { type SavedObject, savedObjects, savedObjectsFile } from "./saved-objects.ts";
export {
  type ConnectionSettings,
  type CredentialVariables,
  credentialVariables,
  readConnection,
  readCredentials,
} from "./settings.ts";
export {
  checkSetup,
  type SetupOptions,
  type SetupStep,
  setup,
} from "./setup.ts";
export {
  indexPattern,
  indexTemplate,
  type Level,
  levels,
  type TemplateOptions,
  templateName,
  templatePriority,
} from "./template.ts";

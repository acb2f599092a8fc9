export { type BulkBody, BulkBodyBuilder } from "./bulk-body.ts";
export {
  type Accepted,
  type BulkWriter,
  type BulkWriterOptions,
  createBulkWriter,
  type IndexerEvent,
} from "./bulk-writer.ts";
export { type BasicCredentials, type ConnectionOptions, connect } from "./connection.ts";
export { type DeadLetter, type DeadLetterOptions, type DocumentEntry, openDeadLetter } from "./dead-letter.ts";
export { IndexerError, type IndexerErrorCode } from "./errors.ts";
export { checkSetup, type SetupOptions, type SetupStep, setup } from "./setup.ts";
export { indexPattern, indexTemplate, type Level, type TemplateOptions, templateName } from "./template.ts";

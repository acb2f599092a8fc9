export { type Authority, type Certificate, createAuthority } from "./certificates.ts";
export { OpenSearchError, type OpenSearchErrorCode } from "./errors.ts";
export { type Front, front } from "./front.ts";
export { type OnProgress, type Progress, progressLine } from "./progress.ts";
export { defaultVersion, type Version } from "./release.ts";
export type { Request } from "./request.ts";
export type { SecurityOptions, UserOptions } from "./security.ts";
export { type OpenSearch, type OpenSearchOptions, type Setting, startOpenSearch } from "./start.ts";

export { type LakeSettings, lakeCredentials, sessionName } from "./credentials.ts";
export { endpointUrl, type S3Endpoint, s3Endpoint } from "./endpoints.ts";
export { AuthError, type AuthErrorCode } from "./errors.ts";
export { type Circumstances, explain, isPassing, isUnanswered } from "./explain.ts";
export { type Agents, proxyAgents } from "./proxy.ts";
export { type RefreshOptions, refreshing } from "./refresh.ts";
export { findRegion, type RegionSettings, regionOf } from "./region.ts";
export { findSigner, type Signer, type SignerSettings } from "./signer.ts";
export { type Caller, findCaller, type StsSettings } from "./sts.ts";

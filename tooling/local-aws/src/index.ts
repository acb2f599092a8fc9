export type { EventForm, EventPattern, RuleTarget } from "./event-rule.ts";
export type { Effect, Fault, Faults, ServiceName, TextMatch } from "./faults.ts";
export type { Credentials } from "./identity.ts";
export {
  type AccountOptions,
  type LocalAws,
  type LocalAwsOptions,
  type MessageView,
  startLocalAws,
} from "./local-aws.ts";
export type { NotificationForm } from "./notifications.ts";
export type { PolicySource } from "./policy.ts";
export type { LoggedRequest, RequestFilter, RequestLog } from "./request-log.ts";
export type {
  Announcement,
  NewBucket,
  NewKey,
  NewObject,
  NewOidcProvider,
  NewQueue,
  NewRole,
  NewRule,
  NewUser,
  PutObjectResult,
} from "./seed.ts";
export { createSubscription, type Subscription, type SubscriptionOptions } from "./subscription.ts";

import { comparingAccounts } from "../accounts.ts";
import type { Check } from "../check.ts";
import { goingBy, subscriberParts } from "../configured.ts";
import { assumeRole, externalId } from "./assume-role.ts";
import { bucketPolicy } from "./bucket-policy.ts";
import { arriving, buckets } from "./buckets.ts";
import { clock } from "./clock.ts";
import { configuration } from "./configuration.ts";
import { credentials } from "./credentials.ts";
import { dashboardFields } from "./dashboard-fields.ts";
import { deadLetters } from "./dead-letters.ts";
import { disk } from "./disk.ts";
import { endpoints } from "./endpoints.ts";
import { indexer, indexerCertificate, indexerUser } from "./indexer.ts";
import { indexerLag } from "./indexer-lag.ts";
import { indexerProbe, indexerProbeLeftOut } from "./indexer-probe.ts";
import { indexerPermissions } from "./indexer-rights.ts";
import { indexerRetention, indexerTemplate } from "./indexer-setup.ts";
import { indexerBlocks, indexerHealth } from "./indexer-state.ts";
import { keys } from "./keys.ts";
import { lastRun } from "./last-run.ts";
import { messages } from "./messages.ts";
import { newestObjectCheck, newestObjectUntouched } from "./newest-object.ts";
import { notification } from "./notification.ts";
import { queue } from "./queue.ts";
import { queueDeadLetters } from "./queue-dead-letters.ts";
import { queueEncryption } from "./queue-encryption.ts";
import { queueName } from "./queue-name.ts";
import { queuePolicy } from "./queue-policy.ts";
import { region } from "./region.ts";
import { role } from "./role.ts";
import { rolePermissions } from "./role-permissions.ts";
import { runner } from "./runner.ts";
import { user } from "./user.ts";

export interface Effects {
  /** A message is received from the queue, and given back. */
  readonly receive: boolean;
  /** A document is written into the indexer, and removed. */
  readonly probe?: boolean;
}

const byIndexer = goingBy("indexer");
const byLake = goingBy("sqs_name", "iam_role_arn", "service_endpoint");
const bySubscriber = goingBy(...subscriberParts);

/** All checks, in the order of the report; what a check needs stands before it, and causes before their effects. */
export function checks({ receive, probe = true }: Effects): readonly Check[] {
  return [
    configuration,
    disk,
    runner,
    ...[
      indexer,
      indexerCertificate,
      indexerUser,
      indexerHealth,
      indexerBlocks,
      indexerPermissions,
      indexerTemplate,
      indexerRetention,
      probe ? indexerProbe : indexerProbeLeftOut,
    ].map(byIndexer),
    goingBy("indexer", "cluster")(dashboardFields),
    goingBy("sqs_name", "aws_profile")(region),
    goingBy("sts_endpoint", "service_endpoint")(endpoints),
    clock,
    goingBy("sqs_name", "iam_role_arn")(queueName),
    goingBy("sts_endpoint", "aws_profile")(credentials),
    goingBy("iam_role_arn", "external_id")(comparingAccounts(role)),
    goingBy("iam_role_arn")(comparingAccounts(user)),
    ...[assumeRole, externalId].map(comparingAccounts).map(bySubscriber),
    byLake(comparingAccounts(rolePermissions)),
    byLake(buckets),
    byLake(comparingAccounts(keys)),
    ...[bucketPolicy, notification, arriving].map(byLake),
    bySubscriber(comparingAccounts(queue)),
    ...[queueEncryption, queuePolicy, messages, queueDeadLetters].map(bySubscriber),
    bySubscriber(receive ? newestObjectCheck : newestObjectUntouched),
    byIndexer(indexerLag),
    deadLetters,
    lastRun,
  ];
}

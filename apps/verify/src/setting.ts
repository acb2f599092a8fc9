import type { Manager } from "./manager.ts";

/** Absent where options describe the subscriber. */
interface Described {
  readonly manager?: Manager | undefined;
  readonly environment?: NodeJS.ProcessEnv;
}

/** Has the external ID where no file of it was given. */
export const externalIdVariable = "SECURITY_LAKE_EXTERNAL_ID";

/** What describes a subscriber: an element of ossec.conf, or an option of this program. */
const names = {
  queue: ["<sqs_name>", "--queue"],
  role: ["<iam_role_arn>", "--role-arn"],
  duration: ["<iam_role_duration>", "--role-duration"],
  externalId: ["<external_id>", "--external-id-file"],
  profile: ["<aws_profile>", "--profile"],
  stsEndpoint: ["<sts_endpoint>", "--sts-endpoint"],
  serviceEndpoint: ["<service_endpoint>", "--service-endpoint"],
} as const;

/** As whoever described this subscriber has written it. */
export function settingName({ manager, environment }: Described, setting: keyof typeof names): string {
  const [element, option] = names[setting];
  if (manager !== undefined) return element;
  return setting === "externalId" && environment?.[externalIdVariable] ? externalIdVariable : option;
}

/** What to do where no Region is known. */
export function giveRegion(lake: Described): string {
  const byName = `the queue by its ARN in ${settingName(lake, "queue")}`;
  return lake.manager === undefined
    ? `Give --region NAME, or ${byName}`
    : `Give ${byName}, or set a region in the profile; --region NAME tells it to this program alone`;
}

/** What to do where those at hand are of somebody else; whose follows. */
export function giveCredentials(lake: Described): string {
  return `Give the subscriber (${settingName(lake, "profile")}) the credentials`;
}

/** What to do where the role asks for an external ID and none is set. */
export function giveExternalId(lake: Described): string {
  const own = settingName(lake, "externalId");
  const where = lake.manager === undefined ? `Give ${own}` : `Write ${own} into the subscriber of ossec.conf`;
  return `${where}, as given when the subscriber was created`;
}

/** What to do where the role asks for another one. */
export function compareExternalId(lake: Described): string {
  return `Compare ${settingName(lake, "externalId")} with the external ID of the subscriber in Security Lake > My subscribers, and correct it`;
}

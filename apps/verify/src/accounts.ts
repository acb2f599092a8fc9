import { queueAddress } from "@threatlockdown/sqs-consumer";
import { accountOf } from "./arn.ts";
import type { Check, Finding } from "./check.ts";
import type { Lake } from "./lake.ts";
import { settingName } from "./setting.ts";

/**
 * What to do, after a look at the role's ARN where that is of another account than what it is meant for: Security Lake
 * makes both in one, so that a policy for this role may be one for a stranger.
 */
export function forRole(lake: Lake, fix: string, thing: string, account: string | undefined): string {
  const { roleArn } = lake.subscriber;
  const own = accountOf(roleArn);
  if (own === undefined || account === undefined || own === account) return fix;
  const compare = `Compare ${settingName(lake, "role")} with the role of the subscriber in Security Lake > My subscribers`;
  return `${compare}: it is of account ${own}, and ${thing} of ${account}; if it is right, ${fix.charAt(0).toLowerCase()}${fix.slice(1)}`;
}

/**
 * The same check, which gives no policy for a role of another account without that look: than the queue's, or, where its
 * name alone is known, than that of the credentials at hand.
 */
export function comparingAccounts(check: Check): Check {
  return {
    ...check,
    async run(lake, signal, owe) {
      const { account } = queueAddress(lake.subscriber.queue);
      const [thing, other] =
        account === undefined ? ["the credentials at hand", await callerAccount(lake)] : ["the queue", account];
      const compared = (finding: Finding): Finding =>
        finding.policy === undefined || finding.fix === undefined || finding.obstacle !== undefined
          ? finding
          : { ...finding, fix: forRole(lake, finding.fix, thing, other) };
      return [await check.run(lake, signal, owe)].flat().map(compared);
    },
  };
}

/** Another check says what is wrong with the credentials. */
function callerAccount(lake: Lake): Promise<string | undefined> {
  return lake.caller().then(
    ({ account }) => account,
    () => undefined,
  );
}

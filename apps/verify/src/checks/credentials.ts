import { isPassing, isUnanswered } from "@threatlockdown/aws-auth";
import { notToBeRead } from "../aws-files.ts";
import { lookAtCause } from "../causes.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import type { Lake } from "../lake.ts";
import { notAws } from "../not-aws.ts";

export const credentials: Check = {
  id: "credentials",
  title: "Credentials are found and accepted",
  explain:
    "The role is assumed with a user's keys, or with the role of the instance; without them nothing can be read.",
  needs: ["region"],
  async run(lake) {
    try {
      const { arn } = await lake.caller();
      return { state: "ok", seen: `they are those of ${arn}` };
    } catch (error) {
      const seen = lake.explain(error);
      // The way to STS is the subject of another check.
      if (isUnanswered(error)) return couldNotCheck({ because: seen, how: lookAtCause(seen), lasting: true });
      if (isPassing(error) || notAws(error) !== undefined) throw error;
      const { name } = ((error as Error).cause ?? error) as Error;
      const none = /ProviderError$/.test(name);
      const hidden = none ? await notToBeRead(lake, "no other credentials are found") : undefined;
      return hidden ?? { state: "failed", seen, ...(newCredentials(lake, name, seen) ?? { fix: lookAtCause(seen) }) };
    }
  },
};

/** Whether AWS says without a doubt that it does not take these credentials: the clock is not to blame. */
export function areRefused(error: unknown): boolean {
  const { name, message } = ((error as Error).cause ?? error) as Error;
  if (name === "SignatureDoesNotMatch") return !/expired|not yet current|earlier than|later than/i.test(message);
  return notKnown.test(name) || expired.test(name);
}

const notKnown = /^(InvalidClientTokenId|InvalidAccessKeyId|UnrecognizedClientException)$/;
const expired = /^ExpiredToken/;

/** What AWS says of credentials without a doubt, by the name of its error. */
function newCredentials(
  { subscriber: { profile } }: Lake,
  name: string,
  seen: string,
): Pick<Finding, "fix" | "console"> | undefined {
  const give = `Give ${profile === undefined ? "the subscriber" : `the profile ${profile}`}`;
  const console = "IAM > Users > the user > Security credentials > Access keys";
  if (notKnown.test(name)) {
    return {
      fix: `${give} an access key that exists and is active; temporary keys have a session token too`,
      console,
    };
  }
  // The same name stands for a clock that is wrong.
  if (name === "SignatureDoesNotMatch" && /: \(1\) the secret access key/.test(seen)) {
    return { fix: `${give} the secret access key that belongs to the access key id, or a new pair`, console };
  }
  if (!expired.test(name)) return undefined;
  return { fix: `${give} new temporary credentials, or keys that last; an instance can have a role instead` };
}

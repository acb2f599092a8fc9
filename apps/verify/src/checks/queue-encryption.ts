import { asAdministrator } from "../administrator.ts";
import { accountOf } from "../arn.ts";
import type { Check, Finding } from "../check.ts";
import type { Lake } from "../lake.ts";
import { inPlaceOf, keyIn } from "../sealed.ts";
import { hidden, setAttributes } from "./queue.ts";

export const queueEncryption: Check = {
  id: "queue-encryption",
  title: "The queue's encryption lets events in",
  explain: "Neither EventBridge nor S3 can send to a queue that is encrypted by the key that AWS manages for SQS.",
  needs: ["queue"],
  async run(lake) {
    const found = await lake.queueAttributes();
    if (found === undefined) return hidden;
    const { key: name } = keyIn(found);
    if (name === undefined) {
      return {
        state: "ok",
        seen: found.SqsManagedSseEnabled === "true" ? "by SQS itself (SSE-SQS)" : "none of its own",
      };
    }
    if (isAliasOfAws(name)) return unusable(lake, `by the key ${name}, ${ofAwsAlone}`);
    const queueArn = await lake.queueArn();
    return asAdministrator(lake, ["kms:DescribeKey"], accountOf(queueArn), async () => {
      const key = await lake.key(inPlaceOf(queueArn, name));
      if (key === undefined) return unusable(lake, `by the key ${name}, and there is none of that name`);
      const told = key.arn === name ? name : `${name} (${key.arn})`;
      return key.ofAws
        ? unusable(lake, `by the key ${told}, ${ofAwsAlone}`)
        : { state: "ok", seen: `by the key ${told}` };
    });
  },
};

const isAliasOfAws = (name: string): boolean => /(^|:)alias\/aws\//.test(name);
const ofAwsAlone =
  "which AWS manages: SQS alone may use it, so that neither EventBridge nor S3 can send, and nobody can be let by its policy";

async function unusable(lake: Lake, seen: string): Promise<Finding> {
  const { url, name } = await lake.queue();
  return {
    state: "failed",
    seen,
    fix: "Someone who may change the queue lets SQS encrypt it itself (SSE-SQS), or by a key of your own",
    console: `SQS > Queues > ${name} > Edit > Encryption`,
    commands: [setAttributes(url, { KmsMasterKeyId: "", SqsManagedSseEnabled: "true" })],
  };
}

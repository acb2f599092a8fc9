import { queueAddress } from "@threatlockdown/sqs-consumer";
import { notToBeRead } from "../aws-files.ts";
import type { Check } from "../check.ts";
import { giveRegion } from "../setting.ts";

export const region: Check = {
  id: "region",
  title: "The Region is known",
  explain: "The queue is asked for in one Region; in another one it does not exist.",
  needs: [],
  async run(lake) {
    try {
      const found = await lake.region();
      const { region: ofQueue } = queueAddress(lake.subscriber.queue);
      const from = lake.regionGiven
        ? "as --region says"
        : ofQueue === undefined
          ? "of the settings of AWS on this machine"
          : "of the queue's address";
      return { state: "ok", seen: `${found}, ${from}` };
    } catch (error) {
      return (
        (await notToBeRead(lake, "no Region is known")) ?? {
          state: "failed",
          seen: lake.explain(error),
          fix: giveRegion(lake),
        }
      );
    }
  },
};

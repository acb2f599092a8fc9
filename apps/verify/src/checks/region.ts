import { queueAddress } from "@threatlockdown/sqs-consumer";
import { notToBeRead } from "../aws-files.ts";
import type { Check } from "../check.ts";
import { giveRegion, settingName } from "../setting.ts";

/** As us-east-1, us-gov-west-1 and eusc-de-east-1 are. */
const regionPattern = /^[a-z]{2,}(?:-[a-z]+)+-\d+$/;

export const region: Check = {
  id: "region",
  title: "The Region is known",
  explain: "The queue is asked for in one Region; in another one it does not exist.",
  needs: [],
  async run(lake) {
    try {
      const found = await lake.region();
      const { region: ofQueue } = queueAddress(lake.subscriber.queue);
      const named = ofQueue ?? found;
      const [from, setting] =
        ofQueue !== undefined
          ? ["of the queue's address", settingName(lake, "queue")]
          : lake.regionGiven
            ? ["as --region says", "--region"]
            : ["of the settings of AWS on this machine", "AWS_REGION, or region in the profile"];
      if (!regionPattern.test(named)) {
        return { state: "failed", seen: `${named} is no name of a Region, ${from}`, fix: `Correct ${setting}` };
      }
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

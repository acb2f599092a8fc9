import { type Check, couldNotCheck } from "../check.ts";
import { answerOf, endpointsOf } from "../endpoints.ts";

/** AWS refuses signatures that are older; SQS and STS allow five minutes. */
const refusedSeconds = 300;
const noteworthySeconds = 60;

export const clock: Check = {
  id: "clock",
  title: "The clock is right",
  explain: "AWS refuses requests that were signed more than 5 minutes ago or in the future.",
  needs: ["endpoints"],
  async run(lake, signal) {
    const [endpoint] = await endpointsOf(lake);
    const url = endpoint?.url ?? "";
    const before = Date.now();
    const headers = await answerOf(lake, url, signal);
    const now = (before + Date.now()) / 2;
    const date = Date.parse(headers.date ?? "");
    if (Number.isNaN(date)) return couldNotCheck({ because: `${new URL(url).host} tells no time` });
    const seconds = Math.round((now - date) / 1000);
    const off = Math.abs(seconds);
    const seen = off < 3 ? "as AWS has it" : `${off} s ${seconds > 0 ? "ahead of" : "behind"} that of AWS`;
    if (off < noteworthySeconds) return { state: "ok", seen };
    return {
      state: off < refusedSeconds ? "warning" : "failed",
      seen,
      fix: "Set the clock of this machine by NTP (chrony, systemd-timesyncd)",
      commands: [{ words: ["timedatectl", "set-ntp", "true"] }],
    };
  },
};

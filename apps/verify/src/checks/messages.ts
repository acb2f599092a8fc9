import { setTimeout as delay } from "node:timers/promises";
import { GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { type Depth, type Queue, queueDepth } from "@threatlockdown/sqs-consumer";
import { isDenied, needsProfile } from "../administrator.ts";
import { accountOf } from "../arn.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { counted } from "../count.ts";
import type { Admin, Lake } from "../lake.ts";

const rights = ["cloudwatch:GetMetricData"];
const hourSeconds = 3_600;

export const messages: Check = {
  id: "messages",
  title: "Messages come into the queue",
  explain: "Objects that nothing announces stay where they are; a queue into which nothing comes has lost its source.",
  needs: ["queue"],
  async run(lake, signal) {
    const opened = await lake.queue();
    const metric = await byMetric(lake, opened);
    if (metric?.state === "ok") return metric;
    const before = await queueDepth(opened);
    if (metric !== undefined && (before === undefined || held(before) === 0)) return metric;
    if (before === undefined) {
      return couldNotCheck({
        because: "the role may not see the queue's attributes",
        rights: ["sqs:GetQueueAttributes"],
        how: needsProfile,
      });
    }
    await delay(lake.watchFor, undefined, { signal });
    const after = (await queueDepth(opened)) ?? before;
    const came = held(after) - held(before);
    const watched = `within ${lake.watchFor / 1000} s`;
    if (metric !== undefined && came <= 0) {
      return { ...metric, seen: `${metric.seen}, and ${held(after)} are there: older ones, or ${late}` };
    }
    if (came > 0) return { state: "ok", seen: `came ${watched}: ${came}; there: ${held(after)}` };
    // They may be old: then what has brought them is broken since.
    if (held(after) > 0) {
      const because = `since when the ${counted(held(after), "message")} in the queue ${held(after) === 1 ? "is" : "are"} there is not told to the role, and none came ${watched}`;
      return couldNotCheck({ because, rights, how: needsProfile });
    }
    return couldNotCheck(
      { because: `the queue is empty, and no message came ${watched}`, rights, how: needsProfile },
      { awaited: true },
    );
  },
};

/** Source: Amazon SQS Developer Guide, "Monitoring Amazon SQS queues using CloudWatch". */
const late = "new ones of a queue that was idle, whose counts come up to 15 min late; then run it again";

const held = ({ visible, inFlight, delayed }: Depth): number => visible + inFlight + delayed;

/** What CloudWatch has counted for a day; undefined where it may not be asked. */
async function byMetric(lake: Lake, { name }: Queue): Promise<Finding | undefined> {
  const account = accountOf(await lake.queueArn());
  const admin = await lake.admin?.();
  if (admin === undefined || admin.account !== account) return undefined;
  try {
    const [sent, waiting] = await readMetrics(admin, name);
    const [day, hour] = [sum(sent), sum(sent.slice(0, 1))];
    if (day === 0) {
      return {
        state: "warning",
        seen: "CloudWatch has counted no message that was sent to it for 24 h",
        fix: "Go by the checks notification and queue-policy; if they are well, look in Security Lake > Sources whether sources are enabled",
        console: `SQS > Queues > ${name} > Monitoring > Number Of Messages Sent`,
        awaited: true,
      };
    }
    return {
      state: "ok",
      seen: `sent to it in 24 h: ${day}, in the newest hour of these: ${hour}; waiting: ${trend(waiting)}`,
    };
  } catch (error) {
    if (isDenied(error)) return undefined;
    throw error;
  }
}

/** By the hour, the newest first. */
async function readMetrics({ metrics }: Admin, queue: string): Promise<[sent: number[], waiting: number[]]> {
  const ask = (Id: string, MetricName: string, Stat: string) => ({
    Id,
    MetricStat: {
      Metric: { Namespace: "AWS/SQS", MetricName, Dimensions: [{ Name: "QueueName", Value: queue }] },
      Period: hourSeconds,
      Stat,
    },
  });
  const now = Date.now();
  const { MetricDataResults: found = [] } = await metrics.send(
    new GetMetricDataCommand({
      MetricDataQueries: [
        ask("sent", "NumberOfMessagesSent", "Sum"),
        ask("waiting", "ApproximateNumberOfMessagesVisible", "Maximum"),
      ],
      StartTime: new Date(now - 24 * hourSeconds * 1000),
      EndTime: new Date(now + 60_000),
      ScanBy: "TimestampDescending",
    }),
  );
  const valuesOf = (id: string) => found.find(({ Id }) => Id === id)?.Values ?? [];
  return [valuesOf("sent"), valuesOf("waiting")];
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function trend(waiting: readonly number[]): string {
  const [newest = 0, oldest = newest] = [waiting[0], waiting.at(-1)];
  return newest > oldest ? `grown from ${oldest} to ${newest}` : String(newest);
}

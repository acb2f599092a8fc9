import { AwsError, notImplemented } from "./aws-error.ts";
import { authorize, createJsonService, type JsonOperation } from "./json-protocol.ts";
import type { Call, Service } from "./service.ts";
import type { Queue } from "./sqs/queue.ts";
import type { World } from "./world.ts";

/** The metrics of CloudWatch that SQS keeps of queues: what was sent, by the minute, and what waits now. */
export function createMetrics(world: World): Service {
  return createJsonService(world, "monitoring", "1.0", operations);
}

interface Query {
  readonly Id: string;
  readonly MetricStat?: {
    readonly Metric: {
      readonly Namespace: string;
      readonly MetricName: string;
      readonly Dimensions?: readonly { readonly Name: string; readonly Value: string }[];
    };
    readonly Period: number;
  };
}

type Points = readonly (readonly [second: number, value: number])[];

/** Sources: CloudWatch API Reference; SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS". */
const operations: Readonly<Record<string, JsonOperation>> = {
  GetMetricData(world, call, { MetricDataQueries: queries = [], StartTime: start, EndTime: end }) {
    authorize(world, call, "cloudwatch", "*");
    return {
      MetricDataResults: (queries as readonly Query[]).map(({ Id: id, MetricStat: asked }) => {
        if (asked === undefined) throw notImplemented("expressions of CloudWatch");
        const within = ([second]: Points[number]) => second >= Number(start) && second < Number(end);
        const points = pointsOf(world, call, asked)
          .filter(within)
          .sort(([a], [b]) => b - a);
        return {
          Id: id,
          Label: asked.Metric.MetricName,
          Timestamps: points.map(([second]) => second),
          Values: points.map(([, value]) => value),
          StatusCode: "Complete",
        };
      }),
      Messages: [],
    };
  },
};

/** A queue that is not there has no points, as with CloudWatch. */
function pointsOf(world: World, call: Call, { Metric, Period: period }: NonNullable<Query["MetricStat"]>): Points {
  const { Namespace: namespace, MetricName: metric, Dimensions: [dimension] = [] } = Metric;
  if (namespace !== "AWS/SQS" || dimension?.Name !== "QueueName") {
    throw notImplemented(`the metric ${namespace}/${metric}`);
  }
  const queue = [...world.queues.values()].find(
    ({ name, account, region, deletedAt }) =>
      name === dimension.Value && account === call.caller.account && region === call.region && deletedAt === undefined,
  );
  if (queue === undefined) return [];
  const read = metrics[metric];
  if (read === undefined) throw notImplemented(`the metric ${namespace}/${metric}`);
  if (!(period >= 60)) throw new AwsError(400, "ValidationError", "Period must be a multiple of 60.");
  return read(queue, period, call.now);
}

const metrics: Readonly<Record<string, (queue: Queue, period: number, now: number) => Points>> = {
  NumberOfMessagesSent(queue, period) {
    const sums = new Map<number, number>();
    for (const [minute, count] of queue.sent) {
      const second = Math.floor((minute * 60) / period) * period;
      sums.set(second, (sums.get(second) ?? 0) + count);
    }
    return [...sums];
  },
  ApproximateNumberOfMessagesVisible: (queue, period, now) => [
    [Math.floor(now / 1000 / period) * period, queue.counts.visible],
  ],
};

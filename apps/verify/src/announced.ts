import { couldNotCheck, type Finding } from "./check.ts";
import { type Bucket, newestVersions } from "./flow.ts";
import type { Lake } from "./lake.ts";
import { routesOf } from "./route.ts";

/** A bucket of the lake, and its sources that are announced to the queue: aws/VPC_FLOW/2.0/ */
export interface AnnouncedSources {
  readonly bucket: Bucket;
  readonly sources: readonly string[];
}

/** What the subscriber is to read. An administrator is there. @throws the SDK's errors */
export async function announcedSources(lake: Lake): Promise<readonly AnnouncedSources[]> {
  const [flow, queueArn] = await Promise.all([lake.flow(), lake.queueArn()]);
  return flow.buckets.map((bucket) => {
    const routes = routesOf(flow, bucket, queueArn);
    const announced = bucket.sources.filter((source) => routes.some((route) => route.announces(source)));
    return { bucket, sources: newestVersions(announced) };
  });
}

/** What stands in the way where there are sources, and the queue is told of none. */
export function unannounced(found: readonly AnnouncedSources[]): Finding | undefined {
  const there = found.some(({ bucket }) => bucket.sources.length > 0);
  if (!there || found.some(({ sources }) => sources.length > 0)) return undefined;
  return couldNotCheck({
    because: "it is not known which objects it reads: nothing tells the queue of a bucket's sources",
    how: "Go by the check notification first",
  });
}

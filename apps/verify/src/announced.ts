import { type Bucket, newestVersions, routesOf } from "./flow.ts";
import type { Lake } from "./lake.ts";

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

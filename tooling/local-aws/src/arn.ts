/** `aws`, `aws-cn` or `aws-us-gov`: a function of the region, as in AWS itself. */
export function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}

export interface Arn {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
  readonly resource: string;
}

export function parseArn(text: string): Arn | undefined {
  const [prefix, partition, service, region, account, ...resource] = text.split(":");
  if (prefix !== "arn" || !partition || !service || resource.length === 0) return undefined;
  return { partition, service, region: region ?? "", account: account ?? "", resource: resource.join(":") };
}

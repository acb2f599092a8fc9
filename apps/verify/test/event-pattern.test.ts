import { describe, expect, it } from "vitest";
import { anything, type Pattern, takes } from "../src/event-pattern.ts";

/** Of an object of which source and kind are known, and no more. */
const event = {
  source: "aws.s3",
  region: "us-east-1",
  resources: ["arn:aws:s3:::lake"],
  detail: {
    bucket: { name: "lake" },
    object: { key: { begins: "aws/WAF/2.0/", ends: ".gz.parquet" }, size: anything, "version-id": anything },
    "source-ip-address": anything,
  },
};
const ofKey = (...key: readonly unknown[]): Pattern => ({ detail: { object: { key } } });

describe("an event pattern", () => {
  it.each<[string, Pattern]>([
    ["that is empty", {}],
    ["of a source", { source: ["aws.ec2", "aws.s3"] }],
    ["of one of several values", { resources: ["arn:aws:s3:::lake"] }],
    ["of a prefix", ofKey({ prefix: "aws/" })],
    ["of a prefix in other letters", ofKey({ prefix: { "equals-ignore-case": "AWS/waf/" } })],
    ["of a suffix", ofKey({ suffix: ".parquet" })],
    ["of a suffix in other letters", ofKey({ suffix: { "equals-ignore-case": ".GZ.PARQUET" } })],
    ["with a wildcard", ofKey({ wildcard: "aws/*.gz.parquet" })],
    ["with wildcards", ofKey({ wildcard: "aws/*/*.parquet" })],
    ["in other letters", { source: [{ "equals-ignore-case": "AWS.S3" }] }],
    ["of anything but others", { region: [{ "anything-but": ["eu-west-1", "eu-west-2"] }] }],
    ["of anything but another prefix", ofKey({ "anything-but": { prefix: ["ext/", "inventory/"] } })],
    ["of anything but another wildcard", { region: [{ "anything-but": { wildcard: "eu-*" } }] }],
    ["of anything but others in any letters", { region: [{ "anything-but": { "equals-ignore-case": "EU-WEST-1" } }] }],
    ["of what is there", { detail: { object: { key: [{ exists: true }] } } }],
    ["of what is not there", { detail: { "deletion-type": [{ exists: false }] } }],
    ["of one of several", { $or: [{ source: ["aws.ec2"] }, { region: [{ prefix: "us-" }] }] } as never],
  ])("%s takes the event", (_, pattern) => expect(takes(pattern, event)).toBe(true));

  it.each<[string, Pattern]>([
    ["of another source", { source: ["aws.ec2"] }],
    ["of nothing", { source: [] }],
    ["of a part of the source", { source: ["aws"] }],
    ["of a prefix that it has not", ofKey({ prefix: "ext/" })],
    ["of a suffix that it has not", ofKey({ suffix: ".avro" })],
    ["of one key that it cannot have", ofKey("inventory/a.gz.parquet")],
    ["of a wildcard that it cannot have", ofKey({ wildcard: "*/VPC_FLOW/*.avro" })],
    ["of a star", ofKey({ wildcard: "aws/WAF/2.0/\\**.avro" })],
    ["of anything but it", { detail: { bucket: { name: [{ "anything-but": ["lake"] }] } } }],
    ["of anything but its suffix", ofKey({ "anything-but": { suffix: ".parquet" } })],
    ["of anything but others, of what is not there", { account: [{ "anything-but": ["1"] }] }],
    ["of what is there, as if it were not", { source: [{ exists: false }] }],
    ["of what is not there", { detail: { reason: ["PutObject"] } }],
    ["of a number where there is a text", { source: [{ exists: true }], region: [1] }],
    ["of none of several", { $or: [{ source: ["aws.ec2"] }, { region: ["eu-west-1"] }] } as never],
    ["of one thing, and not another", { source: ["aws.s3"], region: ["eu-west-1"] }],
  ])("%s does not take it", (_, pattern) => expect(takes(pattern, event)).toBe(false));

  it.each<[string, Pattern]>([
    ["a longer prefix", ofKey({ prefix: "aws/WAF/2.0/region=us-east-1/" })],
    ["one key", ofKey("aws/WAF/2.0/a.gz.parquet")],
    ["anything but one key", ofKey({ "anything-but": "aws/WAF/2.0/a.gz.parquet" })],
    ["a size", { detail: { object: { size: [{ numeric: [">", 0] }] } } }],
    ["an address", { detail: { "source-ip-address": [{ cidr: "10.0.0.0/8" }] } }],
    ["a version", { detail: { object: { "version-id": [{ exists: true }] } } }],
    ["a filter of which nothing is known here", { source: [{ "sounds-like": "aws.s3" }] }],
    ["the same, beside what it is not", { $or: [{ source: ["aws.ec2"] }, { source: [{ odd: 1 }] }] } as never],
  ])("that asks for %s takes it or not", (_, pattern) => expect(takes(pattern, event)).toBeUndefined());
});

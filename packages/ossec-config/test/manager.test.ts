import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSettings } from "../src/index.ts";

const text = readFileSync(join(import.meta.dirname, "fixtures/manager.conf"), "utf8");
const lineOf = (part: string): number => text.slice(0, text.indexOf(part)).split("\n").length;

describe("a whole ossec.conf", () => {
  const { settings, issues } = readSettings(text);

  it("gives the module with its subscribers of Security Lake, variables replaced", () => {
    expect(settings.modules).toEqual([
      {
        line: lineOf('<wodle name="aws-s3">\n    <disabled>'),
        enabled: true,
        runOnStart: true,
        skipOnError: true,
        schedule: { by: "interval", seconds: 3600 },
        subscribers: [
          {
            line: lineOf('<subscriber type="security_lake">'),
            queue: "AmazonSecurityLake-main-Queue",
            roleArn: "arn:aws:iam::123456789012:role/AmazonSecurityLake-main",
            durationSeconds: 1300,
            externalId: "fixture-external-id-1",
            stsEndpoint: "vpce-0a1b-2c3d.sts.eu-central-1.vpce.amazonaws.com",
            serviceEndpoint: "https://bucket.vpce-0a1b-2c3d.s3.eu-central-1.vpce.amazonaws.com",
          },
          {
            line: lineOf('<subscriber type="buckets">') + 3,
            queue: "arn:aws:sqs:us-east-1:210987654321:AmazonSecurityLake-us-Queue",
            roleArn: "arn:aws:iam::210987654321:role/path/AmazonSecurityLake-us",
            externalId: "fixture-external-id-2",
            profile: "lake",
          },
        ],
      },
    ]);
  });

  it("gives cluster and indexer", () => {
    expect(settings.cluster).toEqual({ enabled: true, name: "frankfurt", nodeName: "node-1", hidden: false });
    expect(settings.indexer).toEqual({
      enabled: true,
      hosts: ["https://10.0.0.11:9200", "https://10.0.0.12:9200"],
      certificateAuthorities: ["/etc/filebeat/certs/root-ca.pem"],
      certificate: "/etc/filebeat/certs/filebeat.pem",
      key: "/etc/filebeat/certs/filebeat-key.pem",
    });
  });

  it("says what is left to the stock module, and nothing else", () => {
    expect(issues.map(({ severity, line, column, subject }) => ({ severity, line, column, subject }))).toEqual([
      { severity: "info", line: lineOf("<bucket"), column: 5, subject: "<bucket>" },
      { severity: "info", line: lineOf("<service"), column: 5, subject: "<service>" },
      { severity: "info", line: lineOf('<subscriber type="buckets"'), column: 5, subject: "<subscriber>" },
    ]);
  });
});

import { describe, expect, it } from "vitest";
import { judgeItem, judgeRequest, passes } from "../src/verdict.ts";

describe("the verdict on a document", () => {
  it.each([
    [201, "", "stored"],
    [200, "", "stored"],
    [409, "version_conflict_engine_exception", "already-stored"],
    [409, "another_exception", "dead-letter"],
    [429, "rejected_execution_exception", "again"],
    [429, "circuit_breaking_exception", "again"],
    [429, "cluster_block_exception", "blocked"],
    [403, "cluster_block_exception", "blocked"],
    [503, "unavailable_shards_exception", "again"],
    [503, "process_cluster_event_timeout_exception", "again"],
    [504, "", "again"],
    [404, "index_not_found_exception", "blocked"],
    [400, "index_closed_exception", "blocked"],
    [403, "security_exception", "denied"],
    [401, "security_exception", "denied"],
    [400, "mapper_parsing_exception", "unindexed"],
    [400, "strict_dynamic_mapping_exception", "unindexed"],
    [400, "illegal_argument_exception", "unindexed"],
    [404, "another_exception", "dead-letter"],
    [418, "", "dead-letter"],
  ])("%i %s is: %s", (status, type, verdict) => {
    expect(judgeItem({ status, type, reason: "" }, 0, false)).toBe(verdict);
  });

  it("of a cluster that has no shard left is: blocked, for it is not the document's fault", () => {
    const reason =
      "Validation Failed: 1: this action would add [2] total shards, but this cluster currently has [2]/[2] maximum shards open;";
    expect(judgeItem({ status: 400, type: "validation_exception", reason }, 0, false)).toBe("blocked");
  });

  it.each([
    ["illegal_argument_exception", "pipeline with id [filebeat-7.10.2-wazuh-alerts-pipeline] does not exist"],
    [
      "illegal_argument_exception",
      "no write index is defined for alias [a]. The write index may be explicitly disabled",
    ],
    ["illegal_argument_exception", "explicit index in bulk is not allowed"],
    ["illegal_argument_exception", "unknown setting [index.knn] please check that any required plugins are installed"],
    ["invalid_index_name_exception", "Invalid index name [a], already exists as alias"],
    ["routing_missing_exception", "routing is required for [a]/[1]"],
    ["validation_exception", "Validation Failed: 1: something else;"],
  ])("of an index that is amiss is: blocked (%s: %s)", (type, reason) => {
    expect(judgeItem({ status: 400, type, reason: `${type}: ${reason}` }, 0, false)).toBe("blocked");
    expect(judgeItem({ status: 400, type, reason: `${type}: ${reason}` }, 0, true)).toBe("blocked");
  });

  it("of an index that can never be is: dead letter", () => {
    const refusal = { status: 400, type: "invalid_index_name_exception", reason: "must be lowercase" };
    expect(judgeItem(refusal, 0, false)).toBe("dead-letter");
  });

  it("of one whose field is named like such a fault is: unindexed", () => {
    const reason =
      "illegal_argument_exception: mapper [pipeline with id [x]] cannot be changed from type [long] to [text]";
    expect(judgeItem({ status: 400, type: "illegal_argument_exception", reason }, 0, false)).toBe("unindexed");
  });

  it("of one whose data is unindexed already is: dead letter", () => {
    expect(judgeItem({ status: 400, type: "mapper_parsing_exception", reason: "" }, 0, true)).toBe("dead-letter");
  });

  it("of an inner error is: again, a dozen times", () => {
    const inner = { status: 500, type: "null_pointer_exception", reason: "" };
    expect(judgeItem(inner, 0, false)).toBe("a-few-times");
    expect(judgeItem(inner, 11, false)).toBe("a-few-times");
    expect(judgeItem(inner, 12, false)).toBe("dead-letter");
  });

  it("of overload is: again, without end", () => {
    expect(judgeItem({ status: 429, type: "", reason: "" }, 100_000, false)).toBe("again");
    expect(judgeItem({ status: 503, type: "", reason: "" }, 100_000, true)).toBe("again");
  });
});

describe("the verdict on a request", () => {
  it.each([
    [401, undefined, "denied"],
    [403, "security_exception", "denied"],
    [403, undefined, "denied"],
    [403, "cluster_block_exception", "blocked"],
    [413, undefined, "split"],
    [400, "action_request_validation_exception", "split"],
    [400, "illegal_argument_exception", "blocked"],
    [400, "invalid_alias_name_exception", "blocked"],
    [400, undefined, "again"],
    [404, undefined, "again"],
    [405, undefined, "again"],
    [429, "circuit_breaking_exception", "again"],
    [500, undefined, "again"],
    [502, undefined, "again"],
    [503, "cluster_block_exception", "blocked"],
    [undefined, "ECONNRESET", "again"],
    [undefined, "ECONNREFUSED", "again"],
    [undefined, "ENOTFOUND", "again"],
    [undefined, undefined, "again"],
    [undefined, "CERT_HAS_EXPIRED", "untrusted"],
    [undefined, "ERR_TLS_CERT_ALTNAME_INVALID", "untrusted"],
    [undefined, "DEPTH_ZERO_SELF_SIGNED_CERT", "untrusted"],
    [undefined, "SELF_SIGNED_CERT_IN_CHAIN", "untrusted"],
    [undefined, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "untrusted"],
    [undefined, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "untrusted"],
    [undefined, "ERR_SSL_WRONG_VERSION_NUMBER", "untrusted"],
    [undefined, "EPROTO", "untrusted"],
  ] as const)("%s %s is: %s", (status, type, verdict) => {
    const failure = { ...(status && { status }), ...(type && { type }), reason: "" };
    expect(judgeRequest(failure)).toBe(verdict);
  });
});

it.each([
  [undefined, "ECONNREFUSED", true],
  [undefined, undefined, true],
  [undefined, "CERT_HAS_EXPIRED", false],
  [503, undefined, true],
  [429, "circuit_breaking_exception", true],
  [400, "illegal_argument_exception", false],
  [401, undefined, false],
  [500, undefined, false],
] as const)("a failure of %s %s may pass by itself: %s", (status, type, expected) => {
  expect(passes({ ...(status && { status }), ...(type && { type }), reason: "" })).toBe(expected);
});

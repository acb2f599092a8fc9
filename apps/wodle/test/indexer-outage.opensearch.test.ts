import { createLab, until } from "@threatlockdown/tooling-lab";
import { makeObject } from "@threatlockdown/tooling-lake";
import { startOpenSearch } from "@threatlockdown/tooling-opensearch";
import { expect, it } from "vitest";

interface Found {
  readonly hits: { readonly hits: readonly { readonly _source: { security_lake: { key: string; row: number } } }[] };
}

it("deletes nothing while OpenSearch is down, and loses nothing when it is back", async () => {
  await using server = await startOpenSearch({ quick: true });
  await using lab = await createLab({ indexer: { url: server.url }, subscription: { visibilityTimeout: 9 } });
  const objects = Array.from({ length: 40 }, (_, seed) =>
    makeObject({ source: "waf_2_0", rows: 50, seed: `o${seed}` }),
  );
  for (const object of objects) lab.put(object);
  lab.aws.faults.add({ service: "s3", operation: "GetObject", latency: 100 });

  const wodle = lab.wodle(["once", "--concurrency", "3"]);
  await until(() => lab.messages() < objects.length);
  await server.kill();
  await wodle.said("Indexer does not answer as it should");
  const renewals = () => lab.aws.requests.count({ operation: "ChangeMessageVisibilityBatch" });
  const nextRenewal = async () => {
    const before = renewals();
    await until(() => renewals() > before);
    return lab.messages();
  };
  const left = await nextRenewal();
  expect(left).toBeGreaterThan(0);
  expect(await nextRenewal()).toBe(left);
  await server.restart();
  expect(await wodle.ended).toEqual({ code: 0, signal: null });
  expect(lab.messages()).toBe(0);
  expect(await lab.deadLetters()).toEqual([]);
  expect(wodle.stderr()).toContain("documents are stored again");

  await server.request("POST", "/wazuh-alerts-*/_refresh");
  const { hits } = await server.request<Found>("POST", "/wazuh-alerts-*/_search", { size: 10_000 });
  const places = hits.hits.map(({ _source }) => `${_source.security_lake.key} ${_source.security_lake.row}`).sort();
  const expected = objects.flatMap(({ key, rows }) => Array.from({ length: rows }, (_, row) => `${key} ${row}`)).sort();
  expect(places).toEqual(expected);
}, 240_000);

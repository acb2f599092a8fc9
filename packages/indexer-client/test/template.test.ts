import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { indexTemplate, type Level } from "../src/template.ts";
import { build, type Column, type ColumnType, type Table } from "../template/build.ts";

type Field = Record<string, unknown>;

/** "a.b" -> its definition; objects too. */
function fieldsOf(level: Level): Map<string, Field> {
  const { template } = indexTemplate({ level }) as { template: { mappings: Field } };
  const found = new Map<string, Field>();
  const walk = (properties: Record<string, Field>, prefix: string): void => {
    for (const [name, field] of Object.entries(properties)) {
      found.set(prefix + name, field);
      if (field.properties !== undefined) walk(field.properties as Record<string, Field>, `${prefix}${name}.`);
    }
  };
  walk(template.mappings.properties as Record<string, Field>, "");
  return found;
}

const standard = fieldsOf("standard");

function columnsOf(columns: readonly Column[], prefix = ""): string[] {
  const inside = (path: string, type: ColumnType): string[] => {
    if (typeof type === "string") return [path];
    if (type.list !== undefined) return inside(path, type.list);
    return type.struct === undefined ? [path] : columnsOf(type.struct, `${path}.`);
  };
  return columns.flatMap(([name, type]) => inside(prefix + name, type));
}

const schemas = join(import.meta.dirname, "../../../tooling/lake/schemas");
const tables = readdirSync(schemas)
  .filter((name) => /_[12]_0\.json$/.test(name))
  .map((name) => [name, JSON.parse(readFileSync(join(schemas, name), "utf8")) as Table] as const);

describe("the fields of the template", () => {
  it("are those that the catalogs and tables give (else run template/build.ts)", () => {
    expect(readFileSync(join(import.meta.dirname, "../src/data/fields.json"), "utf8")).toBe(build());
  });

  it.each(tables)("have every column of %s, values or payload", (_, { fields }) => {
    const columns = columnsOf(fields);
    expect(columns.length).toBeGreaterThan(20);
    expect(columns.filter((path) => !standard.has(`data.${path}`) && !isInside(path))).toEqual([]);
  });

  /** Of a payload that is kept as a whole. */
  function isInside(path: string): boolean {
    const names = path.split(".");
    return names.some((_, i) => standard.get(`data.${names.slice(0, i + 1).join(".")}`)?.enabled === false);
  }

  it("of a level include those of the one below", () => {
    const [lean, full] = [fieldsOf("lean"), fieldsOf("full")];
    expect([...lean.keys()].filter((path) => !standard.has(path))).toEqual([]);
    expect([...standard.keys()].filter((path) => !full.has(path))).toEqual([]);
    expect(lean.size).toBeLessThan(standard.size / 4);
    expect(full.size).toBeGreaterThan(standard.size * 2);
  });

  it.each([
    ["time", "date"],
    ["time_dt", "date"],
    ["src_endpoint.ip", "ip"],
    ["src_endpoint.intermediate_ips", "ip"],
    ["src_endpoint.port", "long"],
    ["type_uid", "long"],
    ["duration", "long"],
    ["confidence", "keyword"],
    ["priority", "keyword"],
    ["is_mfa", "boolean"],
    ["vulnerabilities.cve.cvss.base_score", "double"],
    ["class_name", "keyword"],
  ])("%s is %s", (path, type) => {
    expect(standard.get(`data.${path}`)).toMatchObject({ type });
  });

  it.each([
    ["lean", false],
    ["standard", false],
    ["full", undefined],
  ] as const)("of the level %s have observables in an index, and in a column at full", (level, column) => {
    const field = fieldsOf(level).get("data.observables.value");
    expect(field).toMatchObject({ type: "keyword" });
    expect([field?.index, field?.doc_values]).toEqual([undefined, column]);
  });

  it.each(["unmapped", "raw_data", "enrichments.data", "api.request.data", "api.response.data", "resources.data"])(
    "%s is kept as it is, whatever it is",
    (path) => {
      expect(standard.get(`data.${path}`)).toEqual({ type: "object", enabled: false });
    },
  );

  it("do not contradict the stock template of alerts", () => {
    const stock =
      "protocol action srcip dstip srcport dstport srcuser dstuser id status url data extra_data system_name type command integration title uid";
    for (const level of ["lean", "standard", "full"] as const) {
      const fields = fieldsOf(level);
      for (const name of stock.split(" ")) {
        const field = fields.get(`data.${name}`);
        expect([undefined, "keyword"], name).toContain(field?.type);
        expect(field?.properties, name).toBeUndefined();
      }
    }
    expect(standard.get("rule.level")).toMatchObject({ type: "long" });
    expect(standard.get("timestamp")).toMatchObject({ type: "date" });
  });

  it("hold no keyword that Lucene could refuse for its length", () => {
    for (const [path, field] of fieldsOf("full")) {
      if (field.type === "keyword") expect((field.ignore_above as number) * 3, path).toBeLessThan(32_766);
    }
  });

  it("never grow: what is not named is not mapped", () => {
    const { template } = indexTemplate() as { template: { mappings: Field; settings: Field } };
    expect(template.mappings.dynamic).toBe(false);
    expect([...standard.values()].filter((field) => "dynamic" in field)).toEqual([]);
    expect(template.settings["index.mapping.total_fields.limit"]).toBe(standard.size + 100);
  });
});

it.each(["lean", "standard", "full"] as const)("the README says how many fields the level %s has", (level) => {
  const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");
  const [, number] = new RegExp(`^\\| \`${level}\` .*\\| ([\\d,]+) +\\|$`, "m").exec(readme) ?? [];
  expect(number?.replace(",", "")).toBe(String(fieldsOf(level).size));
});

describe("the settings of the template", () => {
  const settings = (options: Parameters<typeof indexTemplate>[0]): Field =>
    (indexTemplate(options) as { template: { settings: Field } }).template.settings;

  it("are one shard, a replica where there is a second node, and OpenSearch's own codec", () => {
    expect(settings({})).toMatchObject({
      "index.number_of_shards": 1,
      "index.auto_expand_replicas": "0-1",
      "index.refresh_interval": "5s",
      "index.codec": "default",
    });
  });

  it("can be set", () => {
    expect(
      settings({ shards: 3, replicas: 2, refreshInterval: "30s", codec: "best_compression", sorted: true }),
    ).toMatchObject({
      "index.number_of_shards": 3,
      "index.number_of_replicas": 2,
      "index.refresh_interval": "30s",
      "index.codec": "best_compression",
      "index.sort.field": "timestamp",
      "index.sort.order": "desc",
    });
    expect(settings({ replicas: 2 })).not.toHaveProperty(["index.auto_expand_replicas"]);
  });
});

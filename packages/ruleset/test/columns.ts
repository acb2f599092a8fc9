import type { Column, Columns } from "../src/index.ts";

/** Columns as a reader of Parquet files hands them over: flat leaves only, values in a dictionary, -1 for null. */
export function columnsOf(events: readonly object[]): Columns {
  const values = new Map<string, unknown[]>();
  events.forEach((event, row) => {
    for (const [path, value] of leaves(event, "")) {
      const column = values.get(path) ?? new Array(events.length).fill(null);
      column[row] = value;
      values.set(path, column);
    }
  });
  return {
    rowCount: events.length,
    columns: new Map([...values].map(([path, column]) => [path, columnOf(column)])),
  };
}

function* leaves(value: unknown, path: string): Generator<[string, unknown]> {
  if (Array.isArray(value)) return;
  if (value === null || typeof value !== "object") {
    yield [path, value];
    return;
  }
  for (const [name, member] of Object.entries(value)) yield* leaves(member, path === "" ? name : `${path}.${name}`);
}

function columnOf(values: readonly unknown[]): Column {
  const distinct = [...new Set(values.filter((value) => value !== null))];
  const ids = new Map(distinct.map((value, id) => [value, id]));
  return {
    ids: Int32Array.from(values, (value) => ids.get(value) ?? -1),
    dictionary: { length: distinct.length, value: (id) => distinct[id] },
  };
}

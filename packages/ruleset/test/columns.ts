import type { Column, Columns, Value } from "../src/index.ts";

/** Columns as a reader of Parquet files hands them over: flat leaves only, values in a dictionary, -1 for null. */
export function columnsOf(events: readonly object[]): Columns {
  const values = new Map<string, Value[]>();
  events.forEach((event, row) => {
    for (const [path, value] of leaves(event, "")) {
      const column = values.get(path) ?? new Array<Value>(events.length).fill(null);
      column[row] = value;
      values.set(path, column);
    }
  });
  return {
    rowCount: events.length,
    columns: new Map([...values].map(([path, column]) => [path, columnOf(column)])),
  };
}

function* leaves(value: unknown, path: string): Generator<[string, Value]> {
  if (Array.isArray(value)) return;
  if (value === null || typeof value !== "object") {
    yield [path, value as Value];
    return;
  }
  for (const [name, member] of Object.entries(value)) yield* leaves(member, path === "" ? name : `${path}.${name}`);
}

function columnOf(values: readonly Value[]): Column {
  const distinct = [...new Set(values.filter((value) => value !== null))];
  const ids = new Map(distinct.map((value, id) => [value, id]));
  return {
    ids: Int32Array.from(values, (value) => (value === null ? -1 : (ids.get(value) as number))),
    dictionary: { length: distinct.length, value: (id) => distinct[id] },
  };
}

import { describe, expect, it } from "vitest";
import { itemsOf, saysAllStored } from "../src/answer.ts";
import { createMemory, isAbout } from "../src/batch.ts";
import { BulkBodyBuilder } from "../src/bulk-body.ts";
import type { Share } from "../src/gathering.ts";

function share(ids: readonly string[], from = 0, to = ids.length): Share<undefined> {
  const builder = new BulkBodyBuilder();
  for (const id of ids) {
    builder.begin("index", id);
    builder.appendText('{"a":1}');
    builder.end();
  }
  return { owner: undefined, body: builder.take(), from, to, attempts: 0, faults: 0 };
}

const item = (id: string, status = 201): object => ({ create: { _id: id, status } });
const answer = (items: readonly object[], errors = false): string => JSON.stringify({ errors, items });
const ids = ["a-1", "a-2", "b-10"];

it("a reason is one line, whatever lines OpenSearch makes of it", () => {
  const error = { type: "x", reason: "Duplicate field 'a'\n at [Source: REDACTED;\r\n line: 1]" };
  const [read] = itemsOf({ items: [{ create: { _id: "a", status: 400, error } }] }, 1) ?? [];
  expect(read?.reason).toBe("x: Duplicate field 'a' at [Source: REDACTED; line: 1]");
});

describe("an answer that says all is stored", () => {
  it("is about exactly the documents sent, in one share or several", () => {
    expect(saysAllStored(answer(ids.map((id) => item(id))), [share(ids)])).toBe(true);
    expect(saysAllStored(answer(ids.map((id) => item(id))), [share(["x", "a-1", "a-2"], 1), share(["b-10"])])).toBe(
      true,
    );
  });

  it.each<[string, unknown]>([
    ["one missing", answer([item("a-1"), item("a-2")])],
    ["one more", answer([...ids.map((id) => item(id)), item("c")])],
    ["another order", answer([item("a-2"), item("a-1"), item("b-10")])],
    ["an id that only ends alike", answer([item("a-1"), item("a-2"), item("0")])],
    ["an id that only begins alike", answer([item("a-1"), item("a-2"), item("b-100")])],
    ["the end of the line as an id", answer([item('","_id":"a-1'), item("a-2"), item("b-10")])],
    ["another status", answer([item("a-1"), item("a-2", 409), item("b-10")])],
    [
      "errors",
      answer(
        ids.map((id) => item(id)),
        true,
      ),
    ],
    ["its end cut off", answer(ids.map((id) => item(id))).slice(0, -2)],
    ["more after its end", `${answer(ids.map((id) => item(id)))} `],
    ["nothing", ""],
    ["the form that is parsed", JSON.parse(answer(ids.map((id) => item(id))))],
  ])("is not one with %s", (_what, given) => {
    expect(saysAllStored(given, [share(ids)])).toBe(false);
  });

  it.each(['q"uote', "back\\slash", "é", "日本", "", 'b"b'])("is otherwise read item by item: the id %j", (id) => {
    const sent = [share([id])];
    const text = answer([item(id)]);
    const items = itemsOf(text, 1) ?? [];
    expect(items).toMatchObject([{ id, status: 201 }]);
    expect(isAbout(items, sent)).toBe(true);
    expect(saysAllStored(answer([item("b")]), [share(['b"b'])])).toBe(false);
    expect(isAbout([{ id: `${id}x` }], sent)).toBe(false);
  });
});

describe("the memory of requests", () => {
  const lines = (...batch: Share<undefined>[]): string =>
    batch.map(({ body }) => Buffer.from(body.bytes).toString()).join("");

  it("is taken again after the request was answered, and not before", () => {
    const memory = createMemory();
    const [one, other] = [share(["1"]), share(["2"])];
    const first = memory.assemble([one, other]);
    const second = memory.assemble([other, one]);
    expect(first.toString()).toBe(lines(one, other));
    expect(second.buffer).not.toBe(first.buffer);
    memory.release(first);
    expect(memory.assemble([one, one]).buffer).toBe(first.buffer);
    expect(second.toString()).toBe(lines(other, one));
  });

  it("is never that of a body", () => {
    const memory = createMemory();
    const [one, other] = [share(["1"]), share(["2"])];
    const only = memory.assemble([one]);
    expect(only.buffer).toBe(one.body.bytes.buffer);
    memory.release(only);
    memory.assemble([other, other]);
    expect(Buffer.from(one.body.bytes).toString()).toContain('"_id":"1"');
  });
});

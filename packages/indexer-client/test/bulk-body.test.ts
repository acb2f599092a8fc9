import { describe, expect, it } from "vitest";
import { actionOf, type BulkBody, BulkBodyBuilder, hasId, sourceOf } from "../src/bulk-body.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function built(
  documents: readonly (readonly [index: string, id: string, source: string])[],
  capacity?: number,
): BulkBody {
  const builder = new BulkBodyBuilder(capacity);
  for (const [index, id, source] of documents) {
    builder.begin(index, id);
    builder.append(bytes(source));
    builder.end();
  }
  return builder.take();
}

describe("BulkBodyBuilder", () => {
  it("renders an action line and a source line for each document", () => {
    const body = built([
      ["a", "1", '{"x":1}'],
      ["b", "2", '{"x":"é"}'],
    ]);
    expect(Buffer.from(body.bytes).toString()).toBe(
      '{"create":{"_index":"a","_id":"1"}}\n{"x":1}\n{"create":{"_index":"b","_id":"2"}}\n{"x":"é"}\n',
    );
    expect(body.count).toBe(2);
    expect([...body.offsets]).toEqual([0, 44, 44 + 47]);
  });

  it("appends slices and grows beyond its capacity", () => {
    const builder = new BulkBodyBuilder(1);
    const source = bytes(`xx{"long":"${"y".repeat(5_000)}"}xx`);
    for (let i = 0; i < 1_000; i++) {
      builder.begin("index", `id-${i}`);
      builder.append(source, 2, source.length - 2);
      builder.end();
    }
    const size = builder.byteLength;
    const body = builder.take();
    expect(body.bytes.length).toBe(size);
    expect(body.count).toBe(1_000);
    expect(actionOf(body, 999)).toEqual({ index: "index", id: "id-999" });
    expect(Buffer.from(sourceOf(body, 500)).toString()).toBe(`{"long":"${"y".repeat(5_000)}"}`);
  });

  it("appends text beside bytes", () => {
    const builder = new BulkBodyBuilder(1);
    builder.begin("i", "1");
    builder.appendText('{"a":"é\u{1f600}",');
    builder.append(bytes('"b":1'));
    builder.appendText("}");
    builder.end();
    expect(Buffer.from(sourceOf(builder.take(), 0)).toString()).toBe('{"a":"é\u{1f600}","b":1}');
  });

  it("escapes ids and index names that need it", () => {
    const id = 'a"b\\c\n\u00e9\u{1f600}';
    const body = built([['i"x', id, "{}"]]);
    expect(actionOf(body, 0)).toEqual({ index: 'i"x', id });
    expect(hasId(body, 0, id)).toBe(true);
    expect(hasId(body, 0, "another")).toBe(false);
  });

  it("tells ids apart that end alike", () => {
    const body = built([["i", "abc", "{}"]]);
    expect(hasId(body, 0, "abc")).toBe(true);
    expect(hasId(body, 0, "bc")).toBe(false);
    expect(hasId(body, 0, "xabc")).toBe(false);
  });

  it("starts anew after take, and leaves what was taken alone", () => {
    const builder = new BulkBodyBuilder();
    builder.begin("i", "1");
    builder.append(bytes("{}"));
    builder.end();
    const first = builder.take();
    builder.begin("i", "2");
    builder.append(bytes("[]"));
    builder.end();
    const second = builder.take();
    expect(actionOf(first, 0).id).toBe("1");
    expect(actionOf(second, 0).id).toBe("2");
    expect(builder.take().count).toBe(0);
  });

  it("refuses a source of two lines, which would shift all that follows", () => {
    const builder = new BulkBodyBuilder();
    builder.begin("i", "1");
    builder.append(bytes('{\n"x":1}'));
    expect(() => builder.end()).toThrow("one line");
  });

  it("drops the refused document alone", () => {
    const builder = new BulkBodyBuilder();
    const add = (source: string): void => {
      builder.begin("i", source.at(-2) as string);
      builder.append(bytes(source));
      builder.end();
    };
    add('{"x":1}');
    expect(() => add('{\n"x":2}')).toThrow("one line");
    add('{"x":3}');
    expect(builder.take()).toEqual(
      built([
        ["i", "1", '{"x":1}'],
        ["i", "3", '{"x":3}'],
      ]),
    );
  });

  it("writes over the memory of a body that is given back, and of no other", () => {
    const builder = new BulkBodyBuilder(1_000);
    const fill = (text: string): BulkBody => {
      builder.begin("i", "1");
      builder.append(new TextEncoder().encode(JSON.stringify(text)));
      builder.end();
      return builder.take();
    };
    const [first, second] = [fill("first"), fill("second")];
    builder.recycle(first);
    builder.recycle(first);
    builder.recycle({ ...second, bytes: Uint8Array.from(second.bytes) });
    const [third, fourth] = [fill("third"), fill("fourth")];
    expect(third.bytes.buffer).toBe(first.bytes.buffer);
    expect(fourth.bytes.buffer).not.toBe(first.bytes.buffer);
    for (const [body, text] of [
      [second, "second"],
      [third, "third"],
      [fourth, "fourth"],
    ] as const) {
      expect(Buffer.from(sourceOf(body, 0)).toString()).toBe(JSON.stringify(text));
    }
  });

  it("makes each body anew of what is large enough, and keeps no more than a bound of what was given back", () => {
    const builder = new BulkBodyBuilder();
    const fill = (size: number): BulkBody => {
      builder.start(size + 100);
      builder.begin("i", "1");
      builder.append(new Uint8Array(size).fill(0x31));
      builder.end();
      return builder.take();
    };
    const [small, large, huge] = [fill(1_000), fill(100_000), fill(30_000_000)];
    for (const body of [huge, small, large, fill(5_000_000)]) builder.recycle(body);
    expect(fill(50_000).bytes.buffer).toBe(large.bytes.buffer);
    expect(fill(1_000).bytes.buffer).toBe(small.bytes.buffer);
    expect(fill(5_000_000).bytes.buffer).toBe(huge.bytes.buffer);
    expect(fill(10).bytes.buffer.byteLength).toBe(110);
  });

  it("starts anew after a document that was never ended", () => {
    const builder = new BulkBodyBuilder();
    builder.start(100);
    builder.begin("i", "1");
    builder.end();
    builder.begin("i", "2");
    builder.append(bytes('{"half":'));
    builder.start(100);
    builder.begin("i", "3");
    builder.append(bytes("{}"));
    builder.end();
    const body = builder.take();
    expect([body.count, actionOf(body, 0).id]).toEqual([1, "3"]);
    expect(Buffer.from(sourceOf(body, 0)).toString()).toBe("{}");
  });
});

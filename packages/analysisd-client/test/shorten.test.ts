import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AnalysisdError, maxEventBytes, shorten } from "../src/index.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (event: Uint8Array) => new TextDecoder().decode(event);
const short = (value: unknown, limit: number) => {
  const { bytes: event, fields } = shorten(bytes(JSON.stringify(value)), limit);
  expect(event.byteLength).toBeLessThanOrEqual(limit);
  return { event: JSON.parse(text(event)), fields };
};

describe("an event over the limit", () => {
  it("is left alone up to the limit of the engine, 65,523 bytes", () => {
    const event = bytes(JSON.stringify({ a: "x".repeat(65_523 - 8) }));
    expect(event.byteLength).toBe(maxEventBytes);
    expect(shorten(event)).toEqual({ bytes: event, fields: [] });
  });

  it("loses no more of its longest text than is needed, with a mark", () => {
    const { bytes: event, fields } = shorten(bytes(JSON.stringify({ uid: "u-1", raw: "x".repeat(70_000), time: 5 })));
    expect(fields).toEqual(["raw"]);
    expect(event.byteLength).toBeGreaterThan(maxEventBytes - 8);
    const { uid, raw, time } = JSON.parse(text(event));
    expect({ uid, time }).toEqual({ uid: "u-1", time: 5 });
    const [, kept = "", missing] = /^(x+)…\[(\d+) more\]$/.exec(raw) ?? [];
    expect(kept.length + Number(missing)).toBe(70_000);
  });

  it("keeps shorter texts whole while a longer one can be cut", () => {
    const { event, fields } = short({ a: "a".repeat(400), b: { c: ["b".repeat(900), "d".repeat(1_000)] } }, 1_600);
    expect(fields).toEqual(["b.c.0", "b.c.1"]);
    expect(event.a).toBe("a".repeat(400));
  });

  it("loses members of its longest lists and objects when texts are short", () => {
    const value = {
      uid: "u",
      tags: Array.from({ length: 500 }, (_, i) => `t${i}`),
      few: [1, 2, 3],
      map: { a: 1, b: 2 },
    };
    const { event, fields } = short(value, 600);
    expect(fields).toEqual(["tags"]);
    expect(event).toMatchObject({ uid: "u", few: [1, 2, 3], map: { a: 1, b: 2 } });
    const kept = event.tags.length - 1;
    expect(event.tags[kept]).toBe(`…[${500 - kept} more]`);
    expect(event.tags.slice(0, kept)).toEqual(value.tags.slice(0, kept));
  });

  it("loses its last members when nothing else helps", () => {
    const value = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`member${i}`, i]));
    const { event } = short(value, 200);
    expect(event.member0).toBe(0);
    expect(event["…"]).toBe(`[${101 - Object.keys(event).length} more]`);
  });

  it("keeps numbers as they are written", () => {
    const event = `{"big":9007199254740993,"small":1e-7,"zero":-0.0,"long":${"9".repeat(40)},"raw":"${"x".repeat(500)}"}`;
    const shortened = text(shorten(bytes(event), 300).bytes);
    expect(shortened).toContain(`{"big":9007199254740993,"small":1e-7,"zero":-0.0,"long":${"9".repeat(40)},"raw":"x`);
  });

  it("cuts between characters", () => {
    for (let limit = 600; limit < 608; limit++) {
      const { event } = short({ raw: "😀".repeat(400) }, limit);
      expect(event.raw).toMatch(/^(😀)+…\[\d+ more\]$/u);
    }
  });

  it.each(["[1,2,3]", '"text"', "12345678", "{broken", ""])("is refused when it is no object: %j", (event) => {
    const over = bytes(event.padEnd(20));
    expect(() => shorten(over, 10)).toThrow(AnalysisdError);
    expect(() => shorten(over, 10)).toThrow(expect.objectContaining({ code: "EVENT_UNREADABLE" }));
  });
});

it("whatever the event, it fits, is JSON, and keeps what is named nowhere as cut", () => {
  const event = fc.dictionary(fc.string({ maxLength: 10 }), fc.jsonValue({ maxDepth: 4 }), { minKeys: 1 });
  fc.assert(
    fc.property(event, fc.integer({ min: 60, max: 400 }), (value, limit) => {
      const original = JSON.stringify(value);
      const { bytes: event, fields } = shorten(bytes(original), limit);
      expect(event.byteLength).toBeLessThanOrEqual(Math.max(limit, 0));
      const kept = JSON.parse(text(event)) as Record<string, unknown>;
      if (fields.length === 0) expect(text(event)).toBe(original);
      const parsed = JSON.parse(original) as Record<string, unknown>;
      for (const [name, member] of Object.entries(kept)) {
        const touched = fields.some((field) => field === name || field.startsWith(`${name}.`)) || fields.includes("");
        if (!touched) expect(member).toEqual(parsed[name]);
      }
    }),
    { numRuns: 300 },
  );
});

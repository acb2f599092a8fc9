import { expect, it } from "vitest";
import { createLog } from "../src/log.ts";

function logged(line: string): string {
  let said = "";
  createLog("info", (text) => {
    said += text;
  }).warning(line);
  return said;
}

it("writes one line a call, whatever the text", () => {
  expect(logged("one\r\n  two\n")).toBe("WARNING: one two \n");
});

it("lets no control character of a key or an answer through to the terminal", () => {
  const controls = [...Array(0x20).keys(), 0x7f, ...Array.from({ length: 0x20 }, (_, at) => 0x80 + at), 0x2028, 0x2029]
    .filter((code) => code !== 0x0a && code !== 0x0d)
    .map((code) => String.fromCharCode(code));
  for (const control of controls) expect(logged(`a${control}[31mb`)).toBe("WARNING: a\ufffd[31mb\n");
});

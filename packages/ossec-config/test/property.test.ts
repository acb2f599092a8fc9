import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { issueLine, readSettings } from "../src/index.ts";
import { type Element, readXml } from "../src/xml.ts";

const names = [
  "ossec_config",
  "wodle",
  "subscriber",
  "sqs_name",
  "external_id",
  "interval",
  "var",
  "cluster",
  "hosts",
  "hasOwnProperty",
  "__proto__",
  "a",
];
const pieces = fc.oneof(
  fc.constantFrom(
    "<",
    ">",
    "</",
    "/>",
    "<!",
    "<!--",
    "-->",
    "!>",
    "\\<",
    "\\",
    "&",
    "&amp;",
    "<?",
    "?>",
    "$",
    '"',
    "'",
    "=",
    " ",
    "\n",
    "<![CDATA[",
    "]]>",
  ),
  fc.constantFrom(...names).map((name) => `<${name}>`),
  fc.constantFrom(...names).map((name) => `</${name}>`),
  fc.constantFrom(...names).map((name) => `<${name} ${name}="x" name='aws-s3' type="security_lake">`),
  fc.constantFrom(...names),
  fc.string({ unit: "binary", maxLength: 5 }),
);
const soup = fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join(""));

/** An element written in the dialect, with comments and characters that mean something in XML. */
interface Written {
  readonly name: string;
  readonly children: readonly Written[];
  readonly content: string;
}
const content = fc
  .array(fc.constantFrom("a", "é", "&", "&lt;", "\\<", "<!-- <x> -->", "<! & !>", "\n", " ", "1"), { maxLength: 8 })
  .map((parts) => parts.join(""));
const { written } = fc.letrec<{ written: Written }>((tie) => ({
  written: fc.record({
    name: fc.constantFrom("ossec_config", "b", "c-d", "e_f"),
    children: fc.oneof({ maxDepth: 4 }, fc.constant([]), fc.array(tie("written"), { maxLength: 3 })),
    content,
  }),
}));

function write({ name, children, content }: Written): string {
  return `<${name}>${children.map((child) => content + write(child)).join("")}${content}</${name}>`;
}

function expected({ name, children, content }: Written): unknown {
  const text = content.replaceAll(/<!-- <x> -->|<! & !>/g, "");
  return { name, children: children.map(expected), text };
}

function shape({ name, children, text }: Element): unknown {
  return { name, children: children.map(shape), text };
}

function everyElement(elements: readonly Element[]): Element[] {
  return elements.flatMap((element) => [element, ...everyElement(element.children)]);
}

function offsetOf(text: string, { line, column }: { line: number; column: number }): number {
  return (
    text
      .split("\n")
      .slice(0, line - 1)
      .reduce((sum, before) => sum + before.length + 1, 0) +
    column -
    1
  );
}

describe("whatever the text", () => {
  it("reading it does not throw, and each issue lies within it and fits on a line", () => {
    fc.assert(
      fc.property(soup, (text) => {
        const lines = text.split("\n");
        for (const issue of readSettings(text).issues) {
          expect(issue.line).toBeGreaterThanOrEqual(1);
          expect(issue.line).toBeLessThanOrEqual(lines.length);
          expect(issue.column).toBeGreaterThanOrEqual(1);
          expect(issue.column).toBeLessThanOrEqual((lines[issue.line - 1] as string).length + 1);
          expect(issueLine(issue)).not.toContain("\n");
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it("each element's position is that of its <", () => {
    fc.assert(
      fc.property(soup, (text) => {
        for (const element of everyElement(readXml(text).elements)) {
          const found = text.slice(offsetOf(text, element));
          expect(found).toMatch(/^</);
          expect(found.slice(1).trimStart().startsWith(element.name)).toBe(true);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ["comments that never end", "<!".repeat(500_000)],
    ["backslashes", "\\".repeat(1_000_000)],
    ["opening tags", "<a>".repeat(300_000)],
    ["closing tags", "</a>".repeat(300_000)],
    ["mismatched tags", "<a></b>".repeat(150_000)],
    ["an attribute without end", `<a b="${"x".repeat(1_000_000)}`],
    ["a name without end", `<${"a".repeat(1_000_000)}`],
    ["references to variables", `<var name="x">1</var><a>${"$x ".repeat(300_000)}</a>`],
    ["lines", `<a>${"\n".repeat(1_000_000)}</a>`],
    [
      "subscribers",
      `<ossec_config><wodle name="aws-s3">${'<subscriber type="security_lake"><sqs_name>a</sqs_name></subscriber>'.repeat(10_000)}</wodle></ossec_config>`,
    ],
  ])("a megabyte of %s is read in time", (_name, text) => {
    const started = performance.now();
    readSettings(text);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

it("what is well formed is read to what was written", () => {
  fc.assert(
    fc.property(fc.array(written, { maxLength: 4 }), (roots) => {
      const text = roots.map(write).join("\ntext between & around\n");
      const { elements, issues } = readXml(text);
      expect(issues).toEqual([]);
      expect(elements.map(shape)).toEqual(roots.map(expected));
    }),
    { numRuns: 500 },
  );
});

it("no secret is in an issue, however wrong the file is around it", () => {
  const secret = fc.string({ unit: fc.constantFrom(..."ABCxyz019+=,.@:/-_ &$<>\"'\\"), minLength: 8, maxLength: 40 });
  const place = fc.constantFrom("external_id", "secret_key", "access_key");
  fc.assert(
    fc.property(secret, place, fc.boolean(), soup, (value, name, closed, around) => {
      const text = `<var name="x">1</var><ossec_config><wodle name="aws-s3"><subscriber type="security_lake"><${name}>${value}${closed ? `</${name}>` : ""}</subscriber></wodle>${around}`;
      const shown = readSettings(text)
        .issues.map((issue) => issueLine(issue))
        .join("\n");
      for (let at = 0; at + 8 <= value.length; at++) expect(shown).not.toContain(value.slice(at, at + 8));
    }),
    { numRuns: 1_000 },
  );
});

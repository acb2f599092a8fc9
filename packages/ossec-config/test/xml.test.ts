import { describe, expect, it } from "vitest";
import { type Element, readXml } from "../src/xml.ts";

/** The elements without their positions. */
function shape(elements: readonly Element[]): unknown {
  return elements.map(({ name, attributes, children, text }) => [
    name,
    ...(attributes.size > 0 ? [Object.fromEntries(attributes)] : []),
    ...(children.length > 0 ? [shape(children)] : []),
    text,
  ]);
}

function sound(text: string): unknown {
  const { elements, issues } = readXml(text);
  expect(issues).toEqual([]);
  return shape(elements);
}

function issuesOf(text: string): string[] {
  return readXml(text).issues.map(({ line, column, subject, problem }) => `${line}:${column} ${subject} ${problem}`);
}

describe("the dialect", () => {
  it("takes several roots, and no notice of what stands between them", () => {
    expect(sound("one <a>1</a> two & three\n<a>2</a> four")).toEqual([
      ["a", "1"],
      ["a", "2"],
    ]);
  });

  it("takes & as an ordinary character, and knows no entities", () => {
    expect(sound('<a b="&lt;&">x && y &amp; z</a>')).toEqual([["a", { b: "&lt;&" }, "x && y &amp; z"]]);
  });

  it("takes \\< as a character, backslash included, and \\\\< as two backslashes before a tag", () => {
    expect(sound("<a>if x \\< 3</a>")).toEqual([["a", "if x \\< 3"]]);
    expect(sound("<a>c:\\\\</a>")).toEqual([["a", "c:\\\\"]]);
    expect(sound("<a>\\d+\\</a></a>")).toEqual([["a", "\\d+\\</a>"]]);
  });

  it("ends comments by --> and by !>", () => {
    expect(sound("<a>1<!-- <b> & \n -->2<! <c> !>3<!>4 !>5</a>")).toEqual([["a", "1235"]]);
  });

  it("takes CDATA and DOCTYPE as comments", () => {
    expect(sound("<!DOCTYPE x !><a>1<![CDATA[ <b> ]]-->2</a>")).toEqual([["a", "12"]]);
  });

  it("takes as content what follows the last child", () => {
    expect(sound("<a> lost <b>1</b> kept </a>")).toEqual([["a", [["b", "1"]], " kept "]]);
  });

  it("takes attributes in either quotes, and empty elements", () => {
    expect(sound(`<a b="1'" c='2"'/><d /><e></e>`)).toEqual([
      ["a", { b: "1'", c: '2"' }, ""],
      ["d", ""],
      ["e", ""],
    ]);
  });

  it("takes a byte order mark and any end of line", () => {
    expect(sound("\uFEFF<a>1</a>\r\n<b>2\r\n</b>\r")).toEqual([
      ["a", "1"],
      ["b", "2\r\n"],
    ]);
  });

  it("replaces variables in contents and attributes, whatever their case", () => {
    expect(sound('<a b="$X">$x.log|$X, $Y $ $</a>\n<var name="x">one</var><var name="Y">two</var>')).toEqual([
      ["a", { b: "$X" }, "one.log|one, two $ $"],
      ["var", { name: "x" }, "one"],
      ["var", { name: "Y" }, "two"],
    ]);
    expect(sound('<var name="X">1</var><a b="$X.$X">c</a>')).toEqual([
      ["var", { name: "X" }, "1"],
      ["a", { b: "1.1" }, "c"],
    ]);
  });

  it("leaves $ alone where the file defines no variable", () => {
    expect(sound("<a>$HOME</a>")).toEqual([["a", "$HOME"]]);
  });
});

describe("positions", () => {
  it("are those of the file, behind comments and escapes too", () => {
    const [a] = readXml("<!-- 1\n2 -->  <a>\n & \\< <b>\n</b><!x!><c/></a>").elements as [Element];
    expect([a, ...a.children].map(({ name, line, column }) => [name, line, column])).toEqual([
      ["a", 2, 8],
      ["b", 3, 7],
      ["c", 4, 10],
    ]);
  });
});

describe("what the manager refuses", () => {
  it.each([
    ["an element that is not closed", "<a>\n  <b>1\n</a>", ["2:3 <b> is not closed (XMLERR: Element not closed)"]],
    [
      "elements open at the end",
      "<a>\n<b>",
      ["1:1 <a> is not closed (XMLERR: Element not closed)", "2:1 <b> is not closed (XMLERR: Element not closed)"],
    ],
    [
      "a closing tag too many",
      "<a>1</a>\n</a>",
      ["2:1 The file holds a closing tag of an element that is not open (XMLERR: Element not opened)"],
    ],
    [
      "a blank in a closing tag",
      "<a>1</a >",
      ["1:5 <a> has a blank in its closing tag, which does not close it for the manager"],
    ],
    [
      "a comment that never ends",
      "<a>1</a>\n<!-- x",
      ["2:1 <! begins a comment that never ends (XMLERR: Comment not closed)"],
    ],
    [
      "an XML declaration",
      '<?xml version="1.0"?>\n<a>1</a>',
      ["1:1 <?…?> is not known to the manager: it reads it as an element that is never closed"],
    ],
    ["an attribute without quotes", "<a b=1>2</a>", ["1:1 The file has an attribute without quotes"]],
    ["a < that begins no tag", "<a>1 < 2</a>", ["1:6 <a> holds a < that begins no tag"]],
    ["a < before a blank", "<a>\n< b>2</b></a>", ["2:1 <a> holds a < that begins no tag"]],
    [
      "a content over 20,480 bytes",
      `<a>${"é".repeat(10_241)}</a>`,
      ["1:1 <a> is longer than the 20480 bytes that the manager reads (XMLERR: String overflow)"],
    ],
    [
      "more than 1,024 levels",
      `\n${"<a>".repeat(1_025)}${"</a>".repeat(1_025)}`,
      ["2:3073 <a> holds elements more than 1024 levels deep"],
    ],
    [
      "a variable that is not defined",
      '<var name="X">1</var>\n<a>$abc</a>',
      [
        "2:1 <a> uses a variable that is not defined (XML_ERR: Unknown variable); where a file defines any, each $ begins one",
      ],
    ],
    ["a variable without a name", "<var>1</var>", ["1:1 <var> has no name"]],
  ])("%s", (_name, text, expected) => {
    expect(issuesOf(text)).toEqual(expected);
  });

  it("names the tag that closes an element, but none within a secret", () => {
    const fixes = (text: string) => readXml(text).issues.map(({ fix }) => fix);
    expect(fixes("<a>\n<b>1\n</a>")).toEqual(["Write </b>"]);
    expect(fixes("<external_id><secret></external_id>").join()).not.toContain("secret");
  });

  it("keeps what is sound around it", () => {
    expect(shape(readXml("<a><b>1</c></b></a><d>2</d>").elements)).toEqual([
      ["a", [["b", "1</c>"]], ""],
      ["d", "2"],
    ]);
  });

  it("stops counting errors of syntax where nobody reads on", () => {
    const { issues } = readXml("<a>1</b>".repeat(100_000));
    expect(issues.length).toBeLessThan(25);
    expect(
      issues.some(({ problem }) => problem === "has so many errors of syntax that the rest of it is not read"),
    ).toBe(true);
  });
});

import sax from "sax";
import { type Issue, type Position, type Problem, secretElements, tag } from "./issues.ts";

/** An element of the file; its position is that of its `<`. */
export interface Element extends Position {
  readonly name: string;
  /** In the order of the file. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly Element[];
  /** What follows the last child, as it stands there. */
  readonly text: string;
}

export interface Xml {
  /** Elements of the top level, one after the other. */
  readonly elements: readonly Element[];
  readonly issues: readonly Issue[];
}

interface OpenElement extends Element {
  readonly attributes: Map<string, string>;
  readonly children: OpenElement[];
  text: string;
}

/** Limits of the manager's own reader: bytes of a name or a content, and levels. */
const maxBytes = 20_480;
const maxLevels = 1_024;
/** A file that is no XML at all has an error in every line; nobody reads more than these. */
const maxSyntaxIssues = 20;
/** Thrown to end the reading: what follows can only be misunderstood, and the manager refuses the file anyway. */
const enough = Symbol("enough");
/** Holds the several roots of the file, so that a reader of XML accepts them. */
const root = "ossec.conf-roots";
const prefix = `<${root}>`;

/**
 * Reads the dialect of `ossec.conf`: several roots, text between them, `&` as an ordinary character, `\<` for a `<` in a
 * content, comments from `<!` to `-->` or `!>`, no entities, no CDATA, variables (`<var name="X">` at the top level, `$X`).
 * Never throws: what is wrong is in `issues`, and `elements` holds what could be read all the same.
 *
 * Source: behaviour of the manager's reader, Wazuh 4.9.
 */
export function readXml(text: string): Xml {
  const standIns = unusedCharacters(text, 3);
  const place = placesOf(text);
  if (standIns === undefined) return { elements: [], issues: [{ ...place(0), subject: "The file", ...notText }] };
  const [ampersand, lessThan, nothing] = standIns as [string, string, string];
  const restore = (value: string): string =>
    value.replaceAll(nothing, "").replaceAll(lessThan, "<").replaceAll(ampersand, "&");

  const issues: Issue[] = [];
  const top = openElement(root, { line: 1, column: 1 });
  const open: OpenElement[] = [top];
  const innermost = (): OpenElement => open[open.length - 1] as OpenElement;
  const report = (at: Position, subject: string, problem: Problem): void => {
    issues.push({ ...problem, line: at.line, column: at.column, subject });
  };

  let syntaxIssues = 0;
  const syntax = (at: Position, subject: string, problem: Problem): void => {
    syntaxIssues++;
    report(at, subject, problem);
    if (syntaxIssues < maxSyntaxIssues) return;
    report(at, "The file", tooMany);
    throw enough;
  };

  const parser = sax.parser(true, { trim: false, normalize: false, position: true });
  const tagStart = (): Position => place(parser.startTagPosition - 1 - prefix.length);
  /** How many of the innermost elements the closing tag at hand leaves open. */
  let unclosed = 0;
  let attributes = new Map<string, string>();

  parser.onerror = (error) => {
    parser.error = null as unknown as Error;
    const [message = ""] = error.message.split("\n");
    if (message.startsWith("Unexpected close tag")) unclosed++;
    else if (message.startsWith("Unmatched closing tag")) {
      unclosed = 0;
      syntax(tagStart(), subjectOf(open), nothingToClose);
    } else syntax(tagStart(), subjectOf(open), syntaxProblem(message));
  };
  parser.onprocessinginstruction = () => syntax(tagStart(), "<?…?>", declaration);
  parser.onattribute = ({ name, value }) => {
    if (!attributes.has(name)) attributes.set(name, restore(value));
    // sax keeps attributes as members of an object, and trips over one that is named like a method of it.
    delete parser.tag.attributes[name];
  };
  parser.onopentag = ({ name }) => {
    const element = { ...openElement(name, tagStart()), attributes };
    attributes = new Map();
    if (name === root && open.length === 1) return;
    if (/\s/.test(text[parser.startTagPosition - prefix.length] ?? "")) syntax(element, subjectOf(open), noTag);
    if (open.length > maxLevels) {
      report(element, subjectOf(open), tooDeep);
      throw enough;
    }
    innermost().children.push(element);
    innermost().text = "";
    open.push(element);
  };
  parser.ontext = (content) => {
    innermost().text += restore(content);
  };
  parser.onclosetag = () => {
    if (open.length === 1) return;
    const element = open.pop() as OpenElement;
    const subject = subjectOf([...open, element]);
    if (unclosed > 0) {
      unclosed--;
      syntax(element, subject, notClosed(subject));
    } else if (/\s/.test(text[parser.position - 2 - prefix.length] ?? ""))
      syntax(tagStart(), subject, blankInClosingTag);
    if (tooLong(element.text) || tooLong(element.name)) report(element, subject, overflow);
  };

  const plain = withoutDialect(text, { ampersand, lessThan, nothing });
  if (plain.openComment !== undefined) syntax(place(plain.openComment), "<!", commentNotClosed);
  try {
    parser.write(`${prefix}${plain.text}</${root}>`).close();
  } catch (reason) {
    if (reason !== enough) throw reason;
  }
  substituteVariables(top.children, report);
  return { elements: top.children, issues: issues.sort((a, b) => a.line - b.line || a.column - b.column) };
}

function openElement(name: string, { line, column }: Position): OpenElement {
  return { line, column, name, attributes: new Map(), children: [], text: "" };
}

interface StandIns {
  readonly ampersand: string;
  readonly lessThan: string;
  /** Takes the place of what is to be skipped. */
  readonly nothing: string;
}

const dialect = /<!(?:.*?(-->|!>)|.*)|\\+<?|&/gs;

/**
 * The text as a reader of XML understands it. Every character stays at its offset, so that positions stay true: what XML
 * would take for markup becomes one character that the text does not use.
 */
function withoutDialect(text: string, standIns: StandIns): { text: string; openComment?: number } {
  let openComment: number | undefined;
  const plain = text.replaceAll(dialect, (match, end: string | undefined, at: number) => {
    if (match === "&") return standIns.ampersand;
    if (match.startsWith("\\")) return isEscape(match) ? match.slice(0, -1) + standIns.lessThan : match;
    if (end === undefined) openComment = at;
    return standIns.nothing.repeat(match.length);
  });
  return { text: plain, ...(openComment !== undefined && { openComment }) };
}

/** An odd number of backslashes before a `<`. */
function isEscape(match: string): boolean {
  return match.endsWith("<") && match.length % 2 === 0;
}

/** From the private use area, which no sound configuration touches. */
function unusedCharacters(text: string, count: number): string[] | undefined {
  const unused: string[] = [];
  for (let code = 0xe000; code < 0xf900 && unused.length < count; code++) {
    const character = String.fromCharCode(code);
    if (!text.includes(character)) unused.push(character);
  }
  return unused.length === count ? unused : undefined;
}

function placesOf(text: string): (offset: number) => Position {
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  return (offset) => {
    const within = Math.min(Math.max(offset, 0), text.length);
    let [low, high] = [0, lineStarts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((lineStarts[middle] as number) <= within) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: within - (lineStarts[low] as number) + 1 };
  };
}

/** The innermost element, or the secret one that it is in: what looks like an element there may be a part of the secret. */
function subjectOf(open: readonly OpenElement[]): string {
  const { name } = open.find((element) => secretElements.has(element.name)) ?? (open.at(-1) as OpenElement);
  return name === root ? "The file" : tag(name);
}

function tooLong(text: string): boolean {
  return text.length > maxBytes / 4 && new TextEncoder().encode(text).byteLength > maxBytes;
}

type Report = (at: Position, subject: string, problem: Problem) => void;

/** As the manager does it: only where there are variables at all; a name ends before one of `$ . | ,` and blank. */
function substituteVariables(elements: readonly OpenElement[], report: Report): void {
  const variables = new Map<string, string>();
  for (const element of elements.filter(({ name }) => name === "var")) {
    const name = element.attributes.get("name");
    if (name) variables.set(name.toLowerCase(), element.text);
    else report(element, "<var>", namelessVariable);
  }
  if (variables.size === 0) return;
  const substitute = (element: OpenElement, subject: string): void => {
    const replace = (content: string): string => {
      if (content.length <= 2) return content;
      return content.replaceAll(/\$([^$.|, ]*)/g, (reference, name: string) => {
        const value = variables.get(name.toLowerCase());
        if (value === undefined && name !== "") report(element, subject, unknownVariable);
        return value ?? reference;
      });
    };
    element.text = replace(element.text);
    for (const [name, value] of element.attributes) element.attributes.set(name, replace(value));
  };
  const visit = (parents: readonly OpenElement[], element: OpenElement): void => {
    const path = [...parents, element];
    substitute(element, subjectOf(path));
    for (const child of element.children) visit(path, child);
  };
  for (const element of elements) if (element.name !== "var") visit([], element);
}

function error(problem: string, fix: string): Problem {
  return { severity: "error", problem, fix };
}

const noTag: Problem = error("holds a < that begins no tag", "Write \\< for a < in a value");
const notText: Problem = error("is no text", "Give the manager's ossec.conf");
const tooMany: Problem = error(
  "has so many errors of syntax that the rest of it is not read",
  "Repair those above first",
);
const tooDeep: Problem = error(`holds elements more than ${maxLevels} levels deep`, "Close the elements around it");
/** Its name is that of the subject, which is not one within a secret. */
const notClosed = (subject: string): Problem =>
  error("is not closed (XMLERR: Element not closed)", `Write ${subject.replace("<", "</")}`);
const nothingToClose: Problem = error(
  "holds a closing tag of an element that is not open (XMLERR: Element not opened)",
  "Remove the tag, or write the opening one",
);
const blankInClosingTag: Problem = error(
  "has a blank in its closing tag, which does not close it for the manager",
  "Write the closing tag without a blank",
);
const commentNotClosed: Problem = error("begins a comment that never ends (XMLERR: Comment not closed)", "Write -->");
const declaration: Problem = error(
  "is not known to the manager: it reads it as an element that is never closed",
  "Remove the line",
);
const overflow: Problem = error(
  `is longer than the ${maxBytes} bytes that the manager reads (XMLERR: String overflow)`,
  "Shorten it",
);
const namelessVariable: Problem = error("has no name", 'Write <var name="…">value</var>');
const unknownVariable: Problem = error(
  "uses a variable that is not defined (XML_ERR: Unknown variable); where a file defines any, each $ begins one",
  'Define it by <var name="…"> at the top level, or write the value',
);

const syntaxProblems: readonly (readonly [start: string, problem: Problem])[] = [
  ["Unencoded <", noTag],
  ["Invalid character in tag name", noTag],
  ["Unquoted attribute value", error("has an attribute without quotes", 'Write name="value"')],
  ["Attribute without value", error("has an attribute without a value", 'Write name="value"')],
  ["Unclosed root tag", error("ends within a tag (XMLERR: End of file)", "Write the rest of the tag")],
  ["Unexpected end", error("ends within a tag (XMLERR: End of file)", "Write the rest of the tag")],
];

function syntaxProblem(message: string): Problem {
  return (
    syntaxProblems.find(([start]) => message.startsWith(start))?.[1] ??
    error(`is not well formed here (${message.replace(/:.*/s, "").replace(/\.$/, "")})`, "Correct the tag")
  );
}

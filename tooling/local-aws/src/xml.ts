export type XmlValue =
  | string
  | number
  | boolean
  | undefined
  | { readonly [name: string]: XmlValue }
  | readonly XmlValue[];

const header = '<?xml version="1.0" encoding="UTF-8"?>\n';

export function xmlDocument(name: string, namespace: string | undefined, value: XmlValue): string {
  const attribute = namespace === undefined ? "" : ` xmlns="${namespace}"`;
  return `${header}<${name}${attribute}>${content(value)}</${name}>`;
}

/** A list becomes as many elements of its name; `undefined` becomes nothing. */
function element(name: string, value: XmlValue): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return value.map((item) => element(name, item)).join("");
  return `<${name}>${content(value)}</${name}>`;
}

function content(value: XmlValue): string {
  if (typeof value !== "object") return value === undefined ? "" : escapeText(String(value));
  return Object.entries(value)
    .map(([name, child]) => element(name, child))
    .join("");
}

const special = /[&<>"\r]/g;
const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\r": "&#13;",
};

function escapeText(text: string): string {
  return text.replace(special, (character) => escapes[character] as string);
}

export interface XmlElement {
  readonly name: string;
  readonly children: XmlElement[];
  text: string;
}

/** Reads the small documents that S3's clients send: elements and text; attributes are passed over. */
export function parseXml(text: string): XmlElement | undefined {
  const root: XmlElement = { name: "", children: [], text: "" };
  const open: XmlElement[] = [root];
  const token = /<\?[\s\S]*?\?>|<!--[\s\S]*?-->|<(\/?)([\w:.-]+)[^<>]*?(\/?)>|([^<]+)/g;
  let read = 0;
  for (const match of text.matchAll(token)) {
    if (match.index !== read) return undefined;
    read = match.index + match[0].length;
    const [, closes, qualified, empty, characters] = match;
    const inner = open.at(-1) as XmlElement;
    if (characters !== undefined) inner.text += unescapeText(characters);
    if (qualified === undefined) continue;
    const name = qualified.slice(qualified.indexOf(":") + 1);
    if (closes) {
      if (inner.name !== name || open.length === 1) return undefined;
      open.pop();
      continue;
    }
    const child: XmlElement = { name, children: [], text: "" };
    inner.children.push(child);
    if (!empty) open.push(child);
  }
  return read === text.length && open.length === 1 ? root.children[0] : undefined;
}

function unescapeText(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(amp|lt|gt|quot|apos));/g, (_, decimal, hex, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    return { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }[name as string] as string;
  });
}

export function childText(parent: XmlElement | undefined, name: string): string | undefined {
  return parent?.children.find((child) => child.name === name)?.text;
}

export function childrenOf(parent: XmlElement | undefined, name: string): XmlElement[] {
  return parent?.children.filter((child) => child.name === name) ?? [];
}

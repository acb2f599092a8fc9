import { type Problem, quoted } from "./issues.ts";
import type { Element } from "./xml.ts";

/** Says what is wrong with an element. */
export type Report = (element: Element, ...problems: readonly Problem[]) => void;

/** A value, or what is wrong with it; both where it can be used all the same. */
export interface Read<T> {
  readonly value?: T;
  readonly problems?: readonly Problem[];
}

export type Reader<T> = (content: string, element: Element, report: Report) => Read<T>;

/** What each element of a section stands for: a member of `T`, and how its content is read. */
export type Fields<T> = Readonly<
  Record<string, { [K in keyof T]-?: readonly [K, Reader<NonNullable<T[K]>>] }[keyof T]>
>;

/** Reads the elements of a section by the table; those that it does not name go to `other`. The last of several counts. */
export function readFields<T extends object>(
  section: Element,
  fields: Fields<T>,
  report: Report,
  other: (element: Element) => void = () => {},
): Partial<T> {
  const found: Partial<T> = {};
  const seen = new Map<string, Element>();
  for (const element of section.children) {
    if (!Object.hasOwn(fields, element.name)) {
      other(element);
      continue;
    }
    const [key, read] = fields[element.name] as readonly [keyof T, Reader<T[keyof T]>];
    const before = seen.get(element.name);
    if (before !== undefined) report(element, repeated(before));
    seen.set(element.name, element);
    const { value, problems = [] } = read(element.text.trim(), element, report);
    report(element, ...problems);
    if (value === undefined) delete found[key];
    else found[key] = value;
  }
  return found;
}

/** The last child of that name, which is the one that counts. */
export function lastChild(element: Element, name: string): Element | undefined {
  return element.children.findLast((child) => child.name === name);
}

/** Reads the content of an element that must have one, and no elements in it. */
export function content<T>(parse: (content: string) => Read<T>): Reader<T> {
  return (text, element) => {
    if (element.children.length > 0) return refuse("holds an element", "Write a value; a < in it is written \\<");
    return text === "" ? refuse("cannot be empty", "Write its value, or remove it") : parse(text);
  };
}

export const text: Reader<string> = content((value) => ({ value }));

export const yes: Reader<boolean> = content((value) =>
  value === "yes" || value === "no"
    ? { value: value === "yes" }
    : refuse(`is ${quoted(value)}, which is invalid content for this tag`, "Write yes or no"),
);

export const no: Reader<boolean> = (value, element, report) => {
  const read = yes(value, element, report);
  return read.value === undefined ? read : { ...read, value: !read.value };
};

/** The elements of one name within another; a single value without them is taken as well. */
export function listOf<T>(name: string, read: Reader<T>): Reader<readonly T[]> {
  return (value, element, report) => {
    const alone = element.children.length === 0 && value !== "";
    const items = alone ? [element] : element.children.filter((child) => child.name === name);
    if (items.length === 0) return { value: [], ...refuse(`holds no <${name}>`, `Write <${name}> in it`) };
    const values = items.flatMap((item) => {
      const { value: itemValue, problems = [] } = read(item.text.trim(), item, report);
      report(item, ...problems);
      return itemValue === undefined ? [] : [itemValue];
    });
    return { value: values };
  };
}

export const holdsUser = "holds a user or a password";

/** A URL from a host or URL; with https where no scheme is given. */
export function address(value: string): { url: URL } | { problem: string } {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `https://${value}`;
  if (/\s/.test(value) || !URL.canParse(withScheme)) return { problem: "is no host and no URL" };
  const url = new URL(withScheme);
  if (url.username !== "" || url.password !== "") return { problem: holdsUser };
  if (url.protocol === "https:" || url.protocol === "http:") return { url };
  return { problem: `has the scheme ${url.protocol}//` };
}

/** What goes there can be read on the way: events, and the indexer's user and password. */
export function unencrypted({ protocol, hostname }: URL): readonly Problem[] {
  const local = /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
  return protocol === "http:" && !local ? [warning("is not encrypted", "Write https://")] : [];
}

export function error(problem: string, fix: string): Problem {
  return { severity: "error", problem, fix };
}

export function warning(problem: string, fix: string): Problem {
  return { severity: "warning", problem, fix };
}

export function info(problem: string, fix: string): Problem {
  return { severity: "info", problem, fix };
}

export function refuse(problem: string, fix: string): { readonly problems: readonly Problem[] } {
  return { problems: [error(problem, fix)] };
}

function repeated(before: Element): Problem {
  return warning(`replaces the one in line ${before.line}`, "Remove one of the two");
}

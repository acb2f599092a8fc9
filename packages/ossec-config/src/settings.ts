import type { Report } from "./fields.ts";
import { type Issue, type Position, type Problem, type Section, tag } from "./issues.ts";
import { type Cluster, type Indexer, type ManagerCommand, readCluster, readCommands, readIndexer } from "./manager.ts";
import { type Module, readModules } from "./module.ts";
import { type Element, readXml } from "./xml.ts";

export interface Settings {
  /** Each `<wodle name="aws-s3">`, in the order of the file. */
  readonly modules: readonly Module[];
  readonly cluster?: Cluster;
  readonly indexer?: Indexer;
  /** Programs that the manager starts; absent where there are none. */
  readonly commands?: readonly ManagerCommand[];
}

/**
 * Reads a manager's `ossec.conf` and collects all that is wrong with what concerns Amazon Security Lake. Never throws.
 * The settings hold what could be read; with an issue of severity `error` they are not to be used.
 *
 * Source: behaviour of the manager, Wazuh 4.9 to 4.14, and its reference of `wodle name="aws-s3"`, `cluster`, `indexer`.
 */
export function readSettings(text: string): { settings: Settings; issues: readonly Issue[] } {
  const xml = readXml(text);
  const issues: Issue[] = [...xml.issues];
  const add = ({ line, column }: Position, subject: string, problem: Problem): void => {
    issues.push({ ...problem, line, column, subject });
  };
  const report: Report = (element, ...problems) => {
    for (const problem of problems) add(element, tag(element.name), problem);
  };

  const roots = xml.elements.filter(({ name }) => name === "ossec_config");
  const sections = roots.flatMap(({ children }) => children);
  const modules = readModules(sections, report);
  const cluster = readCluster(sections, report);
  const indexer = readIndexer(sections, report);
  const commands = readCommands(sections);
  const places = sections.flatMap((section) => placesOf(section));
  if (roots.length === 0) add(start, "The file", noRoot);
  else if (modules.every(({ subscribers }) => subscribers.length === 0)) add(start, "The file", noSubscriber);
  return {
    settings: {
      modules,
      ...(cluster && { cluster }),
      ...(indexer && { indexer }),
      ...(commands.length > 0 && { commands }),
    },
    issues: located(issues.sort(byPosition), places),
  };
}

const byPosition = (a: Position, b: Position): number => a.line - b.line || a.column - b.column;

interface Place extends Position {
  readonly section: Section;
}

/** Each element, in the order of the file, with what it is a part of. */
function placesOf(element: Element, around?: Section): Place[] {
  const { name, line, column, children } = element;
  const section = around === undefined || name === "subscriber" ? { name, line } : around;
  return [{ line, column, section }, ...children.flatMap((child) => placesOf(child, section))];
}

/** Both in the order of the file. */
function located(issues: readonly Issue[], places: readonly Place[]): Issue[] {
  let at = -1;
  return issues.map((issue) => {
    for (let next = places[at + 1]; next !== undefined && byPosition(next, issue) <= 0; next = places[at + 1]) at++;
    const section = places[at]?.section;
    return section === undefined ? issue : { ...issue, section };
  });
}

const start: Position = { line: 1, column: 1 };

const noRoot: Problem = {
  severity: "error",
  problem: "has no <ossec_config>",
  fix: "Give the manager's ossec.conf",
};

const noSubscriber: Problem = {
  severity: "warning",
  problem: "defines no subscriber of Security Lake",
  fix: 'Write <subscriber type="security_lake"> in <wodle name="aws-s3">',
};

import { like } from "./condition.ts";
import { type Asked, type Document, forbids, listOf, type Statement } from "./policy.ts";

/** The policy of a user, role or group that forbids less. */
export interface Excepted {
  /** Undefined where nothing is left of it. */
  readonly document: Document | undefined;
  /** What it forbids no more, by its own patterns where it has some. */
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** Resources for which it was not asked are among them: no exception can be written. */
  readonly wide: boolean;
}

/**
 * Makes an exception for what is asked; undefined where nothing forbids it. Where actions cannot be excepted one by one, as
 * of `sqs:*`, all of them are, but for those resources alone.
 */
export function excepting(document: Document, asked: readonly Asked[]): Excepted | undefined {
  const parts = document.Statement.map((statement) =>
    exceptedFrom(
      statement,
      asked.filter((one) => forbids(statement, one)),
    ),
  );
  const changed = parts.filter(({ actions }) => actions.length > 0);
  if (changed.length === 0) return undefined;
  const Statement = parts.flatMap(({ left }) => left);
  return {
    document: Statement.length === 0 ? undefined : { ...document, Statement },
    actions: unique(changed.flatMap(({ actions }) => actions)),
    resources: unique(changed.flatMap(({ resources }) => resources)),
    wide: changed.some(({ wide }) => wide),
  };
}

interface Part extends Omit<Excepted, "document"> {
  readonly left: readonly Statement[];
}

function exceptedFrom(statement: Statement, hit: readonly Asked[]): Part {
  if (hit.length === 0) return { left: [statement], actions: [], resources: [], wide: false };
  const [own, others] = byAction(
    statement,
    hit.map(({ action }) => action),
  );
  const { left, ...gone } = withoutResources(own, hit);
  return { left: [...others, ...left], actions: listOf(own.Action), ...gone };
}

/** What a statement says of those actions, and what it says of others. */
function byAction(statement: Statement, actions: readonly string[]): readonly [Statement, readonly Statement[]] {
  const { NotAction, ...positive } = statement;
  const { Action, ...open } = positive;
  // No two statements of a policy may have the same Sid.
  const { Sid: _, ...unnamed } = open;
  const patterns = listOf(Action);
  if (NotAction !== undefined || patterns.includes("*")) {
    const own = unique(actions);
    return [{ ...unnamed, Action: own }, [{ ...open, NotAction: [...listOf(NotAction), ...own] }]];
  }
  const isHit = (pattern: string) => actions.some((action) => like(pattern.toLowerCase(), action.toLowerCase()));
  const others = patterns.filter((pattern) => !isHit(pattern));
  if (others.length === 0) return [statement, []];
  return [{ ...unnamed, Action: patterns.filter(isHit) }, [{ ...open, Action: others }]];
}

/** What a statement says of other resources. */
function withoutResources(statement: Statement, hit: readonly Asked[]): Pick<Part, "left" | "resources" | "wide"> {
  const { Resource, NotResource, ...open } = statement;
  const asked = unique(hit.map(({ resource }) => resource));
  const patterns = listOf(Resource);
  if (NotResource !== undefined || patterns.includes("*")) {
    return { left: [{ ...open, NotResource: [...listOf(NotResource), ...asked] }], resources: asked, wide: false };
  }
  const gone = patterns.filter((pattern) => asked.some((resource) => like(pattern, resource)));
  const others = patterns.filter((pattern) => !gone.includes(pattern));
  return {
    left: others.length === 0 ? [] : [{ ...open, Resource: others }],
    resources: gone,
    wide: gone.some((pattern) => !asked.includes(pattern)),
  };
}

const unique = (texts: readonly string[]): string[] => [...new Set(texts)];

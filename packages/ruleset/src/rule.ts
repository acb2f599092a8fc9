import attack from "./attack.json" with { type: "json" };
import { alternatives, type Conditions, compileConditions, type Test } from "./condition.ts";

/** What an event was judged to be; the `rule` of an alert document. Levels run from 0 to 16 as in Wazuh. */
export interface Rule extends Compliance {
  readonly id: string;
  readonly level: number;
  readonly description: string;
  /** Begins with `amazon_security_lake`. */
  readonly groups: readonly string[];
  readonly mitre?: Mitre;
}

/** MITRE ATT&CK: ids of techniques, and the names of their tactics and of the techniques, each name once. */
export interface Mitre {
  readonly id: readonly string[];
  readonly tactic: readonly string[];
  readonly technique: readonly string[];
}

/** Requirements that an alert is evidence for, one list a standard. */
export interface Compliance {
  readonly pci_dss?: readonly string[];
  readonly gdpr?: readonly string[];
  readonly hipaa?: readonly string[];
  readonly nist_800_53?: readonly string[];
  readonly tsc?: readonly string[];
  readonly gpg13?: readonly string[];
}

/**
 * A rule as `rules/*.json` write it (see `rules.schema.json`). The rules within it refine it: they are tried in their
 * order where it matches, and where none of them does, it is the rule of the event. They inherit its groups, and its
 * compliance unless they have their own.
 */
export interface RuleSource {
  readonly id: string;
  readonly level: number;
  /** May hold `$(column)` or `$(column|alternative)`: replaced by the value in the row. */
  readonly description: string;
  /** One set of conditions, or several of which one must hold; absent: always. */
  readonly when?: Conditions | readonly Conditions[];
  readonly groups?: readonly string[];
  /** Ids of ATT&CK techniques. */
  readonly mitre?: readonly string[];
  readonly compliance?: Compliance;
  readonly rules?: readonly RuleSource[];
}

/** A rule ready to be tried. */
export interface CompiledRule {
  /** All tests of one of these sets must hold; no set at all means always. */
  readonly sets: readonly (readonly Test[])[];
  readonly refinements: readonly CompiledRule[];
  readonly rule: Rule;
  /** The description in pieces: text, or the columns whose value stands there. */
  readonly description: readonly (string | readonly string[])[];
}

const rootGroup = "amazon_security_lake";
const placeholder = /\$\(([^)]+)\)/;
const techniques: Readonly<Record<string, { readonly technique: string; readonly tactics: readonly string[] }>> =
  attack.techniques;

/** @throws Error where a rule names a technique that `attack.json` lacks, or where an id occurs twice. */
export function compileRules(sources: readonly RuleSource[]): readonly CompiledRule[] {
  const ids = new Set<string>();
  const compile = (source: RuleSource, groups: readonly string[], compliance: Compliance): CompiledRule => {
    if (ids.has(source.id)) throw new Error(`Two rules have the id ${source.id}: give one of them another.`);
    ids.add(source.id);
    const own = source.compliance ?? compliance;
    const all = [...new Set([...groups, ...(source.groups ?? [])])];
    return {
      sets: source.when === undefined ? [] : [source.when].flat().map(compileConditions),
      refinements: (source.rules ?? []).map((refinement) => compile(refinement, all, own)),
      rule: {
        id: source.id,
        level: source.level,
        description: source.description,
        groups: all,
        ...(source.mitre && { mitre: mitreOf(source) }),
        ...own,
      },
      // Splitting at a pattern with a group puts what the group matched between the texts.
      description: source.description
        .split(placeholder)
        .map((piece, at) => (at % 2 === 0 ? piece : alternatives(piece))),
    };
  };
  return sources.map((source) => compile(source, [rootGroup], {}));
}

function mitreOf({ id, mitre = [] }: RuleSource): Mitre {
  const known = mitre.map((technique) => {
    const entry = techniques[technique];
    if (entry === undefined) throw new Error(`Rule ${id} names ${technique}, which attack.json does not know: add it.`);
    return entry;
  });
  return {
    id: mitre,
    tactic: [...new Set(known.flatMap(({ tactics }) => tactics))],
    technique: [...new Set(known.map(({ technique }) => technique))],
  };
}

import type { Arena } from "./arena.ts";
import {
  LEAF_CONSTANT,
  LEAF_CURSOR,
  LEAF_REFS,
  NULL_REF,
  OP_CLOSE,
  OP_CLOSE_KEPT,
  OP_ENTRY,
  OP_FLAT_RAW,
  OP_FLATS,
  OP_GROUP,
  OP_KEY,
  OP_LIST,
  OP_LITERAL,
  OP_MAP,
  OP_NEXT,
  OP_OPEN,
  OP_PAIRS,
  OP_ROW_END,
  OP_VALUE,
  OP_VALUES,
  OP_WORDS,
} from "./kernel/layout.ts";
import type { PlannedLeaf } from "./plan.ts";
import { keyText, nullText, type Position, type Shape, type Shaping } from "./shape.ts";
import type { List, MapNode, Node, Struct } from "./tree.ts";

/** An operand that becomes an address when the program is written. */
type Operand =
  | number
  | { readonly text: string } // address of the bytes
  | { readonly fragment: string } // ref of a fragment
  | { readonly record: number } // address of the record of a leaf, by its number
  | { readonly refs: readonly number[] } // table of addresses of the ref columns of leaves
  | { readonly cursors: readonly number[] }; // table of addresses of the cursors of leaves, its length first

/** An operation before it is written: the code and its operands. Literals are latin1 bytes. */
export type Op = readonly [number, ...Operand[]];

/** Ops with whether they always write something. */
interface Piece {
  readonly ops: readonly Op[];
  readonly always: boolean;
}

const NOTHING: Piece = { ops: [], always: false };

/** A program in the arena. */
export interface Program {
  readonly at: number;
  readonly size: number;
  /** Bytes of all its literals: what one pass without loops writes beside values. */
  readonly literalBytes: number;
  /** Whether it stays on the shelf when it is done with. */
  readonly shelved: boolean;
}

/** Where a leaf's record is in the arena. */
export interface Place {
  readonly planned: PlannedLeaf;
  /** Address of the LEAF_ record, and its word index. */
  readonly record: number;
  readonly word: number;
}

/** Bytes as a string of one character each, as literals are held until they are written. */
const latin1 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

/** What the compiler knows of the columns of this row group. */
export interface Present {
  readonly shape: Shape;
  readonly shaping: Shaping;
  /** By leaf number; undefined for leaves that are not read. `raw`: whether refs may be raw values. */
  readonly columns: readonly ((Place & { readonly raw: boolean }) | undefined)[];
}

/** Programs without constants that row groups read in one way share, by what their columns are. */
export interface Shelf {
  readonly programs: Map<string, Program>;
  /** Those that were looked for, to be written where they can stay. */
  readonly missed: Map<string, readonly Op[]>;
}

export const emptyShelf = (): Shelf => ({ programs: new Map(), missed: new Map() });

const SHELVED_PROGRAMS = 16;

/** Writes what was missed; call where blocks of the arena stay. */
export function shelve({ programs, missed }: Shelf, places: readonly (Place | undefined)[], arena: Arena): void {
  for (const [kind, ops] of missed) programs.set(kind, { ...write(ops, places, arena), shelved: true });
  missed.clear();
}

/** Programs without constants by what their columns are: objects of one kind share them. */
const known = new WeakMap<Shape, Map<string, readonly Op[]>>();

/** What decides a program without constants; undefined where there are constants. */
function kindOf({ columns }: Present, { u32 }: Arena): string | undefined {
  let kind = "";
  for (const column of columns) {
    if (column !== undefined && u32[column.word + LEAF_CONSTANT] !== 0 && column.planned.leaf.maxRepetition === 0) {
      return undefined;
    }
    kind += column === undefined ? "-" : column.raw ? "r" : "f";
  }
  return kind;
}

/** The program that writes one row, for what the flat columns are in this step. */
export function compile(present: Present, shelf: Shelf, arena: Arena): Program {
  const kind = kindOf(present, arena);
  if (kind === undefined) return write(operations(present, arena), present.columns, arena);
  const shelved = shelf.programs.get(kind);
  if (shelved !== undefined) return shelved;
  const programs = known.get(present.shape) ?? new Map<string, readonly Op[]>();
  known.set(present.shape, programs);
  const ops = programs.get(kind) ?? operations(present, arena);
  if (programs.size < KEPT_PROGRAMS) programs.set(kind, ops);
  if (shelf.programs.size + shelf.missed.size < SHELVED_PROGRAMS) shelf.missed.set(kind, ops);
  return write(ops, present.columns, arena);
}

const KEPT_PROGRAMS = 64;

function operations(present: Present, arena: Arena): readonly Op[] {
  const { shape, shaping, columns } = present;
  const keep = shaping.nulls === "keep";

  /** The first leaf below that is read, or -1. */
  function firstLeaf(node: Node): number {
    for (let leaf = node.firstLeaf; leaf < node.endLeaf; leaf++) if (columns[leaf] !== undefined) return leaf;
    return -1;
  }

  function repeatedBelow(node: Node): { cursors: number[] } {
    const cursors: number[] = [];
    for (let leaf = node.firstLeaf; leaf < node.endLeaf; leaf++) {
      if ((columns[leaf]?.planned.leaf.maxRepetition ?? 0) > 0) cursors.push(leaf);
    }
    return { cursors };
  }

  function piece(node: Node, position: Position): Piece {
    switch (node.kind) {
      case "leaf":
        return leafPiece(node.firstLeaf);
      case "struct":
        return structPiece(node, position);
      case "list":
        return { ops: listOps(node, position), always: false };
      case "map":
        return { ops: mapOps(node, position), always: false };
    }
  }

  function leafPiece(leaf: number): Piece {
    const column = columns[leaf];
    if (column === undefined) return NOTHING;
    const { maxDefinition, maxRepetition } = column.planned.leaf;
    if (maxRepetition > 0) return { ops: [[OP_VALUE, { record: leaf }]], always: false };
    const constant = arena.u32[column.word + LEAF_CONSTANT];
    if (constant === NULL_REF) return NOTHING;
    if (constant !== 0) return { ops: [[OP_LITERAL, { text: fragmentText(arena, constant) }]], always: true };
    const always = maxDefinition === 0 || keep;
    if (column.raw) return { ops: [[OP_FLAT_RAW, { record: leaf }]], always: always && keep };
    return { ops: [[OP_FLATS, { refs: [leaf] }]], always };
  }

  function structPiece(node: Struct, position: Position): Piece {
    if (node.firstLeaf === node.endLeaf) return emptyGroup(node, position);
    const first = firstLeaf(node);
    if (first < 0) return NOTHING;
    const children = node.children.map((child) => piece(child, "field"));
    const ops = children.flatMap((child) => child.ops);
    const open = latin1(`${keyText(node, position)}{`);
    const vanishes = !keep && position !== "element";
    if (!vanishes)
      return {
        ops: [...guard(node, position, first, ops.length + 2), literal(open), ...ops, [OP_CLOSE_KEPT]],
        always: true,
      };
    if (ops.length === 0) return NOTHING;
    const always = children.some((child) => child.always);
    if (always) return { ops: closed([literal(open), ...ops]), always };
    return { ops: [[OP_OPEN, { text: open }, open.length], ...ops, [OP_CLOSE, open.length]], always };
  }

  /** A group without columns has nothing that tells whether it is there. */
  function emptyGroup(node: Struct, position: Position): Piece {
    if (!keep && position !== "element") return NOTHING;
    return { ops: [literal(latin1(`${keyText(node, position)}{},`))], always: true };
  }

  /** The check that a struct is there, before `length` operations that write it. */
  function guard(node: Struct, position: Position, first: number, length: number): Op[] {
    if (!node.optional) return [];
    const nothing = { fragment: latin1(nullText(node, position, shaping)) };
    return [[OP_GROUP, { record: first }, node.definition, nothing, repeatedBelow(node), length * OP_WORDS]];
  }

  function listOps(node: List, position: Position): Op[] {
    const first = firstLeaf(node);
    if (first < 0) return [];
    const key = latin1(keyText(node, position));
    const open = { fragment: `${key}[` };
    const empty = { fragment: `${key}[],` };
    const nothing = { fragment: latin1(nullText(node, position, shaping)) };
    if (node.element.kind === "leaf") {
      return [[OP_VALUES, { record: first }, node.definition, node.repetition, open, empty, nothing]];
    }
    const body = piece(node.element, "element").ops;
    const loop = body.length * OP_WORDS;
    return [
      [OP_LIST, { record: first }, node.definition, open, empty, nothing, repeatedBelow(node), loop + OP_WORDS],
      ...body,
      [OP_NEXT, { record: first }, node.repetition, loop, "]".charCodeAt(0)],
    ];
  }

  function mapOps(node: MapNode, position: Position): Op[] {
    const keys = node.key.firstLeaf;
    if (columns[keys] === undefined) return [];
    const key = latin1(keyText(node, position));
    const open = { fragment: `${key}{` };
    const empty = { fragment: `${key}{},` };
    const nothing = { fragment: latin1(nullText(node, position, shaping)) };
    const values = node.value.firstLeaf;
    if (node.value.kind === "leaf" && columns[values] !== undefined) {
      const pair = [{ record: keys }, { record: values }] as const;
      return [[OP_PAIRS, ...pair, node.definition, node.repetition, open, empty, nothing]];
    }
    const body: Op[] = [[OP_KEY, { record: keys }], ...piece(node.value, "value").ops, [OP_ENTRY]];
    const loop = body.length * OP_WORDS;
    return [
      [OP_MAP, { record: keys }, node.definition, open, empty, nothing, repeatedBelow(node), loop + OP_WORDS],
      ...body,
      [OP_NEXT, { record: keys }, node.repetition, loop, "}".charCodeAt(0)],
    ];
  }

  const fields = shape.root.children.flatMap((child) => piece(child, "field").ops);
  return merged([literal("{"), ...fields, [OP_ROW_END]]);
}

/** The operations of a struct that has something in it, closed: in the last literal where they end with one. */
function closed(ops: readonly Op[]): Op[] {
  const last = ops.at(-1);
  if (last === undefined || last[0] !== OP_LITERAL) return [...ops, [OP_CLOSE_KEPT]];
  const { text } = last[1] as { text: string };
  return [...ops.slice(0, -1), literal(`${text.slice(0, -1)}},`)]; // the brace takes the comma's place
}

function literal(text: string): Op {
  return [OP_LITERAL, { text }];
}

function fragmentText({ u8, u32 }: Arena, ref: number): string {
  return Buffer.from(u8.buffer, ref + 4, u32[ref >> 2]).toString("latin1");
}

/**
 * Joins neighbouring literals and neighbouring flat columns, outside of loops and guarded groups,
 * whose jumps count operations.
 */
function merged(ops: readonly Op[]): Op[] {
  const out: Op[] = [];
  let fixed = 0; // operations left that a jump counts
  for (const op of ops) {
    const last = out.at(-1);
    const joined = fixed === 0 && last !== undefined ? join(last, op) : undefined;
    if (joined === undefined) out.push(op);
    else out[out.length - 1] = joined;
    fixed = Math.max(0, fixed - 1, jumpOf(op) / OP_WORDS + (jumpOf(op) > 0 ? 1 : 0));
  }
  return out;
}

function jumpOf(op: Op): number {
  if (op[0] === OP_GROUP || op[0] === OP_LIST || op[0] === OP_MAP) return op.at(-1) as number;
  return 0;
}

function join(last: Op, op: Op): Op | undefined {
  const [code, operand] = op;
  if (code !== last[0]) return undefined;
  if (code === OP_LITERAL) return literal((last[1] as { text: string }).text + (operand as { text: string }).text);
  if (code === OP_FLATS) {
    const leaves = (last[1] as { refs: readonly number[] }).refs;
    return [OP_FLATS, { refs: [...leaves, ...(operand as { refs: readonly number[] }).refs] }];
  }
  return undefined;
}

const ALIGNMENT = 16;
const padded = (size: number): number => (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);

/** Writes ops, literals and tables into one block. */
function write(ops: readonly Op[], places: readonly (Place | undefined)[], arena: Arena): Program {
  let size = padded(ops.length * OP_WORDS * 4);
  let literalBytes = 0;
  for (const op of ops) {
    for (const operand of op) {
      size += padded(operandBytes(operand));
      literalBytes += operandBytes(operand);
    }
  }
  const at = arena.alloc(size);
  const { u32 } = arena;
  let free = at + padded(ops.length * OP_WORDS * 4);
  let word = at >> 2;
  for (const op of ops) {
    const start = word;
    for (const operand of op) {
      u32[word++] = place(operand, free, places, arena);
      if (typeof operand === "object" && "text" in operand && op[0] === OP_LITERAL) u32[word++] = operand.text.length;
      if (typeof operand === "object" && "refs" in operand) u32[word++] = operand.refs.length;
      free += padded(operandBytes(operand));
    }
    word = start + OP_WORDS;
  }
  return { at, size, literalBytes, shelved: false };
}

function operandBytes(operand: Operand): number {
  if (typeof operand === "number" || "record" in operand) return 0;
  if ("text" in operand) return operand.text.length;
  if ("fragment" in operand) return operand.fragment.length + 8;
  if ("refs" in operand) return operand.refs.length * 4;
  return operand.cursors.length * 4 + 4;
}

/** Writes what the operand stands for at `free`; gives the word that goes into the operation. */
function place(operand: Operand, free: number, places: readonly (Place | undefined)[], { u8, u32 }: Arena): number {
  if (typeof operand === "number") return operand;
  if ("record" in operand) return places[operand.record]?.record ?? 0;
  if ("text" in operand) {
    writeLatin1(u8, free, operand.text);
    return free;
  }
  if ("fragment" in operand) {
    if (operand.fragment.length === 0) return NULL_REF;
    u32[free >> 2] = 0;
    u32[(free >> 2) + 1] = operand.fragment.length;
    writeLatin1(u8, free + 8, operand.fragment);
    return free + 4;
  }
  if ("refs" in operand) {
    operand.refs.forEach((leaf, i) => {
      u32[(free >> 2) + i] = u32[(places[leaf]?.word ?? 0) + LEAF_REFS];
    });
    return free;
  }
  u32[free >> 2] = operand.cursors.length;
  operand.cursors.forEach((leaf, i) => {
    u32[(free >> 2) + 1 + i] = u32[(places[leaf]?.word ?? 0) + LEAF_CURSOR];
  });
  return free;
}

function writeLatin1(u8: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) u8[at + i] = text.charCodeAt(i);
}

import {
  createRandom,
  decodeStruct,
  encodeStruct,
  type Random,
  readFooter,
  type Struct,
  type Thrift,
} from "@threatlockdown/tooling-lake";
import { open, ParquetError, rows } from "../src/index.ts";
import { type AnyFile, anyFile } from "./schemas.ts";

/** A file with something wrong in it, and what was done to it. */
export interface Mutant {
  readonly bytes: Uint8Array;
  readonly what: string;
}

const LIMITS = { memoryBytes: 256 * 1024 * 1024, pageBytes: 16 * 1024 * 1024, dictionaryBytes: 16 * 1024 * 1024 };
/** Rows beyond which reading a mutant is given up: its footer may claim millions, and rightly. */
const ENOUGH_ROWS = 50_000;

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const flipBits: Mutation = (bytes, random) => {
  const changed = Uint8Array.from(bytes);
  for (let left = random.between(1, 4); left > 0; left--) {
    changed[random.between(0, bytes.length - 1)] ^= 1 << random.between(0, 7);
  }
  return changed;
};

/** Where pages and footer are, bytes that mean sizes are dense: small values and ends are tried. */
const setBytes: Mutation = (bytes, random) => {
  const changed = Uint8Array.from(bytes);
  const at = random.between(0, bytes.length - 1);
  changed.fill(random.pick([0, 1, 0x7f, 0x80, 0xfe, 0xff]), at, at + random.between(1, 5));
  return changed;
};

const truncate: Mutation = (bytes, random) => bytes.slice(0, random.between(0, bytes.length));

const cutOut: Mutation = (bytes, random) => {
  const from = random.between(0, bytes.length - 1);
  const to = Math.min(bytes.length, from + random.between(1, 40));
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
};

const copyOver: Mutation = (bytes, random) => {
  const changed = Uint8Array.from(bytes);
  const length = random.between(1, Math.min(60, bytes.length));
  const from = random.between(0, bytes.length - length);
  changed.copyWithin(random.between(0, bytes.length - length), from, from + length);
  return changed;
};

/** Changes one number, flag or string of the footer and writes it anew. */
const changeFooter: Mutation = (bytes, random) => {
  const { footer, start } = readFooter(bytes);
  const changed = Buffer.from(encodeStruct(changeStruct(footer, random)));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(changed.length);
  return Buffer.concat([bytes.subarray(0, start), changed, length, Buffer.from("PAR1")]);
};

function changeStruct(fields: Struct, random: Random): Struct {
  const keys = Object.keys(fields).map(Number);
  if (keys.length === 0) return fields;
  const key = random.pick(keys);
  const field = fields[key];
  if (field === undefined || random.chance(0.05)) return { ...fields, [key]: undefined };
  return { ...fields, [key]: changeField(field, random) };
}

function changeField(field: Thrift, random: Random): Thrift {
  const { value } = field;
  if (typeof value === "number" || typeof value === "bigint") {
    const number = Number(value);
    const other = random.pick([
      0,
      1,
      -1,
      number + 1,
      number - 1,
      number * 2,
      0x7fffffff,
      2 ** 31,
      2 ** 40,
      random.between(0, 1 << 16),
    ]);
    return { ...field, value: typeof value === "bigint" ? BigInt(other) : other | 0 };
  }
  if (typeof value === "boolean") return { ...field, value: !value };
  if (value instanceof Uint8Array)
    return { ...field, value: flipBits(value.length > 0 ? value : new Uint8Array(1), random) };
  if (Array.isArray(value)) {
    if (value.length === 0) return field;
    const at = random.between(0, value.length - 1);
    if (random.chance(0.2)) return { ...field, value: value.filter((_, i) => i !== at) };
    return { ...field, value: value.map((item, i) => (i === at ? changeField(item as Thrift, random) : item)) };
  }
  return { ...field, value: changeStruct(value as Struct, random) };
}

/** Changes the header of one page, found through the footer's first offsets, in place. */
const changePageHeader: Mutation = (bytes, random) => {
  const start = random.chance(0.5) ? 4 : pageStart(bytes, random);
  const { fields, end } = decodeStruct(bytes, start);
  const header = encodeStruct(changeStruct(fields, random));
  const changed = Uint8Array.from(bytes);
  if (header.length > end - start) return flipBits(bytes, random);
  changed.set(header, start); // what is left of the old header reads as the page's first bytes
  return changed;
};

function pageStart(bytes: Uint8Array, random: Random): number {
  const { footer } = readFooter(bytes);
  const groups = footer[4]?.value as readonly Thrift[] | undefined;
  const columns = (random.pick(groups ?? []).value as Struct)[1]?.value as readonly Thrift[];
  const chunk = (random.pick(columns).value as Struct)[3]?.value as Struct;
  return Number(chunk[9]?.value ?? 4);
}

/** Bytes that levels lie in: behind the header of a page, where the codec or version 2 leaves them as they are. */
const changeLevels: Mutation = (bytes, random) => {
  const { end } = decodeStruct(bytes, pageStart(bytes, random));
  const changed = Uint8Array.from(bytes);
  const at = Math.min(bytes.length - 1, end + random.between(0, 12));
  changed[at] = random.pick([0, 1, 2, 3, 0x7f, 0x80, 0xff, changed[at] ^ (1 << random.between(0, 7))]);
  return changed;
};

const mutations = {
  flipBits,
  setBytes,
  truncate,
  cutOut,
  copyOver,
  changeFooter,
  changePageHeader,
  changeLevels,
} as const;

const BASES = 256;
const bases = new Map<string, AnyFile>();

/** Making files costs more than changing them: each is changed many times. */
function baseOf(seed: string, run: number): AnyFile {
  const name = `${seed} ${run % BASES}`;
  const known = bases.get(name);
  if (known !== undefined) return known;
  const made = anyFile(name, { depth: 2, fields: 4 }, 60);
  bases.set(name, made);
  return made;
}

/** The mutant of a seed and run. */
export function mutant(seed: string, run: number): Mutant {
  const random = createRandom(`mutant ${seed} ${run}`);
  const file = baseOf(seed, run);
  const what = random.pick(Object.keys(mutations) as (keyof typeof mutations)[]);
  let bytes = file.bytes;
  try {
    for (let turns = random.chance(0.2) ? 2 : 1; turns > 0; turns--) bytes = mutations[what](bytes, random);
  } catch {
    bytes = flipBits(file.bytes, random); // the first change left nothing that the second could parse
  }
  return { bytes, what };
}

/** As much as is read with the footer, and more: what lies before it is fetched by ranges. */
const APART = new Uint8Array(100_000);

/** The same with its data far from its footer, as in a large file. */
export function apart({ bytes, what }: Mutant): Mutant {
  const file = Buffer.from(bytes);
  const footer = file.length < 8 ? -1 : file.length - 8 - file.readUInt32LE(file.length - 8);
  if (footer < 0) return { bytes, what };
  return {
    bytes: Buffer.concat([file.subarray(0, footer), APART, file.subarray(footer)]),
    what: `${what}, far from its footer`,
  };
}

/** Thrown by the language and not by a codec: a check was missing. */
const isEngines = (cause: unknown): boolean =>
  cause instanceof Error && /^(RangeError|RuntimeError)$/.test(cause.name) && !("code" in cause);

/**
 * Reads a mutant to its end. Throws what no file may cause: an error that is none of the package's, rows that are no JSON,
 * or another number of rows than the footer says.
 */
export async function survive({ bytes }: Mutant): Promise<"read" | "refused"> {
  let count = 0;
  try {
    const file = await open(bytes, { limits: LIMITS });
    for await (const batch of rows(file, { columns: ["f0", "f1"], nulls: bytes.length % 2 === 0 ? "keep" : "omit" })) {
      const lines = Buffer.from(batch.bytes).toString().split("\n");
      if (lines.length !== batch.rowCount + 1) throw new Error(`${lines.length - 1} lines for ${batch.rowCount} rows`);
      for (const line of lines.slice(0, -1)) JSON.parse(line);
      for (const { ids, dictionary } of batch.columns.values()) for (const id of ids) if (id >= 0) dictionary.value(id);
      count += batch.rowCount;
      if (count > ENOUGH_ROWS) return "read";
    }
    if (count !== file.rowCount) throw new Error(`${count} rows, the footer says ${file.rowCount}`);
    return "read";
  } catch (error) {
    if (error instanceof ParquetError && !isEngines(error.cause)) return "refused";
    throw error;
  }
}

// The records that the driver and the kernel share in linear memory. Everything is in words of 4 bytes, little endian.
// This file is plain enough to be read by TypeScript and by AssemblyScript alike.

// ---- fragments and refs
// A fragment is JSON ready to be copied: [stamp][length][bytes...]; a ref is the address of its length word.
// A ref with the top bit set points at a raw Parquet value instead, which is rendered while it is copied.
export const RAW_BIT = 0x80000000;
export const RAW_MASK = 0x7fffffff;
/** A fragment of no bytes: what a null is where nulls are omitted. */
export const NULL_REF = 1032;
/** The key of a map entry that a later one replaces. */
export const DROPPED_REF = 1048;

// ---- fixed places
/** Set by the kernel when input contradicts itself: a FAULT_ code, and the number of the column. */
export const FAULT = 1064;
export const FAULT_COLUMN = 1068;
/** Where the compressed stream that was inflated last ended. */
export const INFLATED_END = 1072;
/** Where allocation starts: below are the kernel's own tables. */
export const HEAP_START = 65536;

export const FAULT_LEVELS = 1; // a level or index run ends before its values
export const FAULT_INDEX = 2; // a dictionary index at or above the dictionary's length
export const FAULT_VALUES = 3; // a value reaches beyond its page
export const FAULT_SHAPE = 4; // columns of one list or map disagree on its length
export const FAULT_LEVEL_VALUE = 5; // a level above its maximum

// ---- a run-length / bit-packed hybrid being read (words)
export const RUN_POSITION = 0;
export const RUN_END = 1;
/** Values left in the current run. */
export const RUN_LEFT = 2;
/** 1 when the current run is bit-packed. */
export const RUN_PACKED = 3;
/** The value of a constant run; the first byte of a bit-packed one. */
export const RUN_VALUE = 4;
/** Bits of a bit-packed run already read. */
export const RUN_BIT = 5;
/** Bits per value; 0 means all values are 0 and nothing is stored. */
export const RUN_WIDTH = 6;
export const RUN_WORDS = 7;

// ---- a leaf column (words)
export const LEAF_COLUMN = 0; // its number
export const LEAF_MAX_DEFINITION = 1;
export const LEAF_MAX_REPETITION = 2;
export const LEAF_RENDER = 3; // a RENDER_ code
export const LEAF_WIDTH = 4; // bytes of a fixed-width value; 0: length-prefixed
export const LEAF_DETAIL = 5; // decimal: scale; timestamp: digits of the fraction
export const LEAF_FLAGS = 6;
export const LEAF_KEY = 7; // address and length of `"name":`
export const LEAF_KEY_LENGTH = 8;
export const LEAF_SUFFIX = 9; // byte after the value: comma or colon
export const LEAF_NULL = 10; // ref that stands for null
export const LEAF_ENCODING = 11; // an ENCODING_ code, of the current page
export const LEAF_TABLE = 12; // refs of the dictionary's entries; the word after them holds LEAF_NULL
export const LEAF_TABLE_LENGTH = 13;
export const LEAF_TABLE_LONGEST = 14; // output bytes of the dictionary's longest entry
export const LEAF_VALUES = 15; // plain values of the page: next and end
export const LEAF_VALUES_END = 16;
export const LEAF_LEFT = 17; // entries left in the page
export const LEAF_REFS = 18; // refs of the decoded entries (flat: by row of the step; repeated: by entry)
export const LEAF_IDS = 19; // dictionary indexes beside them, or 0 where nobody wants them
export const LEAF_DEFINITIONS = 20; // level bytes beside them (flat: 0 unless nulls are kept)
export const LEAF_REPETITIONS = 21;
export const LEAF_CAPACITY = 22; // entries that fit
export const LEAF_COUNT = 23; // entries decoded
export const LEAF_ROWS = 24; // rows that begin among them
export const LEAF_CURSOR = 25; // address of the word that counts the entries assembled
export const LEAF_CONSTANT = 26; // flat: the ref that all rows of the step have, or 0
export const LEAF_LONGEST = 27; // output bytes of the longest value so far
export const LEAF_LOST = 28; // values that could not be rendered, and the row of the first
export const LEAF_LOST_ROW = 29;
export const LEAF_DEFINITION_RUN = 30;
export const LEAF_REPETITION_RUN = 37;
export const LEAF_INDEX_RUN = 44;
export const LEAF_WORDS = 51;

export const FLAG_UTC = 1; // a timestamp that ends with Z
export const FLAG_QUOTED = 2; // a map key whose rendering has no quotes of its own

/** In a step of fewer rows a dynamic flat column stays so: a short constant run is not worth another program. */
export const CONSTANT_ROWS = 256;

export const ENCODING_INDEXES = 0;
export const ENCODING_PLAIN = 1;

export const RENDER_STRING = 0;
export const RENDER_INT32 = 1;
export const RENDER_UINT32 = 2;
export const RENDER_INT64 = 3;
export const RENDER_UINT64 = 4;
export const RENDER_TIMESTAMP = 5;
export const RENDER_DECIMAL = 6; // little-endian integer of 4 or 8 bytes
export const RENDER_DECIMAL_BYTES = 7; // big-endian, at most 8 bytes
export const RENDER_HOST = 8; // rendered by the driver

// ---- the program that assembles a row: operations of 8 words, the first is the code
export const OP_WORDS = 8;
/** address, length */
export const OP_LITERAL = 0;
/** table of ref columns, its length: dynamic flat leaves in a row, all fragments */
export const OP_FLATS = 1;
/** leaf: a flat leaf that may hold raw values */
export const OP_FLAT_RAW = 2;
/** leaf: the next entry of a repeated leaf */
export const OP_VALUE = 3;
/** address, length: opens a struct that vanishes when nothing is written into it */
export const OP_OPEN = 4;
/** length of the opening: closes it */
export const OP_CLOSE = 5;
/** closes a struct that stays, also when empty */
export const OP_CLOSE_KEPT = 6;
/** first leaf, definition, null ref, skip table, words to jump: a struct that may be null */
export const OP_GROUP = 7;
/** first leaf, definition, open ref, empty ref, null ref, skip table, words to jump */
export const OP_LIST = 8;
/** the same for a map, whose first leaf is its key */
export const OP_MAP = 9;
/** first leaf, repetition, words to jump back, closing byte: ends an element */
export const OP_NEXT = 10;
/** leaf: a map's key */
export const OP_KEY = 11;
/** ends a map's entry */
export const OP_ENTRY = 12;
/** leaf, definition, repetition, open ref, empty ref, null ref: a whole list of leaves */
export const OP_VALUES = 13;
/** key leaf, value leaf, definition, repetition, open ref, empty ref, null ref: a whole map of leaves */
export const OP_PAIRS = 14;
export const OP_ROW_END = 15;

// ---- the call of `assemble` (words of its argument record)
export const CALL_PROGRAM = 0;
export const CALL_ROW = 1; // first row of the step to assemble; afterwards the row it stopped at
export const CALL_END = 2; // row of the step to stop before
export const CALL_OUT = 3; // where to write; afterwards the end of what was written
export const CALL_SOFT_END = 4; // no row starts beyond
export const CALL_HARD_END = 5; // a row that passes it is taken back: the window is too small
export const CALL_ENDS = 6; // address where the end of each row goes, relative to CALL_BASE
export const CALL_BASE = 7;
export const CALL_CURSORS = 8; // the table of cursors, and its bytes; the first is the row's own
export const CALL_CURSOR_BYTES = 9;
export const CALL_SAVED = 10; // room for a copy of them
export const CALL_STACK = 11;
export const CALL_OVERFULL = 12; // 1 when a row was taken back
export const CALL_DUPLICATES = 13; // map keys that came again
export const CALL_FIRST_ROW = 14; // number in the file of the step's row 0
export const CALL_WORDS = 15;

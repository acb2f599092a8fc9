/**
 * Documents to create, as the lines of a `_bulk` request. Document `i` is `bytes.subarray(offsets[i], offsets[i + 1])`:
 * an action line that names index and id, and a source line, each ended by "\n".
 */
export interface BulkBody {
  readonly bytes: Uint8Array;
  /** `count + 1` entries. */
  readonly offsets: Uint32Array;
  readonly count: number;
}

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const COLON = 0x3a;
const encoder = new TextEncoder();
/** Whether JSON would write a string otherwise than letter by letter, or UTF-8 in more than a byte each. */
const needsEscape = /[^\x20-\x21\x23-\x5b\x5d-\x7e]/;
const actionEnd = encoder.encode('"}}\n');

/** The most bytes that bodies which were given back hold for the next ones. */
const mostSpare = 32 * 1024 * 1024;

/**
 * Gathers documents into one growing buffer: `begin(index, id)`, then `append` the pieces of the source, then `end()`.
 * The source is copied as it is, never parsed; it has to be JSON on one line.
 */
export class BulkBodyBuilder {
  readonly #beforeId = new Map<string, Uint8Array>();
  #capacity: number;
  #buffer: Buffer = Buffer.alloc(0);
  #length = 0;
  #offsets = new Uint32Array(256);
  #count = 0;
  #sourceStart = -1;
  readonly #taken = new WeakSet<ArrayBufferLike>();
  /** By size, the smallest first. */
  readonly #spare: ArrayBufferLike[] = [];
  #spareBytes = 0;

  /** @param capacity bytes to start with; it doubles when needed. */
  constructor(capacity: number = 64 * 1024) {
    this.#capacity = capacity;
  }

  get byteLength(): number {
    return this.#length;
  }

  get count(): number {
    return this.#count;
  }

  /** Makes room for a body of about so many bytes; what an error has left of the one before is dropped. */
  start(bytes: number): void {
    this.#length = 0;
    this.#count = 0;
    this.#sourceStart = -1;
    this.#capacity = Math.max(1, bytes);
    this.#reserve(bytes);
  }

  begin(index: string, id: string): void {
    if (this.#sourceStart >= 0) throw new Error("BulkBodyBuilder: begin() before the last document was ended");
    this.#put(this.#actionOf(index));
    this.#putId(id);
    this.#put(actionEnd);
    this.#sourceStart = this.#length;
  }

  append(bytes: Uint8Array, start: number = 0, end: number = bytes.length): void {
    const size = end - start;
    this.#reserve(size);
    this.#buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.#length);
    this.#length += size;
  }

  /** A piece that is made for this document alone: cheaper than to encode it first. */
  appendText(text: string): void {
    this.#reserve(text.length * 3);
    this.#length += encoder.encodeInto(text, this.#buffer.subarray(this.#length)).written;
  }

  /** Throws when the source holds a line break, which would shift every document after it: this document is dropped. */
  end(): void {
    if (this.#sourceStart < 0) throw new Error("BulkBodyBuilder: end() without begin()");
    this.#reserve(1);
    this.#buffer[this.#length] = NEWLINE;
    if (this.#buffer.indexOf(NEWLINE, this.#sourceStart) !== this.#length) {
      this.#length = this.#offsets[this.#count] as number;
      this.#sourceStart = -1;
      throw new Error("BulkBodyBuilder: the source has to be JSON on one line");
    }
    this.#length++;
    this.#sourceStart = -1;
    this.#count++;
    if (this.#count >= this.#offsets.length) this.#offsets = grown(this.#offsets, Math.max(256, this.#count * 2));
    this.#offsets[this.#count] = this.#length;
  }

  /** What has been gathered; the builder starts anew with a buffer of its own. */
  take(): BulkBody {
    if (this.#sourceStart >= 0) throw new Error("BulkBodyBuilder: take() before the last document was ended");
    const body: BulkBody = {
      bytes: this.#buffer.subarray(0, this.#length),
      offsets: this.#offsets.subarray(0, this.#count + 1),
      count: this.#count,
    };
    this.#taken.add(body.bytes.buffer);
    // The next body will be about as large; its memory is taken when it begins, since often there is no next one.
    this.#capacity = Math.max(1, this.#length);
    this.#buffer = Buffer.alloc(0);
    this.#offsets = new Uint32Array(this.#count + 1);
    this.#length = 0;
    this.#count = 0;
    return body;
  }

  /**
   * Gives the memory of a body of this builder back, when its write has resolved (not when it has rejected): it is
   * written over, so nobody may look at the body any more. Where bodies come fast, memory made anew for each costs more
   * than what is done with them.
   */
  recycle({ bytes: { buffer } }: BulkBody): void {
    if (!this.#taken.delete(buffer) || this.#spareBytes + buffer.byteLength > mostSpare) return;
    const place = this.#spare.findIndex(({ byteLength }) => byteLength > buffer.byteLength);
    this.#spare.splice(place < 0 ? this.#spare.length : place, 0, buffer);
    this.#spareBytes += buffer.byteLength;
  }

  /** The smallest that is large enough; where none is, the smallest goes, so that they become what is needed. */
  #takeSpare(size: number): Buffer | undefined {
    const place = this.#spare.findIndex(({ byteLength }) => byteLength >= size);
    const [spare] = this.#spare.splice(Math.max(0, place), 1);
    this.#spareBytes -= spare?.byteLength ?? 0;
    return spare === undefined || place < 0 ? undefined : Buffer.from(spare);
  }

  #actionOf(index: string): Uint8Array {
    let action = this.#beforeId.get(index);
    if (action === undefined) {
      action = encoder.encode(`{"create":{"_index":${JSON.stringify(index)},"_id":"`);
      this.#beforeId.set(index, action);
    }
    return action;
  }

  #put(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #putId(id: string): void {
    if (needsEscape.test(id)) {
      this.#put(encoder.encode(JSON.stringify(id).slice(1, -1)));
      return;
    }
    this.#reserve(id.length);
    this.#length += this.#buffer.write(id, this.#length, "latin1");
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#buffer.length) return;
    const spare = this.#length === 0 ? this.#takeSpare(Math.max(needed, this.#capacity)) : undefined;
    const larger = spare ?? Buffer.allocUnsafeSlow(Math.max(needed, this.#capacity, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

function grown(offsets: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length);
  larger.set(offsets);
  return larger;
}

/** The index and the id that the action line of a document names. */
export function actionOf(body: BulkBody, document: number): { readonly index: string; readonly id: string } {
  const line = text(body, body.offsets[document] as number, sourceStart(body, document));
  const { create } = JSON.parse(line) as { create: { _index: string; _id: string } };
  return { index: create._index, id: create._id };
}

/** The source line of a document, without its line break. */
export function sourceOf(body: BulkBody, document: number): Uint8Array {
  return body.bytes.subarray(sourceStart(body, document), (body.offsets[document + 1] as number) - 1);
}

/** Whether a document has this id. */
export function hasId(body: BulkBody, document: number, id: string): boolean {
  return afterId(body, document, `${id}"`, 0) === id.length || actionOf(body, document).id === id;
}

/**
 * Where the document's id ends in `text` that has it from `at` on, before a quote; -1 where another id is there, and also
 * where the id has characters that JSON escapes, or others than ASCII. Compared byte by byte: it is done for each document.
 */
export function afterId(body: BulkBody, document: number, text: string, at: number): number {
  const { bytes } = body;
  const idEnd = sourceStart(body, document) - actionEnd.length;
  const textEnd = text.indexOf('"', at);
  const idStart = idEnd - (textEnd - at);
  // A quote after a colon opens the id; one of the id's own would come after a backslash.
  if (textEnd < at || bytes[idStart - 1] !== QUOTE || bytes[idStart - 2] !== COLON) return -1;
  for (let i = idStart, j = at; i < idEnd; i++, j++) if (bytes[i] !== text.charCodeAt(j)) return -1;
  return textEnd;
}

function sourceStart(body: BulkBody, document: number): number {
  return body.bytes.indexOf(NEWLINE, body.offsets[document]) + 1;
}

function text(body: BulkBody, start: number, end: number): string {
  return asBuffer(body.bytes).toString("utf8", start, end);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

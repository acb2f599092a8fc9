/** The part of the WebAssembly interface that is used here; the language's own library has no types for it. */
interface WebAssemblyApi {
  readonly Memory: new (descriptor: { initial: number; maximum?: number }) => LinearMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly RuntimeError: new () => Error;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
}

export interface LinearMemory {
  readonly buffer: ArrayBuffer;
  /** Adds pages of 64 KiB; detaches `buffer`. */
  grow(pages: number): number;
}

export const wasm: WebAssemblyApi = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;

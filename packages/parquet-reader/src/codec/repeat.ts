/** Copies `size` bytes from `offset` bytes back, which may overlap what is written; false when either lies outside. */
export function repeat(out: Uint8Array, at: number, offset: number, size: number): boolean {
  if (offset === 0 || offset > at || size > out.length - at) return false;
  if (offset >= size) out.copyWithin(at, at - offset, at - offset + size);
  else for (let i = at; i < at + size; i++) out[i] = out[i - offset];
  return true;
}

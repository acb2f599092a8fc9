/** Copies in steps of 16 bytes and may write up to 15 bytes beyond: every block has slack. */
export function copyTo(out: u32, source: u32, length: u32): void {
  v128.store(out, v128.load(source));
  if (length <= 16) return;
  v128.store(out + 16, v128.load(source + 16));
  for (let i: u32 = 32; i < length; i += 16) v128.store(out + i, v128.load(source + i));
}

/** What to do about an error that was explained: the likeliest cause, out of the line that names them in their order. */
export function lookAtCause(explained: string): string {
  const [, list, first] = /; likely cause(s, in this order)?: (?:\(1\) )?(.*?)(?:; \(2\) .*)?$/.exec(explained) ?? [];
  if (first === undefined) return "Go by what AWS says";
  return list === undefined ? `Look at the likely cause: ${first}` : `Look first at the likeliest cause: ${first}`;
}

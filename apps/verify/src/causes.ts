/** What to do about an error that was explained: the likeliest cause, out of the line that names them in their order. */
export function lookAtCause(explained: string): string {
  const cause = likeliest(explained);
  return cause === undefined ? "Go by what AWS says" : `Most likely ${cause}`;
}

function likeliest(explained: string): string | undefined {
  return /; likely causes?(?:, in this order)?: (?:\(1\) )?(.*?)(?:; \(2\) .*)?$/.exec(explained)?.[1];
}

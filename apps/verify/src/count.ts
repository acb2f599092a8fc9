/** `1 check`, `2 checks`; another plural than by an s is given. */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

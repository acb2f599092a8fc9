const compiled = new Map<string, (text: string) => boolean>();

/** Whether `text` is matched by a pattern in which `*` stands for any run of characters and `?` for one. */
export function matches(pattern: string, text: string): boolean {
  let test = compiled.get(pattern);
  if (test === undefined) {
    if (compiled.size >= 10_000) compiled.clear();
    test = compile(pattern);
    compiled.set(pattern, test);
  }
  return test(text);
}

function compile(pattern: string): (text: string) => boolean {
  if (pattern === "*") return () => true;
  if (!/[*?]/.test(pattern)) return (text) => text === pattern;
  const source = pattern.replace(/[^*?]+|[*?]/g, (part) => {
    if (part === "*") return "[\\s\\S]*";
    return part === "?" ? "[\\s\\S]" : part.replace(/[\\^$.|+()[\]{}]/g, "\\$&");
  });
  const expression = new RegExp(`^${source}$`);
  return (text) => expression.test(text);
}

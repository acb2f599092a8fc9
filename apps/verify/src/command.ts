/** A command of the AWS CLI: its words, and options by name. What is no text is written as JSON. */
export function awsCommand(
  words: readonly [service: string, operation: string],
  options: Readonly<Record<string, string | number | object>>,
): string {
  const written = Object.entries(options).map(([name, value]) => {
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    return `--${name} ${quote(text)}`;
  });
  return ["aws", ...words, ...written].join(" ");
}

/** As a shell takes it for one word. */
function quote(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

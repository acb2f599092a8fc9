/** Names and texts of others do not move the cursor of a terminal, colour it, or begin a line. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "\ufffd");
}

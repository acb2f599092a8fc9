const LINE = 112;

/** The source file that carries a compiled kernel. */
export function moduleSource(module: Uint8Array): string {
  const lines =
    Buffer.from(module)
      .toString("base64")
      .match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return `// Made from the sources in ../../kernel by \`pnpm kernel\`; a test compares it with a fresh build.

/** The kernel as a WebAssembly module, base64. */
export const kernelModule: string = [
${lines.map((line) => `  "${line}",`).join("\n")}
].join("");
`;
}

/** Objects, and lists of texts and objects. */
export function yaml(value: object, indent = ""): string {
  return Object.entries(value)
    .map(([name, content]) => {
      if (!Array.isArray(content)) return `${indent}${name}:\n${yaml(content as object, `${indent}  `)}`;
      const items = content.map((item: string | object) => {
        const text = typeof item === "string" ? `${item}\n` : yaml(item, `${indent}    `).trimStart();
        return `${indent}  - ${text}`;
      });
      return `${indent}${name}:\n${items.join("")}`;
    })
    .join("");
}

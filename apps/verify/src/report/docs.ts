import type { Check } from "../check.ts";

/** Where a check is described: in docs/ of this package. */
export function docsOf({ id }: Pick<Check, "id">): string {
  return `docs/${id}.md`;
}

/** The page of a check. */
export function docsPage({ id, title, explain, needs, effect }: Check): string {
  const links = needs.map((need) => `[${need}](${need}.md)`).join(", ");
  return `# ${title}

\`security-lake-verify --only ${id}\`

${explain}
${needs.length === 0 ? "" : `\nIt is left out when one of these has failed: ${links}.\n`}${effect === undefined ? "\nIt changes nothing.\n" : `\nEffect: ${effect}.\n`}`;
}

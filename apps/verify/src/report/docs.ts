import { existsSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import type { Check } from "../check.ts";

/**
 * Where a check is described: the file, where this package's pages are beside the program. A reader who is elsewhere, or a
 * program without its pages, gets the page's name within the package.
 */
export function docsOf({ id }: Pick<Check, "id">, { elsewhere }: { readonly elsewhere: boolean }): string {
  const page = join("docs", `${id}.md`);
  const root = dirname(findPackageJSON(import.meta.url) ?? "");
  const file = join(root, page);
  return elsewhere || !existsSync(file) ? page : file;
}

/** The page of a check. */
export function docsPage({ id, title, explain, needs, effect }: Check): string {
  const links = needs.map((need) => `[${need}](${need}.md)`).join(", ");
  return `# ${title}

\`security-lake-verify --only ${id}\`

${explain}
${needs.length === 0 ? "" : `\nIt is left out when one of these has failed: ${links}.\n`}${effect === undefined ? "\nIt changes nothing.\n" : `\nEffect: ${effect}.\n`}`;
}

/**
 * Writes the table that events are classified with, worked out of the catalogs:
 *
 *     node packages/ocsf-schema/catalog/build-classes.ts
 *
 * Of each class and category it says from which version on it has which names, so that classifying needs no catalog.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Catalog, catalogVersions } from "../src/catalog.ts";

const data = join(import.meta.dirname, "..", "src", "data");

export const classesFile: string = join(data, "classes.json");

export function buildClasses(): string {
  const catalogs = catalogVersions.map(
    (version) => JSON.parse(readFileSync(join(data, `catalog-${version}.json`), "utf8")) as Catalog,
  );
  const table = {
    versions: catalogVersions,
    categories: {
      0: [[0, "Uncategorized"]],
      ...changes(catalogs, ({ categories }) => mapValues(categories, ({ caption }) => [caption])),
    },
    classes: changes(catalogs, (catalog) =>
      mapValues(catalog.classes, ({ name, caption, category_uid }) => [name, caption, category_uid]),
    ),
  };
  return `${JSON.stringify(table)}\n`;
}

type Entry = readonly unknown[];

/** Of each key, what it stands for and since which version, as long as it stays the same said once. */
function changes(
  catalogs: readonly Catalog[],
  entriesOf: (catalog: Catalog) => Readonly<Record<string, Entry>>,
): Record<string, readonly Entry[]> {
  const versions = catalogs.map(entriesOf);
  const keys = [...new Set(versions.flatMap((entries) => Object.keys(entries)))];
  return Object.fromEntries(
    keys.map((key) => {
      const history = versions.map((entries) => JSON.stringify(entries[key] ?? [null]));
      return [
        key,
        history.flatMap((entry, place) =>
          entry === (history[place - 1] ?? "[null]") ? [] : [[place, ...JSON.parse(entry)]],
        ),
      ];
    }),
  );
}

function mapValues<V>(record: Readonly<Record<string, V>>, change: (value: V) => Entry): Record<string, Entry> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

if (import.meta.main) writeFileSync(classesFile, buildClasses());

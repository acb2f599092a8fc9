import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

/** The layers of the workspace; a member may depend on members of lower layers only. Leaves never see each other. */
const layers = ["leaf", "compose", "app"] as const;
type Layer = (typeof layers)[number];

interface Member {
  readonly folder: string;
  readonly name: string;
  readonly layer: Layer | "tooling";
  readonly dependencies: readonly string[];
  readonly developmentDependencies: readonly string[];
}

const root = join(import.meta.dirname, "..");

function layerOf(folder: string): Member["layer"] {
  if (folder.startsWith("tooling/")) return "tooling";
  if (folder.startsWith("apps/")) return "app";
  return folder === "packages/pipeline" ? "compose" : "leaf";
}

function members(): Member[] {
  return ["packages", "apps", "tooling"].flatMap((parent) =>
    readdirSync(join(root, parent), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => {
        const folder = `${parent}/${entry.name}`;
        const manifest = readManifest(folder);
        if (manifest === undefined) return [];
        return {
          folder,
          name: manifest.name,
          layer: layerOf(folder),
          dependencies: Object.keys(manifest.dependencies ?? {}),
          developmentDependencies: Object.keys(manifest.devDependencies ?? {}),
        };
      }),
  );
}

function readManifest(
  folder: string,
):
  | { name: string; dependencies?: Record<string, string>; devDependencies?: Record<string, string>; private?: boolean }
  | undefined {
  try {
    return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  } catch {
    return undefined;
  }
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Declarations begin a line; text in strings and comments that looks like one does not count. */
const importPatterns = [
  /^(?:import|export)\b[^"';]*?\bfrom\s+"([^"]+)"/gm,
  /^import\s+"([^"]+)"/gm,
  /\bimport\("([^"]+)"\)/g,
];

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return importPatterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] as string));
}

const all = members();
const byName = new Map(all.map((member) => [member.name, member]));

function rank(layer: Layer): number {
  return layers.indexOf(layer);
}

describe("layers", () => {
  it("finds the whole workspace", () => {
    expect(all.filter((member) => member.layer === "leaf")).toHaveLength(8);
    expect(all.filter((member) => member.layer === "compose")).toHaveLength(1);
    expect(all.filter((member) => member.layer === "app")).toHaveLength(2);
  });

  for (const member of all.filter((candidate) => candidate.layer !== "tooling")) {
    it(`${member.name} depends on lower layers only`, () => {
      const wrong = member.dependencies.filter((name) => {
        const other = byName.get(name);
        if (other === undefined) return false;
        return other.layer === "tooling" || rank(other.layer) >= rank(member.layer as Layer);
      });
      expect(wrong).toEqual([]);
    });

    it(`${member.name} is tested with lower layers and tooling only`, () => {
      const wrong = member.developmentDependencies.filter((name) => {
        const other = byName.get(name);
        return other !== undefined && other.layer !== "tooling" && rank(other.layer) >= rank(member.layer as Layer);
      });
      expect(wrong).toEqual([]);
    });

    it(`${member.name} imports only what its manifest names, and no tooling`, () => {
      const known = new Set(member.dependencies);
      const wrong = sources(`${member.folder}/src`).flatMap((file) =>
        importsOf(file)
          .filter((specifier) => !specifier.startsWith(".") && !specifier.startsWith("node:"))
          .map((specifier) =>
            specifier
              .split("/")
              .slice(0, specifier.startsWith("@") ? 2 : 1)
              .join("/"),
          )
          .filter((name) => !known.has(name))
          .map((name) => `${file}: ${name}`),
      );
      expect(wrong).toEqual([]);
    });

    it(`${member.name} reaches no file outside its own sources`, () => {
      const wrong = sources(`${member.folder}/src`).flatMap((file) =>
        importsOf(file)
          .filter((specifier) => specifier.startsWith("."))
          .filter((specifier) => !join(file, "..", specifier).startsWith(join(root, member.folder, "/")))
          .map((specifier) => `${file}: ${specifier}`),
      );
      expect(wrong).toEqual([]);
    });
  }
});

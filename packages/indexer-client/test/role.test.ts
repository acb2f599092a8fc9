import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { setupRole, setupRoleName, writerRole, writerRoleName } from "../src/roles.ts";
import { indexPattern } from "../src/template.ts";

const read = (name: string): string => readFileSync(join(import.meta.dirname, "..", name), "utf8");

it("the roles in the README are those of role.yml, and for the indices of the template alone", () => {
  const roles = parse(read("role.yml")) as Record<string, { index_permissions?: { index_patterns: string[] }[] }>;
  const shown = /```yaml\n(.*?)```/s.exec(read("README.md"))?.[1] ?? "";
  expect(parse(shown)).toEqual(roles);
  expect(roles).toEqual({ [writerRoleName]: writerRole, [setupRoleName]: setupRole });
  const patterns = Object.values(roles).flatMap(({ index_permissions = [] }) =>
    index_permissions.flatMap((one) => one.index_patterns),
  );
  expect(patterns).toEqual([indexPattern]);
});

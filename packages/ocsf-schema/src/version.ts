/**
 * Orders versions of OCSF by semantic versioning: 1.0.0-rc.2 comes before 1.0.0. What is no version at all comes
 * last.
 */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [left, right].map(partsOf);
  for (let place = 0; place < 3; place++) {
    if (a.numbers[place] !== b.numbers[place]) return a.numbers[place] - b.numbers[place];
  }
  if (a.preview === b.preview) return 0;
  if (a.preview === "") return 1;
  if (b.preview === "") return -1;
  return a.preview.localeCompare(b.preview, "en", { numeric: true });
}

/** The newest of ascending versions that is not newer than the wanted one; the oldest if all are newer. */
export function nearestVersion<V extends string>(versions: readonly V[], wanted: string): V {
  return versions.findLast((version) => compareVersions(version, wanted) <= 0) ?? versions[0];
}

function partsOf(version: string): { readonly numbers: readonly number[]; readonly preview: string } {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?(?:-(.+))?$/.exec(version.trim());
  if (match === null) return { numbers: [Number.POSITIVE_INFINITY, 0, 0], preview: "" };
  const [, major, minor, patch = "0", preview = ""] = match;
  return { numbers: [major, minor, patch].map(Number), preview };
}

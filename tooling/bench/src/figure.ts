/** One comparison. `ratio` is above 1 when ours is better, whatever the unit. */
export interface Figure {
  readonly bench: string;
  readonly case: string;
  readonly peer: string;
  readonly ratio: number;
  readonly ours: number;
  readonly theirs: number;
  readonly unit: string;
}

/** Takes the figures of a benchmark as they come; remarks go to the people who watch, never into the results. */
export interface Report {
  figure(figure: Figure): void;
  remark(line: string): void;
}

/** Figures as one JSON line each, or as a table at the end. Remarks and progress go to `note`. */
export function createReport(json: boolean, print: (text: string) => void, note: (text: string) => void) {
  const figures: Figure[] = [];
  return {
    figure(figure: Figure): void {
      figures.push(figure);
      if (json) print(`${JSON.stringify(figure)}\n`);
    },
    remark: (line: string): void => note(`${line}\n`),
    end(): void {
      if (!json) print(table(figures));
    },
  };
}

function table(figures: readonly Figure[]): string {
  const rows = [
    ["bench", "case", "peer", "ratio", "ours", "theirs", "unit"],
    ...figures.map(({ bench, case: name, peer, ratio, ours, theirs, unit }) => [
      bench,
      name,
      peer,
      `${ratio.toFixed(2)}x`,
      short(ours),
      short(theirs),
      unit,
    ]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column > 2 && column < 6 ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
    .concat("\n");
}

function short(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3);
}

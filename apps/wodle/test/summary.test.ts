import { expect, it } from "vitest";
import { type Summary, startCount, summaryText } from "../src/summary.ts";

const lost = (column: string, count: number) => ({ column, count, firstRow: 0 });

function summary(about: Partial<Summary>): Summary {
  const { soFar } = startCount(() => 0);
  return { queue: "lake", ...soFar(), unindexed: 0, left: 0, peakMemory: 0, ...about };
}

it("counts lost values by column, whatever a column is called", () => {
  const { ingested, soFar } = startCount(() => 0);
  for (const columns of [[lost("__proto__", 1), lost("a.b", 2)], [lost("a.b", 3)]]) {
    ingested({
      type: "object",
      object: { bucket: "b", key: "k" } as never,
      rows: 1,
      accepted: { stored: 1, alreadyStored: 0, deadLettered: 0 },
      lost: columns,
      duplicateKeys: 4,
    });
  }
  const { lostValues, lostByColumn } = soFar();
  expect([lostValues, JSON.stringify(lostByColumn)]).toEqual([14, '{"__proto__":1,"a.b":5}']);
});

it("says where values were lost: the columns that lost most, and how many others there are", () => {
  const lostByColumn = { a: 1, "b.c": 1_200, d: 30, e: 4, f: 5 };
  expect(summaryText(summary({ lostValues: 1_242, lostByColumn }))).toContain(
    "\n  values lost       1,242: 1,200 in b.c, 30 in d, 5 in f, 5 in 2 other columns, 2 in maps whose key came again\n",
  );
  expect(summaryText(summary({ lostValues: 1, lostByColumn: { a: 1 } }))).toContain(
    "\n  values lost       1: 1 in a\n",
  );
});

it("says how many documents were sent unindexed, and nothing of what there is none of", () => {
  expect(summaryText(summary({ unindexed: 1_234 }))).toMatch(/\n {2}sent unindexed {4}1,234 of these; security_lake\./);
  expect(summaryText(summary({}))).not.toMatch(/unindexed|lost|discarded/);
});

it("lets no name steer the terminal", () => {
  const lostByColumn = { "a\u001b[31m\nQueue": 1 };
  expect(summaryText(summary({ lostValues: 1, lostByColumn }))).toContain("1 in a\ufffd[31m\ufffdQueue\n");
});

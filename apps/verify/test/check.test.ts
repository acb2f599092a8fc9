import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { startLocalAws } from "@threatlockdown/tooling-local-aws";
import { describe, expect, it } from "vitest";
import { type Check, couldNotCheck, type Finding, type Result, type RunOptions, runChecks } from "../src/check.ts";
import { createLake } from "../src/lake.ts";
import { htmlReport } from "../src/report/html.ts";
import { textReport } from "../src/report/text.ts";
import { verdictOf } from "../src/verdict.ts";
import { patience } from "./patience.ts";
import { provider } from "./setting.ts";

const lake = createLake({ line: 1, queue: "lake" });

function check(id: string, needs: readonly string[], run: Check["run"]): Check {
  return { id, title: id, explain: id, needs, run };
}
const gives = (finding: Finding) => async () => finding;
const states = (results: readonly Result[]) => results.map(({ check: { id }, state }) => [id, state]);

describe("checks", () => {
  it("that need nothing run at once, and are reported in the order of the table", async () => {
    let letFirst = () => {};
    const first = new Promise<void>((resolve) => {
      letFirst = resolve;
    });
    const results = await runChecks(
      [
        check("first", [], async () => {
          await first;
          return { state: "ok", seen: "" };
        }),
        check("second", [], async () => {
          letFirst();
          return { state: "warning", seen: "" };
        }),
      ],
      lake,
      { timeout: 5_000 },
    );
    expect(states(results)).toEqual([
      ["first", "ok"],
      ["second", "warning"],
    ]);
  });

  it.each([
    ["ok", true],
    ["warning", true],
    ["could not check", true],
    ["failed", false],
  ] as const)("that need one that is %s run: %s", async (state, runs) => {
    let ran = false;
    const results = await runChecks(
      [
        check("base", [], gives({ state, seen: "" })),
        check("dependant", ["base"], async () => {
          ran = true;
          return { state: "ok", seen: "" };
        }),
      ],
      lake,
      { timeout: 5_000 },
    );
    expect(ran).toBe(runs);
    if (!runs) {
      expect(results[1]).toMatchObject({
        state: "could not check",
        seen: 'could not check, because the check "base" has to succeed first',
      });
    }
  });

  it("that take too long are told to stop, and do not hold up the others", async () => {
    let told: AbortSignal | undefined;
    const results = await runChecks(
      [
        check("endless", [], (_lake, signal) => {
          told = signal;
          return new Promise(() => {});
        }),
        check("quick", [], gives({ state: "ok", seen: "" })),
      ],
      lake,
      { timeout: 50 },
    );
    expect(states(results)).toEqual([
      ["endless", "could not check"],
      ["quick", "ok"],
    ]);
    expect(results[0]?.seen).toBe("could not check, because AWS gave no answer within 0.05 s");
    expect(told?.aborted).toBe(true);
  });

  it("that owe something leave it time in that of the whole run", async () => {
    const endless = check("endless", [], (_lake, signal, owe) => {
      owe(once(signal, "abort").then(() => []));
      return new Promise(() => {});
    });
    // A minute, of which it owes all but an instant.
    const [found] = await runChecks([{ ...endless, owes: 59_990 }], lake, { timeout: 60_000, total: 60_000 });
    expect(found?.seen).toMatch(/the time of the whole run was over before/);
  });

  it("that take too long finish what they owe, and what that could not do is told too", async () => {
    const results = await runChecks(
      [
        check("endless", [], (_lake, signal, owe) => {
          owe(once(signal, "abort").then(() => [{ state: "warning", seen: "it is left" }]));
          return new Promise(() => {});
        }),
        check("dependant", ["endless"], gives({ state: "ok", seen: "" })),
      ],
      lake,
      { timeout: 50 },
    );
    expect(states(results)).toEqual([
      ["endless", "could not check"],
      ["endless", "warning"],
      ["dependant", "could not check"],
    ]);
  });

  it("whose answer came while the process stood still are not called silent", async () => {
    const standStill = (milliseconds: number) => {
      for (const end = performance.now() + milliseconds; performance.now() < end; );
    };
    const results = await runChecks(
      [
        check("answered", [], async () => {
          // When its time has begun to run.
          await undefined;
          const { port1, port2 } = new MessageChannel();
          const answer = once(port2, "message");
          port1.postMessage("the answer");
          standStill(100);
          await answer;
          port1.close();
          return { state: "ok", seen: "" };
        }),
      ],
      lake,
      { timeout: 50 },
    );
    expect(states(results)).toEqual([["answered", "ok"]]);
  });

  it("that break say why, without secrets", async () => {
    const secretive = createLake({ line: 1, queue: "lake", externalId: "tell-no-one" });
    const [result] = await runChecks(
      [check("broken", [], async () => Promise.reject(new Error("it broke on tell-no-one")))],
      secretive,
      { timeout: 5_000 },
    );
    expect(result?.state).toBe("could not check");
    expect(result?.seen).toContain("it broke on");
    expect(result?.seen).not.toContain("tell-no-one");
  });
});

describe("the verdict", () => {
  let made = 0;
  const result = (state: Result["state"], fix?: string): Result => ({
    check: check(`c${made++}`, [], gives({ state: "ok", seen: "" })),
    subject: "lake",
    state,
    seen: "",
    ...(fix !== undefined && { fix }),
  });

  it("names what to do first: the first of the worst", () => {
    const failed = [result("failed", "a"), result("failed", "b")];
    const [first, second] = failed.map(({ check: { id } }) => id);
    expect(verdictOf([result("ok"), result("warning", "w"), ...failed])).toMatchObject({
      line: `Of 4 checks: 2 failed (${first}, ${second}), 1 warning. First: a.`,
      exitCode: 1,
    });
  });

  it("counts a check once, by the worst of its findings, and says one as one", () => {
    const [first, second] = [result("failed", "a"), result("ok")];
    expect(verdictOf([first, { ...first, state: "warning" }, second]).line).toMatch(
      /^Of 2 checks: 1 failed \(\w+\)\. First: a\.$/,
    );
    expect(verdictOf([second]).line).toBe("All well: 1 check.");
    expect(verdictOf([first]).line).toMatch(/^Of 1 check: 1 failed \(/);
  });

  it("names what has failed, of many the first", () => {
    const failed = [1, 2, 3, 4].map(() => result("failed", "a"));
    const [a, b, c] = failed.map(({ check: { id } }) => id);
    expect(verdictOf(failed).line).toBe(`Of 4 checks: 4 failed (${a}, ${b}, ${c}, …). First: a.`);
  });

  it("names what warns, where nothing failed", () => {
    const warning = result("warning", "w");
    expect(verdictOf([warning, result("ok")]).line).toBe(`Of 2 checks: 1 warning (${warning.check.id}). First: w.`);
  });

  it("names the place of what is to be done first", () => {
    expect(verdictOf([{ ...result("failed", "a"), place: "line 5 of ossec.conf" }]).line).toMatch(
      / First: a \(line 5 of ossec\.conf\)\.$/,
    );
  });

  it("counts warnings where that is asked for, after what failed", () => {
    expect(verdictOf([result("warning", "w")], { strict: true }).exitCode).toBe(3);
    expect(verdictOf([result("warning", "w"), result("failed", "f")], { strict: true }).exitCode).toBe(1);
    expect(verdictOf([result("ok")], { strict: true }).exitCode).toBe(0);
  });

  it("is well when nothing is to be done, and fails for failures only", () => {
    expect(verdictOf([result("ok"), result("not applicable")])).toMatchObject({
      line: "All well: 2 checks, 1 of them not applicable.",
      exitCode: 0,
    });
    expect(verdictOf([result("could not check", "x"), result("warning", "y")]).exitCode).toBe(0);
  });
});

describe("an obstacle", () => {
  const run = (checks: readonly Check[], limits: RunOptions = { timeout: 5_000 }) => runChecks(checks, lake, limits);

  it("is handed on by its first cause, however long the way", async () => {
    const ok = gives({ state: "ok", seen: "" });
    const results = await run([
      check("a", [], gives({ state: "failed", seen: "" })),
      check("b", ["a"], ok),
      check("c", ["b"], ok),
    ]);
    const because = 'the check "a" has to succeed first';
    expect(results.map(({ obstacle }) => obstacle?.because)).toEqual([undefined, because, because]);
  });

  it("of time is told of all that wait for it, and all end together", async () => {
    const endless = () => new Promise<never>(() => {});
    const started = performance.now();
    const results = await run([check("a", [], endless), check("b", [], endless), check("c", ["b"], endless)], {
      timeout: 60_000,
      total: 50,
    });
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(new Set(results.map(({ seen }) => seen))).toEqual(
      new Set(["could not check, because the time of the whole run was over before AWS answered"]),
    );
  });

  it("of time is no silence of AWS where it has answered", async () => {
    await using aws = await startLocalAws();
    const surroundings = { base: provider(aws.credentials), endpoint: aws.url, region: "us-east-1", patience };
    const subject = createLake({ line: 1, queue: "lake" }, surroundings);
    await expect(subject.queue()).rejects.toThrow();
    expect(subject.answers.count).toBe(1);
    const slow = check("slow", [], async ({ answers }) => {
      answers.count++;
      return new Promise<never>(() => {});
    });
    const seen = async (limits: RunOptions) => (await runChecks([slow], subject, limits))[0]?.obstacle?.because;
    expect(await seen({ timeout: 10 })).toBe("AWS answered, but not all that it was asked, within 0.01 s");
    expect(await seen({ timeout: 60_000, total: 10 })).toBe(
      "the time of the whole run was over before AWS had answered all that it was asked",
    );
  });

  it("has the policy with it that would take it away", async () => {
    const policy = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "sqs:GetQueueAttributes" }] };
    const results = await run([
      check("a", [], gives(couldNotCheck({ because: "nobody may", how: "Allow it" }, { policy }))),
    ]);
    const verdict = verdictOf(results);
    for (const report of [textReport, htmlReport])
      expect(report(verdict, results, { colours: false })).toContain("sqs:GetQueueAttributes");
  });

  it("that several share asks for all that they need, once", async () => {
    const lacks = (...rights: string[]) =>
      gives(couldNotCheck({ because: "nobody may", rights, how: "let somebody run it" }));
    const results = await run([
      check("a", [], lacks("iam:GetRole")),
      check("b", [], gives({ state: "ok", seen: "fine" })),
      check("c", [], lacks("iam:GetRole", "s3:ListBucket")),
    ]);
    const { line } = verdictOf(results);
    expect(line).toContain("To check more: Someone with iam:GetRole, s3:ListBucket can: let somebody run it.");
    expect(textReport(verdictOf(results), results, { colours: false }).split("\n").slice(3)).toEqual([
      "  ? could not check  a, c: because nobody may",
      "      Someone with iam:GetRole, s3:ListBucket can: let somebody run it",
      "  ✔ ok  b (b): fine",
      "",
      "More of a check: security-lake-verify --explain NAME",
      "",
    ]);
  });
});

import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { createLab } from "@threatlockdown/tooling-lab";
import { createSubscription } from "@threatlockdown/tooling-local-aws";
import { describe, expect, it } from "vitest";
import type { Check, Result } from "../src/check.ts";
import { checks } from "../src/checks/table.ts";
import { merged, written } from "../src/command.ts";
import { administratorPage, docsPage } from "../src/report/docs.ts";
import { fixPlan } from "../src/report/fix-plan.ts";
import { htmlReport } from "../src/report/html.ts";
import { jsonReport } from "../src/report/json.ts";
import { junitReport } from "../src/report/junit.ts";
import { mapResult, redaction, revealed } from "../src/report/redact.ts";
import { textReport } from "../src/report/text.ts";
import { verdictOf } from "../src/verdict.ts";
import { surroundingsOf, verify } from "./command-line.ts";
import { faults } from "./faults.ts";
import { faultsOf } from "./schema.ts";
import { createSetting, perform, provider, type Setting } from "./setting.ts";

const schemaFile = join(import.meta.dirname, "../report.schema.json");
const plain = { colours: false };

const table = checks({ receive: true });

async function resultsOf(name: string, use: (results: Result[], setting: Setting) => void | Promise<void>) {
  const fault = faults.find((one) => one.name === name);
  await using setting = await createSetting(fault?.options);
  await fault?.make(setting);
  await use(await setting.verify({ reveal: false }), setting);
}

function redacted(results: readonly Result[]): Result[] {
  const redact = redaction(results.map(({ check: _, ...told }) => JSON.stringify(told)));
  return results.map((result) => mapResult(result, redact));
}

/** What is another at each run. */
function steady(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "2026-01-01T00:00:00Z")
    .replaceAll(/\d+ MiB/g, "4096 MiB")
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:4566")
    .replaceAll(/[0-9a-f]{32}(?=\.gz\.parquet)/g, "0".repeat(32))
    .replaceAll(/\d+ bytes/g, "20000 bytes")
    .replaceAll(/eventDay=\d+/g, "eventDay=20260101")
    .replaceAll(/threatlockdown-[\w.-]+(?= |$)/gm, "threatlockdown-host")
    .replaceAll(/; waiting: .*$/gm, "; waiting: 1")
    .replaceAll(/\d+ min ago/g, "0 min ago")
    .replaceAll(/written \d+ s ago/g, "written 0 s ago");
}

describe("the text report", () => {
  it.each([
    ["trust policy names another user", "trust"],
    ["user has no policy for another role's name", "user"],
    ["role lacks sqs:DeleteMessage", "permission"],
    ["rule is disabled", "rule"],
    ["queue has no policy", "queue-policy"],
  ])("of a typical fault, %s, is as it was, and short", async (name, file) => {
    await resultsOf(name, async (results) => {
      const shown = redacted(results);
      const text = steady(textReport(verdictOf(shown), shown, plain));
      await expect(text).toMatchFileSnapshot(join(import.meta.dirname, "golden", `${file}.txt`));
      const lines = text.trimEnd().split("\n");
      expect(lines.length).toBeLessThanOrEqual(40);
      expect(lines[0]).toMatch(
        /^Of \d+ checks: 1 failed \([\w-]+\).* First: (Someone who may change|Give the subscriber) /,
      );
    });
  });
});

describe("every report", () => {
  const write = (shown: readonly Result[]) => {
    const verdict = verdictOf(shown);
    const look = { colours: true };
    const reports = [textReport, jsonReport, htmlReport, junitReport].map((report) => report(verdict, shown, look));
    return [...reports, fixPlan(shown)].join("\n");
  };

  it("is without secrets, and shows the external ID when that is asked for", async () => {
    await resultsOf("trust policy asks for another external ID", (results, { lake }) => {
      const told = write(results);
      for (const secret of [lake.externalId, lake.userCredentials.secretAccessKey]) expect(told).not.toContain(secret);
      expect(told).toContain("<external-id>");
      expect(write(results.map((one) => mapResult(one, revealed("shown-id"))))).toContain("shown-id");
      expect(told).not.toContain('"another"');
    });
  });

  it.each([
    "trust policy asks for another external ID",
    "user is forbidden by a managed policy of its group",
    "user is forbidden by a policy of its group",
    "role is forbidden an action by a managed policy, lacks others, and has a boundary",
    "role may not read one of the sources that are announced",
    "key does not let EventBridge send",
    "rule leads to another queue",
    "queue is that of another subscriber",
    "queue does not exist",
    "an account sends nothing",
    "newest object is no Parquet file",
  ])("masks numbers and names in all forms when that is asked for: %s", async (fault) => {
    await resultsOf(fault, (results, { lake, key, aws }) => {
      const told = write(results);
      const masked = write(redacted(results));
      const id = lake.roleName.replace("AmazonSecurityLake-", "");
      const own = [lake.account, id, lake.bucket, lake.userName, key?.split("/").at(-1), "managers", "Less", "Bounds"];
      const session = aws.requests.list({ operation: "AssumeRole" }).length > 0 ? hostname() : undefined;
      const names = [...own, session].filter((name) => name !== undefined && told.includes(name));
      expect(names.length).toBeGreaterThan(3);
      for (const name of names)
        expect(masked).not.toMatch(new RegExp(`(?<![\\w-])${RegExp.escape(name ?? "")}(?![\\w-])`));
      for (const part of [lake.account, id, lake.bucket]) expect(masked).not.toContain(part);
      // The same text everywhere but for what is masked: nothing else is lost.
      expect(masked.split("\n").length).toBe(told.split("\n").length);
      expect(masked).not.toMatch(/(?<!\d)\d{12}(?!\d)/);
    });
  });

  it("counts no digits within a masked name as an account, and masks those within others", () => {
    const told = ["aws-security-data-lake-us-east-1-ab123456789012cd of 210987654321", "s3://lake-333333333333-x/key"];
    const redact = redaction(told);
    expect(told.map(redact)).toEqual(["<bucket-1> of <account-1>", "s3://lake-<account-2>-x/key"]);
  });

  it("masks managers, clusters and nodes of others, which stored events name", () => {
    const told = [
      "20 of the newest 20 events have manager.name own, written by node worker-1, worker-2",
      "the newest events have manager.name hq.example; this manager's dashboard shows those of own",
      JSON.stringify({ query: { term: { "manager.name": "hq.example" } }, cluster: { "cluster.name": "prod" } }),
    ];
    const masked = told.map(redaction(told, [["own", "manager"]])).join("\n");
    expect(masked).not.toMatch(/own[,\s]|hq\.example|worker|prod/);
    expect(masked).toContain("the newest events have manager.name <manager-2>; this manager's dashboard");
  });

  it("masks what others have named: sources, index templates, and whom certificates are of", () => {
    const told = [
      "ext/acmebankedr/1.0 of 210987654321: 2 h ago; s3://lake/ext/acmebankedr/1.0/region=x/a.parquet",
      "the index template acme+alerts has priority 200",
      JSON.stringify({ url: "https://localhost:9200/_index_template/acme%2Balerts" }),
      'the authority of its certificate, "Acme Root", is none of those in <certificate_authorities>',
      "in the files of <certificate_authorities>, C=DE, O=Acme Bank AG, CN=siem.acme was valid until 2026-01-01",
      "/_index_template/security-lake",
    ];
    const redact = redaction(told.map((one) => JSON.stringify(one)));
    const masked = told.map(redact);
    expect(masked.join("\n")).not.toMatch(/acme/i);
    expect(masked[0]).toMatch(/^ext\/<source-1>\/1\.0 .*\/ext\/<source-1>\/1\.0\/region=/);
    expect(masked.at(-1)).toBe("/_index_template/security-lake");
  });

  it("leaves the words of policies, whatever has such a name", () => {
    const told = 'a statement with Effect Deny forbids it: policy "Deny" of group "Less"';
    const redact = redaction([JSON.stringify(told)]);
    expect(redact(told)).toBe('a statement with Effect Deny forbids it: policy "Deny" of group "<name-1>"');
  });

  it("masks whose home a file is in, and what ends a sentence after a name is not the name's", () => {
    const told = [
      "/home/alice/ossec.conf, on arn:aws:iam::123456789012:role/lake: no policy",
      "/Users/alice/x /root/y",
    ];
    const redact = redaction(told);
    expect(told.map(redact)).toEqual([
      "<home-1>/ossec.conf, on arn:aws:iam::<account-1>:role/<iam-1>: no policy",
      "<home-2>/x /root/y",
    ]);
  });

  it("is well-formed whatever the names hold", () => {
    const [check] = table;
    const nasty = `<script>alert("1")</script> & 'x' ]]> \u0007\u001b[2J\u2028\u2029`;
    const policy = { Statement: [{ Sid: nasty }] };
    const commands = [{ words: ["aws", "iam"], options: { name: nasty } }];
    const told = { subject: nasty, seen: nasty, fix: nasty, console: nasty, policy, commands };
    const obstacle = { because: nasty, rights: [nasty], how: nasty };
    const results = [
      { check, state: "failed", ...told },
      { check, state: "could not check", ...told, obstacle },
    ] as Result[];
    const html = htmlReport(verdictOf(results), results);
    // Tags and entities of its own only.
    expect(new Set(html.match(/<\/?[a-z0-9]+|<!doctype/g))).toEqual(
      new Set(
        ["html", "head", "title", "style", "body", "h1", "h2", "h3", "span", "small", "p", "strong", "pre", "section"]
          .flatMap((tag) => [`<${tag}`, `</${tag}`])
          .concat("<meta", "<!doctype"),
      ),
    );
    expect(html).not.toMatch(/(src|href)=|\u0007|\u001b/);
    const junit = junitReport(verdictOf(results), results);
    expect(junit).toContain('failures="1"');
    expect(junit.replaceAll(/&(amp|lt|gt|quot|#39);/g, "")).not.toMatch(/&|<script|\u0007|\u001b/);
    expect(JSON.parse(jsonReport(verdictOf(results), results)).results[0].seen).toBe(nasty);
    // A terminal is not told what to do by a name.
    expect(textReport(verdictOf(results), results, plain)).not.toMatch(/[\u0007\u001b\u2028\u2029]/);
    expect(textReport(verdictOf(results), results, { ...plain, colours: true })).not.toMatch(
      /[\u0007\u2028\u2029]|\u001b\[2J/,
    );
    // A line of a command in a comment would be run.
    for (const end of ["\n", "\r\n", "\r", "\u2028"]) {
      expect(fixPlan([{ ...results[0], seen: `a${end}rm -rf /` } as Result])).toContain("\n# rm -rf /");
    }
    // Whatever a name holds is one word for a shell.
    for (const name of ["'; echo no #", "$(id)", "a  b", "`id`", "'", "", '"$HOME"', "-n", "a\nb"]) {
      const command = written({ words: ["printf", "%s|"], options: { name } });
      expect(execFileSync("/bin/sh", ["-c", command], { encoding: "utf8" })).toBe(`--name|${name}|`);
    }
  });
});

describe("the fix plan", () => {
  it("holds all commands and nothing else that a shell would run", async () => {
    await resultsOf("rule is disabled", (results) => {
      const lines = fixPlan(results).split("\n");
      const run = lines.filter((line) => line !== "" && !line.startsWith("#"));
      expect(run).toEqual([expect.stringMatching(/^aws events enable-rule --name AmazonSecurityLake-/)]);
    });
  });

  it("says where the subscriber's own program is, which is on no PATH", () => {
    const [check] = table;
    const commands = [{ words: ["security-lake-wodle", "setup"], options: { config: "ossec.conf" } }];
    const plan = fixPlan([{ check, subject: "", state: "failed", seen: "x", fix: "y", commands } as Result]);
    expect(plan).toMatch(/^# security-lake-wodle is node \S+ .*\nsecurity-lake-wodle setup --config ossec\.conf$/m);
  });

  it("runs nothing that has a mark where the external ID is to stand, and says what it would replace", async () => {
    const fault = "trust policy names a service";
    await resultsOf(fault, (results, { lake }) => {
      const plan = fixPlan(results);
      expect(plan).toContain("\n# aws iam update-assume-role-policy ");
      expect(plan).toMatch(/^# Where <external-id> stands, put .*; the command replaces the whole policy\.$/m);
      expect(plan.split("\n").filter((line) => line !== "" && !line.startsWith("#"))).toEqual([]);
      const shown = fixPlan(results.map((one) => mapResult(one, revealed(lake.externalId))));
      expect(shown).toMatch(/^aws iam update-assume-role-policy /m);
    });
  });

  it("runs nothing that is right in one case only, and says which", () => {
    const check = { id: "role", title: "role", explain: "why", needs: [], run: async () => [] };
    const command = (words: string[], where?: string) => ({ words, ...(where !== undefined && { where }) });
    const result = (...commands: Result["commands"] & object): Result => ({
      check,
      subject: "lake",
      state: "failed",
      seen: "seen",
      fix: "fix",
      commands,
    });
    const one = result(command(["rm", "a"], "nobody\nneeds it"), command(["setup"]));
    const line = "# Only where nobody needs it: rm a";
    expect(fixPlan([one]).split("\n")).toEqual(["# role: seen", "# fix.", line, "", "setup", ""]);
    const verdict = verdictOf([one]);
    expect(textReport(verdict, [one], plain)).toContain(`\n        ${line}\n`);
    expect(JSON.parse(jsonReport(verdict, [one])).results[0].commands).toEqual([line, "setup"]);
    for (const report of [htmlReport, junitReport]) expect(report(verdict, [one])).toContain(line);
    // What is right in all cases is right in one.
    expect(fixPlan([one, result(command(["rm", "a"]))])).toContain("\nrm a\n");
  });

  it("has causes before their effects, those without a command and those of another subscriber too", () => {
    const result = (id: string, subject: string, words?: string[]): Result => {
      const check = { id, title: id, explain: id, needs: [], run: async () => [] };
      return { check, subject, state: "failed", seen: subject, fix: id, ...(words && { commands: [{ words }] }) };
    };
    const plan = fixPlan([
      result("role", "a", ["aws", "role"]),
      result("assume-role", "a"),
      result("last-run", "a", ["once"]),
      result("assume-role", "b"),
      result("last-run", "b", ["once"]),
    ]);
    expect(plan).toBe(
      [
        ...["# role: a", "# role.", "aws role", ""],
        ...["# assume-role: a", "# assume-role.", ""],
        ...["# assume-role: b", "# assume-role.", ""],
        ...["# last-run: a", "# last-run.", "# last-run: b", "# last-run.", "once", ""],
      ].join("\n"),
    );
  });

  it("changes a policy that two subscribers need once, and has what both need", async () => {
    await using lab = await createLab();
    const { aws, subscription: one } = lab;
    const other = createSubscription(aws, { externalId: "the-other-external-id" });
    const file = join(lab.folder, "ossec.conf");
    const text = await readFile(file, "utf8");
    const [block = ""] = /<subscriber.*<\/subscriber>/s.exec(text) ?? [];
    const second = block
      .replace(one.queueName, other.queueName)
      .replace(one.roleArn, other.roleArn)
      .replace(one.externalId, other.externalId);
    await writeFile(file, text.replace(block, `${block}\n${second}`));
    for (const { roleArn, externalId } of [one, other]) {
      aws.setTrust(roleArn, {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { AWS: `arn:aws:iam::${one.account}:root` },
            Action: "sts:AssumeRole",
            Condition: { StringEquals: { "sts:ExternalId": externalId } },
          },
        ],
      });
      aws.putUserPolicy(one.userArn, `Assume-${roleArn.split("/").at(-1)}`, {
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Action: "iam:GetUser", Resource: "*" },
          { Effect: "Deny", Action: "sts:TagSession", Resource: "*" },
        ],
      });
    }
    const run = (...args: string[]) =>
      verify(["--config", file, "--only", "role,user,assume-role,queue-name,role-permissions", ...args], {
        surroundings: { ...surroundingsOf(lab), admin: provider(aws.credentials) },
      });
    const { code, stdout } = await run("--fix-plan");
    expect(code).toBe(1);
    const commands = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(commands).toHaveLength(1);
    expect(commands[0]).toContain(one.roleArn);
    expect(commands[0]).toContain(other.roleArn);
    expect(stdout.match(/^# user: /gm)).toHaveLength(2);
    for (const command of commands) await perform(aws, one.region, command);
    expect(await run()).toMatchObject({ code: 0, stdout: expect.stringMatching(/^All well: 10 checks/) });
  });

  it("keeps what each of two changes of a policy adds, and takes away what either does", () => {
    const allow = (Sid: string) => ({ Sid, Effect: "Allow" as const, Action: Sid, Resource: "*" });
    const change = (...names: string[]) => ({
      words: ["aws", "iam", "put-user-policy"],
      options: { "user-name": "u", "policy-name": "p", "policy-document": { Statement: names.map(allow) } },
      replaces: { option: "policy-document", policy: { Statement: ["a", "b", "c"].map(allow) } },
    });
    const of = (commands: ReturnType<typeof merged>) =>
      commands.map(({ options = {} }) =>
        (options["policy-document"] as ReturnType<typeof change>["options"]["policy-document"]).Statement.map(
          ({ Sid }) => Sid,
        ),
      );
    expect(of(merged([change("a", "b", "x"), change("b", "c", "y"), change("b", "x")]))).toEqual([["b", "x", "y"]]);
    const elsewhere = { ...change("a"), options: { ...change("a").options, "user-name": "v" } };
    expect(merged([change("a"), elsewhere])).toHaveLength(2);
    expect(merged([{ words: ["aws", "same"] }, { words: ["aws", "same"] }])).toHaveLength(1);
  });

  it("is empty where nothing is wrong", () => {
    expect(fixPlan([])).toBe("# Nothing is to be changed.\n");
  });

  it("does not claim more than is known", () => {
    const [check] = table as [Check, ...Check[]];
    expect(fixPlan([{ check, subject: "lake", state: "could not check", seen: "" }])).toBe(
      `# Nothing is to be changed as far as is known; could not be checked: ${check.id}.\n`,
    );
  });

  it("has the policy that a line speaks of where no command has it", () => {
    const [check] = table as [Check, ...Check[]];
    const policy = { Version: "2012-10-17", Statement: [] };
    const plan = fixPlan([
      { check, subject: "lake", state: "failed", seen: "s", fix: "Adds the policy below", policy },
    ]);
    expect(plan).toContain(`# Adds the policy below.\n# ${JSON.stringify(policy)}\n`);
  });
});

describe("the JSON report", () => {
  it("is as its schema says", async () => {
    const text = await readFile(schemaFile, "utf8");
    const schema = JSON.parse(text);
    await resultsOf("queue has no policy", (results) => {
      const report = JSON.parse(jsonReport(verdictOf(results), results));
      expect(faultsOf(report, text)).toEqual([]);
      const known = schema.properties.results.items;
      expect(Object.keys(report).sort()).toEqual([...schema.required].sort());
      for (const result of report.results) {
        expect(Object.keys(known.properties)).toEqual(expect.arrayContaining(Object.keys(result)));
        expect(Object.keys(result)).toEqual(expect.arrayContaining(known.required));
        expect(known.properties.state.enum).toContain(result.state);
      }
    });
  });

  it("names the command that tells of each check", async () => {
    const results = table.map((check): Result => ({ check, subject: "lake", state: "ok", seen: "" }));
    for (const { id, docs } of JSON.parse(jsonReport(verdictOf(results), results)).results) {
      const [program, ...args] = docs.split(" ");
      const { code, stdout } = await verify(args);
      const page = await readFile(join(import.meta.dirname, "../docs", `${id}.md`), "utf8");
      expect({ program, code, stdout }).toEqual({
        program: "security-lake-verify",
        code: 0,
        // Links lead to files that only the repository has.
        stdout: page.replaceAll(/\[(.*?)\]\(.*?\)/g, "$1"),
      });
    }
  });
});

describe("the documentation", () => {
  it("says what an administrator's profile needs", async () => {
    await expect(administratorPage()).toMatchFileSnapshot(join(import.meta.dirname, "../docs/administrator.md"));
  });

  it.each(table.map((check) => [check.id, check] as const))("has a page of %s", async (id, check) => {
    await expect(docsPage(check)).toMatchFileSnapshot(join(import.meta.dirname, "../docs", `${id}.md`));
  });
});

import {
  checkSetup,
  IndexerError,
  setupRole,
  setupRoleName,
  templateName,
  templatePriority,
} from "@threatlockdown/indexer-client";
import type { Check, Finding } from "../check.ts";
import { type Command, setupCommand } from "../command.ts";
import { type Answer, type Indexer, knowsNoSuchAddress, type Session } from "../indexer.ts";
import { late, look, unexpected, withIndexer } from "../indexer-look.ts";
import type { Lake } from "../lake.ts";
import { yaml } from "../yaml.ts";

export const policyPath: string = `/_plugins/_ism/policies/${templateName}`;

export const indexerTemplate: Check = {
  id: "indexer-template",
  title: "The index template is in place and current",
  explain:
    "Without it the indexer guesses the type of each field from the event that comes first, and refuses events that do not fit.",
  needs: ["indexer-user"],
  once: true,
  late,
  run: withIndexer((own, lake) =>
    look(own, ["indices:admin/index_template/get"], stepsOf, (answer) => {
      if (answer.status !== 200) return unexpected(answer);
      const step = stepAbout("index template", answer);
      if (step === undefined) return unexpected(answer);
      const finding = judgeTemplate(step, own, lake);
      const { overriding } = (answer.body as readonly Step[]).find(({ because }) => because === "overrides") ?? {};
      return finding.state === "ok" && overriding !== undefined ? overridden(overriding, own) : finding;
    }),
  ),
};

type Step = Awaited<ReturnType<typeof checkSetup>>[number];

/** What setup would do, as an answer. */
async function stepsOf(session: Session): Promise<Answer> {
  try {
    return { status: 200, body: await checkSetup(await session.client()) };
  } catch (error) {
    if (!(error instanceof IndexerError) || error.status === undefined) throw error;
    return { status: error.status, body: error.message };
  }
}

function stepAbout(subject: string, { body }: Answer): Step | undefined {
  return (body as readonly Step[]).find((step) => step.subject.startsWith(subject));
}

function judgeTemplate({ outcome, because, message }: Step, own: Indexer, { manager }: Lake): Finding {
  const seen = message.replace(/^Indexer: /, "").replace(/; .*$/, "");
  if (outcome === "current") return { state: "ok", seen };
  const who = "Someone who may manage index templates";
  const setup = setupCommand(manager?.file ?? "ossec.conf");
  const anew = (where: string): Command[] =>
    [own.command("DELETE", `/_index_template/${templateName}`), setup].map((command) => ({ ...command, where }));
  if (because === "newer") {
    return {
      state: "warning",
      seen: seen.replace(" and was left alone", ""),
      fix: "Install the same, newer version of this program on this manager; or, where the newer one is no longer used, delete the template and run setup",
      commands: anew("the newer version is no longer used"),
    };
  }
  if (because === "foreign") {
    return {
      state: "failed",
      seen: `the index template ${templateName} is not of this product`,
      fix: `${who} saves it under another name where it is needed, deletes it, and runs setup`,
      commands: anew("nobody needs it, or it is saved under another name"),
    };
  }
  return {
    state: outcome === "missing" ? "failed" : "warning",
    seen,
    fix: `${who} runs setup, as a user who has the role ${setupRoleName} that is below, or all rights`,
    paste: yaml({ [setupRoleName]: setupRole }),
    commands: [setup],
  };
}

function overridden({ name, priority }: NonNullable<Step["overriding"]>, own: Indexer): Finding {
  return {
    state: "failed",
    seen: `the index template ${name} has priority ${priority} for the same indices and takes the place of ${templateName}`,
    fix: `Someone who may manage index templates gives ${name} other patterns or a priority below ${templatePriority}; or deletes it`,
    commands: [
      {
        ...own.command("DELETE", `/_index_template/${encodeURIComponent(name)}`),
        where: `nobody needs the template ${name}`,
      },
    ],
  };
}

export const indexerRetention: Check = {
  id: "indexer-retention",
  title: "Old indices are deleted as intended",
  explain: "Indices of days are kept until someone or something deletes them; a full disk stops the indexer.",
  needs: ["indexer-user"],
  once: true,
  late,
  run: withIndexer(async (own, lake) => {
    const rights = ["cluster:admin/opendistro/ism/policy/get", "indices:admin/index_template/get"];
    // With a retention that setup was given, it is setup that knows whether the policy is right.
    const ask = async (session: Session): Promise<Answer> => {
      const answer = await stepsOf(session);
      const denied = answer.status === 200 && stepAbout("retention policy", answer)?.message.endsWith("not known");
      return denied ? { ...answer, status: 403 } : answer;
    };
    const wanted = await look(own, rights, ask, (answer) => {
      if (answer.status !== 200) return unexpected(answer);
      const step = stepAbout("retention policy", answer);
      return step === undefined ? [] : judgePolicy(step, lake);
    });
    if ([wanted].flat().length > 0) return wanted;
    return look(own, rights, (session) => session.ask("GET", policyPath), retentionUnasked);
  }),
};

function judgePolicy({ outcome, message }: Step, { manager }: Lake): Finding {
  const seen = message.replace(/^Indexer: /, "");
  if (outcome === "current") return { state: "ok", seen };
  const [what = seen] = seen.split("; ");
  if (outcome === "not-possible" || outcome === "left-alone") {
    return {
      state: "warning",
      seen,
      fix: "Someone who manages the indexer sees to it that old indices are deleted before its disks are full",
    };
  }
  return {
    state: "warning",
    seen: what,
    fix: "Someone who may manage policies of the indexer runs setup",
    commands: [setupCommand(manager?.file ?? "ossec.conf")],
  };
}

function retentionUnasked(answer: Answer): Finding {
  if (knowsNoSuchAddress(answer)) {
    return {
      state: "not applicable",
      seen: "the indexer has no plugin index-management; old indices are deleted by other means",
    };
  }
  if (answer.status === 404) {
    return { state: "ok", seen: "no policy was installed: indices are kept until someone deletes them" };
  }
  if (answer.status !== 200) return unexpected(answer);
  const { policy } = answer.body as { policy?: { description?: string } };
  return { state: "ok", seen: `the policy ${templateName}: ${policy?.description ?? "without a description"}` };
}

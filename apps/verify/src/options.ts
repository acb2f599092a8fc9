import { parseArgs } from "node:util";
import { CannotRun } from "./cannot-run.ts";

export const defaultConfiguration = "/var/ossec/etc/ossec.conf";
/** Milliseconds between two runs of --watch. */
export const watchMilliseconds = 10_000;

export const help = `Checks a Security Lake subscription and says what is wrong, who must change what, and with which text.

Usage: security-lake-verify [options]

What is checked: the subscribers of the manager's configuration,
  --config FILE            ${defaultConfiguration}
  --state FOLDER           where the subscriber keeps dead letters
or, without any file, the one that these describe:
  --queue NAME|URL|ARN     the subscription endpoint
  --role-arn ARN           the subscriber's role; without it, the credentials at hand are used as they are
  --external-id-file FILE  the external ID is in this file; otherwise in SECURITY_LAKE_EXTERNAL_ID
  --role-duration SECONDS  of the role's sessions
  --profile NAME           AWS profile of the user
  --sts-endpoint HOST, --service-endpoint HOST
                           of STS and of S3, where they are others than AWS's own
With what it is checked:
  --region NAME            before that of the profile, where the queue's address names none
  --bucket A,B             the lake's buckets, where they may not be listed
  --accounts A,B           accounts that should send events; otherwise those of the AWS organization, where it may be asked
  --stale HOURS            a source that has sent nothing for so long is a warning (24)
  --admin-profile NAME     AWS profile for what the lake's role may not look at; it is only ever looked with
  --admin-policy           print the policy that the user or role of such a profile needs, and check nothing
  --indexer-credentials FILE  the subscriber's user of the indexer, as the subscriber has it: two lines, username=… and
                           password=…, mode 0600; otherwise INDEXER_USERNAME and INDEXER_PASSWORD
  --indexer-sigv4 SERVICE, --indexer-region, --indexer-profile, --indexer-role
                           for a subscriber that signs its requests to Amazon OpenSearch, as it has them
  --indexer-admin FILE     the same of a user who may look at what the subscriber's may not, and delete the probe
  --only A,B, --skip A,B   checks to run, or to leave out
  --no-receive             leave out what receives a message from the queue
  --no-probe               leave out what writes a document into the indexer
What is told:
  --output FORM            text (default), json, junit or html
  --fix-plan               print the changes as commands, and run none
  --redact                 mask account numbers, ARNs, hosts, paths and names, for pasting into a ticket
  --show-external-id       write the external ID into policies and commands, for pasting into AWS
  --strict                 exit code 3 where there are warnings only
  --watch                  run again every ${watchMilliseconds / 1000} s until nothing fails and events have come; all is told anew when a
                           check has changed
  --list                   print the checks, and run none
  --explain ID             print what a check looks at and why, and check nothing
  --help

Nothing is changed: one message is received from the queue of each subscriber and given back at once, and one document
is written into an index of its own, where there is someone who may delete that index again.
Exit code: 0 nothing failed, 1 something failed, 2 it could not run, 3 warnings only, with --strict;
130 or 143 where Ctrl-C or SIGTERM has ended it.
`;

const noExternalId =
  "--external-id is no option, since any user of this machine can read the arguments of a process: write the external ID into a file of mode 0600 and give --external-id-file FILE, or set SECURITY_LAKE_EXTERNAL_ID.";

export type Options = ReturnType<typeof parseOptions>;

/** @throws CannotRun */
export function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        config: { type: "string" },
        state: { type: "string" },
        queue: { type: "string" },
        "role-arn": { type: "string" },
        "external-id-file": { type: "string" },
        "role-duration": { type: "string" },
        profile: { type: "string" },
        "sts-endpoint": { type: "string" },
        "service-endpoint": { type: "string" },
        region: { type: "string" },
        bucket: { type: "string" },
        accounts: { type: "string" },
        stale: { type: "string", default: "24" },
        "admin-profile": { type: "string" },
        "admin-policy": { type: "boolean", default: false },
        only: { type: "string" },
        skip: { type: "string" },
        "indexer-credentials": { type: "string" },
        "indexer-sigv4": { type: "string" },
        "indexer-region": { type: "string" },
        "indexer-profile": { type: "string" },
        "indexer-role": { type: "string" },
        "indexer-admin": { type: "string" },
        "no-receive": { type: "boolean", default: false },
        "no-probe": { type: "boolean", default: false },
        output: { type: "string", default: "text" },
        "fix-plan": { type: "boolean", default: false },
        redact: { type: "boolean", default: false },
        "show-external-id": { type: "boolean", default: false },
        strict: { type: "boolean", default: false },
        watch: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        explain: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (cause) {
    if (args.some((arg) => /^--external-id(=|$)/.test(arg))) throw new CannotRun(noExternalId);
    // Of an option without its value, the lines after the first tell how one is written that begins with a dash.
    const told = (cause as Error).message.replaceAll("\n", " ").replace(/\.$/, "");
    throw new CannotRun(`${told}. See --help.`);
  }
}

/** How the result is to be told, as far as arguments say so that are wrong elsewhere. */
export function formIn(args: readonly string[]): Form {
  const options = { output: { type: "string" }, "fix-plan": { type: "boolean" }, redact: { type: "boolean" } } as const;
  const { output, "fix-plan": plan, redact } = parseArgs({ args: [...args], options, strict: false }).values;
  return { output: typeof output === "string" ? output : "text", plan: plan === true, redact: redact === true };
}

export interface Form {
  readonly output: string;
  readonly plan: boolean;
  readonly redact: boolean;
}

export function listed(text: string | undefined): string[] {
  return (text ?? "").split(",").flatMap((part) => (part.trim() === "" ? [] : [part.trim()]));
}

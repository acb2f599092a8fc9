import { administratorPolicy } from "../administrator-rights.ts";
import type { Check } from "../check.ts";

/** The command that tells of a check, wherever the program is. */
export const toExplain = (id: string): string => `security-lake-verify --explain ${id}`;

/** The page of a check without its links, which lead to files. */
export function explained(check: Check): string {
  return docsPage(check).replaceAll(/\[([\w-]+)\]\([\w-]+\.md\)/g, "$1");
}

/** The page of a check. */
export function docsPage({ id, title, explain, needs, effect }: Check): string {
  const links = needs.map((need) => `[${need}](${need}.md)`).join(", ");
  return `# ${title}

\`security-lake-verify --only ${id}\`

${explain}
${needs.length === 0 ? "" : `\nIt is left out when one of these has failed: ${links}.\n`}${effect === undefined ? "\nIt changes nothing.\n" : `\nEffect: ${effect}.\n`}`;
}

/** The page of --admin-profile. */
export function administratorPage(): string {
  return `# An administrator's profile

\`security-lake-verify --admin-profile security-lake-audit\`

What the lake's role may not look at, as roles, policies, buckets and rules, is looked at with a profile of the AWS account of
the lake. Without one those checks tell that they could not be made. The profile serves for looking alone; this policy is all
that it needs, and \`security-lake-verify --admin-policy\` prints it:

\`\`\`
${JSON.stringify(administratorPolicy, null, 2)}
\`\`\`

A user of its own, made by someone who may make users in that account:

\`\`\`sh
security-lake-verify --admin-policy > policy.json
aws iam create-user --user-name security-lake-audit
aws iam put-user-policy --user-name security-lake-audit --policy-name SecurityLakeAudit --policy-document file://policy.json
aws iam create-access-key --user-name security-lake-audit
aws configure --profile security-lake-audit
\`\`\`

Or a role with that policy, in \`~/.aws/config\` of whoever may assume it:

\`\`\`ini
[profile security-lake-audit]
role_arn = arn:aws:iam::ACCOUNT:role/SecurityLakeAudit
source_profile = default
\`\`\`

Only the organization's management account, or one that it has made a delegated administrator, may do
\`organizations:ListAccounts\`; elsewhere \`--accounts\` names the accounts that should send events.
`;
}

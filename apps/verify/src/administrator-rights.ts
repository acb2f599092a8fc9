import type { Document } from "./policy.ts";

/** What is done with the credentials of --admin-profile, by what it is about: it is all looking. */
const rights = {
  Queues: ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueues"],
  Buckets: [
    "s3:GetBucketNotification",
    "s3:GetBucketPolicy",
    "s3:GetEncryptionConfiguration",
    "s3:ListAllMyBuckets",
    "s3:ListBucket",
  ],
  Rules: ["events:DescribeRule", "events:ListRuleNamesByTarget", "events:ListRules", "events:ListTargetsByRule"],
  Roles: [
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "iam:SimulatePrincipalPolicy",
  ],
  Users: [
    "iam:GetGroupPolicy",
    "iam:GetUser",
    "iam:GetUserPolicy",
    "iam:ListAttachedGroupPolicies",
    "iam:ListAttachedUserPolicies",
    "iam:ListGroupPolicies",
    "iam:ListGroupsForUser",
    "iam:ListUserPolicies",
  ],
  Keys: ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants"],
  Messages: ["cloudwatch:GetMetricData"],
  Accounts: ["organizations:ListAccounts"],
} as const;

export type AdministratorRight = (typeof rights)[keyof typeof rights][number];

/** The policy of a user or role that serves as --admin-profile, and nothing else. */
export const administratorPolicy: Document = {
  Version: "2012-10-17",
  Statement: Object.entries(rights).map(([Sid, Action]) => ({ Sid, Effect: "Allow", Action, Resource: "*" })),
};

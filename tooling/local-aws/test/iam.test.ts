import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  DetachUserPolicyCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  GetUserCommand,
  GetUserPolicyCommand,
  ListAttachedUserPoliciesCommand,
  ListGroupsForUserCommand,
  ListRolePoliciesCommand,
  ListUserPoliciesCommand,
  PutRolePolicyCommand,
  PutUserPermissionsBoundaryCommand,
  PutUserPolicyCommand,
  SimulatePrincipalPolicyCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateRoleCommand,
} from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalAws } from "../src/index.ts";
import { type Clients, clientsOf, failure, refusal, startLocalAws } from "./clients.ts";

let aws: LocalAws;
let clients: Clients;

beforeAll(async () => {
  aws = await startLocalAws();
  clients = clientsOf(aws);
});
afterAll(() => aws.close());

const policy = (Action: string | string[], Effect = "Allow", Resource: string | string[] = "*") =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect, Action, Resource }] });
const trust = (Principal: object) =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal, Action: "sts:AssumeRole" }] });

describe("users", () => {
  it("are made with keys that work, and deleted when nothing hangs on them", async () => {
    const UserName = "made";
    const { User } = await clients.iam.send(new CreateUserCommand({ UserName }));
    expect(User?.Arn).toBe("arn:aws:iam::123456789012:user/made");
    expect(await refusal(clients.iam.send(new CreateUserCommand({ UserName })))).toMatch(/^EntityAlreadyExists/);
    const { AccessKey } = await clients.iam.send(new CreateAccessKeyCommand({ UserName }));
    const credentials = {
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    };
    const { Arn } = await clientsOf(aws, credentials).sts.send(new GetCallerIdentityCommand({}));
    expect(Arn).toBe(User?.Arn);
    expect(await refusal(clients.iam.send(new DeleteUserCommand({ UserName })))).toMatch(/^DeleteConflict/);
  });

  it("have inline policies", async () => {
    const UserName = aws.createUser({ name: "inline" }).name;
    const PolicyDocument = policy("s3:GetObject");
    await clients.iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "p", PolicyDocument }));
    expect((await clients.iam.send(new ListUserPoliciesCommand({ UserName }))).PolicyNames).toEqual(["p"]);
    const read = await clients.iam.send(new GetUserPolicyCommand({ UserName, PolicyName: "p" }));
    expect(decodeURIComponent(read.PolicyDocument ?? "")).toBe(PolicyDocument);
    await clients.iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName: "p" }));
    expect(await refusal(clients.iam.send(new GetUserPolicyCommand({ UserName, PolicyName: "p" })))).toMatch(
      /^NoSuchEntity/,
    );
  });

  it("have attached policies, whose newest default version counts", async () => {
    const { name: UserName } = aws.createUser({ name: "attached" });
    const made = await clients.iam.send(
      new CreatePolicyCommand({ PolicyName: "Reading", PolicyDocument: policy("s3:GetObject") }),
    );
    const PolicyArn = made.Policy?.Arn;
    await clients.iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn }));
    const attached = await clients.iam.send(new ListAttachedUserPoliciesCommand({ UserName }));
    expect(attached.AttachedPolicies).toEqual([{ PolicyName: "Reading", PolicyArn }]);
    const PolicyDocument = policy("s3:*");
    await clients.iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument, SetAsDefault: true }));
    const { Policy } = await clients.iam.send(new GetPolicyCommand({ PolicyArn }));
    expect(Policy?.DefaultVersionId).toBe("v2");
    const { PolicyVersion } = await clients.iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId: "v2" }));
    expect(decodeURIComponent(PolicyVersion?.Document ?? "")).toBe(PolicyDocument);
    await clients.iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn }));
    expect((await clients.iam.send(new ListAttachedUserPoliciesCommand({ UserName }))).AttachedPolicies).toEqual([]);
  });

  it("have groups and a boundary", async () => {
    const { name: UserName } = aws.createUser({ name: "grouped", groups: ["soc"] });
    const { Groups } = await clients.iam.send(new ListGroupsForUserCommand({ UserName }));
    expect(Groups?.map(({ GroupName }) => GroupName)).toEqual(["soc"]);
    const PermissionsBoundary = aws.createManagedPolicy("Bound", policy("sqs:*"));
    await clients.iam.send(new PutUserPermissionsBoundaryCommand({ UserName, PermissionsBoundary }));
    const { User } = await clients.iam.send(new GetUserCommand({ UserName }));
    expect(User?.PermissionsBoundary?.PermissionsBoundaryArn).toBe(PermissionsBoundary);
  });

  it("need rights to look at themselves", async () => {
    const { arn, credentials } = aws.createUser({ name: "blind" });
    const error = await failure(clientsOf(aws, credentials).iam.send(new GetUserCommand({})));
    expect([error.name, error.message]).toEqual([
      "AccessDenied",
      `User: ${arn} is not authorized to perform: iam:GetUser on resource: user blind ` +
        "because no identity-based policy allows the iam:GetUser action",
    ]);
  });
});

describe("roles", () => {
  it("tell their trust, duration and policies", async () => {
    const user = aws.createUser({ name: "trusted" });
    const RoleName = "told";
    const AssumeRolePolicyDocument = trust({ AWS: user.arn });
    await clients.iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument, MaxSessionDuration: 7200 }));
    const PolicyDocument = policy("sqs:ReceiveMessage");
    await clients.iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "queue", PolicyDocument }));
    const { Role } = await clients.iam.send(new GetRoleCommand({ RoleName }));
    expect(Role).toMatchObject({ Arn: "arn:aws:iam::123456789012:role/told", MaxSessionDuration: 7200 });
    expect(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "")).toBe(AssumeRolePolicyDocument);
    expect((await clients.iam.send(new ListRolePoliciesCommand({ RoleName }))).PolicyNames).toEqual(["queue"]);
    const read = await clients.iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: "queue" }));
    expect(decodeURIComponent(read.PolicyDocument ?? "")).toBe(PolicyDocument);
  });

  it("are changed by the commands that a fix would name", async () => {
    const { name: RoleName } = aws.createRole({ name: "changed", trust: trust({ AWS: "123456789012" }) });
    const PolicyDocument = trust({ Service: "ec2.amazonaws.com" });
    await clients.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument }));
    await clients.iam.send(new UpdateRoleCommand({ RoleName, MaxSessionDuration: 43_200 }));
    const { Role } = await clients.iam.send(new GetRoleCommand({ RoleName }));
    expect(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "")).toBe(PolicyDocument);
    expect(Role?.MaxSessionDuration).toBe(43_200);
  });

  it("are refused with principals that do not exist", async () => {
    const create = (AssumeRolePolicyDocument: string) =>
      failure(clients.iam.send(new CreateRoleCommand({ RoleName: "wrong", AssumeRolePolicyDocument })));
    const missing = "arn:aws:iam::123456789012:user/missing";
    const error = await create(trust({ AWS: missing }));
    expect(error.name).toMatch(/^MalformedPolicyDocument/);
    expect(error.message).toBe(`Invalid principal in policy: "AWS":"${missing}"`);
    expect((await create("{")).name).toMatch(/^MalformedPolicyDocument/);
  });
});

describe("SimulatePrincipalPolicy", () => {
  it("evaluates what the principal really has", async () => {
    const boundary = aws.createManagedPolicy("SimulatedBound", policy(["s3:*", "sqs:*", "kms:*"]));
    const { arn: PolicySourceArn } = aws.createUser({
      name: "simulated",
      boundary,
      policies: {
        read: policy(["s3:GetObject", "sns:Publish"], "Allow", ["arn:aws:s3:::b/*", "arn:aws:sns:*:*:*"]),
        not: policy("kms:*", "Deny"),
      },
    });
    const decide = async (action: string, resource: string) => {
      const { EvaluationResults: [result] = [] } = await clients.iam.send(
        new SimulatePrincipalPolicyCommand({ PolicySourceArn, ActionNames: [action], ResourceArns: [resource] }),
      );
      return result;
    };
    expect(await decide("s3:GetObject", "arn:aws:s3:::b/k")).toMatchObject({
      EvalDecision: "allowed",
      MatchedStatements: [{ SourcePolicyId: "user_simulated_read" }],
    });
    expect((await decide("s3:GetObject", "arn:aws:s3:::c/k"))?.EvalDecision).toBe("implicitDeny");
    expect((await decide("kms:Decrypt", "*"))?.EvalDecision).toBe("explicitDeny");
    expect(await decide("sns:Publish", "arn:aws:sns:us-east-1:1:t")).toMatchObject({
      EvalDecision: "implicitDeny",
      PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: false },
    });
  });

  it("takes context and names what is missing", async () => {
    const { arn: PolicySourceArn } = aws.createUser({
      name: "conditional",
      policies: {
        p: {
          Version: "2012-10-17",
          Statement: {
            Effect: "Allow",
            Action: "s3:GetObject",
            Resource: "*",
            Condition: { StringEquals: { "aws:RequestedRegion": "eu-west-1" } },
          },
        },
      },
    });
    const simulate = async (region?: string) => {
      const { EvaluationResults: [result] = [] } = await clients.iam.send(
        new SimulatePrincipalPolicyCommand({
          PolicySourceArn,
          ActionNames: ["s3:GetObject"],
          ...(region !== undefined && {
            ContextEntries: [
              { ContextKeyName: "aws:RequestedRegion", ContextKeyValues: [region], ContextKeyType: "string" },
            ],
          }),
        }),
      );
      return result;
    };
    expect(await simulate()).toMatchObject({
      EvalDecision: "implicitDeny",
      MissingContextValues: ["aws:requestedregion"],
    });
    expect((await simulate("eu-west-1"))?.EvalDecision).toBe("allowed");
  });
});

it("says by name what it does not do", async () => {
  const { ListVirtualMFADevicesCommand } = await import("@aws-sdk/client-iam");
  const error = await failure(clients.iam.send(new ListVirtualMFADevicesCommand({})));
  expect([error.name, error.$metadata?.httpStatusCode]).toEqual(["NotImplemented", 501]);
});

describe("policies that AWS manages", () => {
  it("can be attached and read, and nobody changes them", async () => {
    const PolicyArn = aws.createManagedPolicy("AWSDenyAll", policy("*", "Deny"), "aws");
    expect(PolicyArn).toBe("arn:aws:iam::aws:policy/AWSDenyAll");
    const { Policy } = await clients.iam.send(new GetPolicyCommand({ PolicyArn }));
    expect(Policy).toMatchObject({ PolicyName: "AWSDenyAll", DefaultVersionId: "v1" });
    const PolicyDocument = policy("*");
    expect(await refusal(clients.iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument })))).toMatch(
      /^AccessDenied/,
    );
  });
});

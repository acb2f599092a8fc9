import { decide } from "./authorize.ts";
import { AwsError } from "./aws-error.ts";
import {
  type Account,
  addAccessKey,
  addGroup,
  addManagedPolicy,
  addRole,
  addUser,
  findManagedPolicy,
  type Group,
  type ManagedPolicy,
  parseTrust,
  type Role,
  type User,
} from "./identity.ts";
import { type Policy, parsePolicy } from "./policy.ts";
import { PolicyError } from "./policy-error.ts";
import {
  createQueryService,
  members,
  type Parameters,
  type QueryOperation,
  validationError,
} from "./query-protocol.ts";
import { encode } from "./request.ts";
import type { Call, Service } from "./service.ts";
import { simulate } from "./simulate.ts";
import type { World } from "./world.ts";
import type { XmlValue } from "./xml.ts";

type Kind = "User" | "Role" | "Group";
type Entity = User | Role | Group;

export function createIam(world: World): Service {
  const operations: Readonly<Record<string, QueryOperation>> = {
    ...userOperations(world),
    ...roleOperations(world),
    ...groupOperations(world),
    ...managedPolicyOperations(world),
    ...policyOperations(world, "User"),
    ...policyOperations(world, "Role"),
    ...policyOperations(world, "Group"),
    SimulatePrincipalPolicy(call, parameters) {
      authorize(world, call, "SimulatePrincipalPolicy", parameters.need("PolicySourceArn"));
      return simulate(world, call, parameters);
    },
  };
  return createQueryService({ name: "iam", namespace: "https://iam.amazonaws.com/doc/2010-05-08/", operations });
}

function accountOf(world: World, call: Call): Account {
  return world.identity.accounts.get(call.caller.account) as Account;
}

function authorize(world: World, call: Call, action: string, arn: string, spelled = arn): void {
  const verdict = decide(world.identity, {
    principal: call.caller,
    action: `iam:${action}`,
    resource: arn,
    owner: call.caller.account,
    context: call.context,
  });
  if (verdict.allowed) return;
  throw new AwsError(
    403,
    "AccessDenied",
    `User: ${call.caller.arn} is not authorized to perform: iam:${action} on resource: ${spelled} ${verdict.because}`,
  );
}

function noSuchEntity(message: string): AwsError {
  return new AwsError(404, "NoSuchEntity", message);
}

function entitiesOf(account: Account, kind: Kind): Map<string, Entity> {
  const maps: Readonly<Record<Kind, Map<string, Entity>>> = {
    User: account.users as Map<string, Entity>,
    Role: account.roles as Map<string, Entity>,
    Group: account.groups as Map<string, Entity>,
  };
  return maps[kind];
}

/** The user, role or group that a call is about, once the caller may do so. @throws AwsError */
function entityOf<K extends Kind>(
  world: World,
  call: Call,
  kind: K,
  name: string,
): K extends "User" ? User : K extends "Role" ? Role : Group {
  const account = accountOf(world, call);
  const entity = entitiesOf(account, kind).get(name);
  const type = kind.toLowerCase();
  const arn = entity?.arn ?? `arn:${account.partition}:iam::${account.id}:${type}/${name}`;
  authorize(world, call, call.intent.operation, arn, `${type} ${name}`);
  if (entity === undefined) throw noSuchEntity(`The ${type} with name ${name} cannot be found.`);
  return entity as ReturnType<typeof entityOf<K>>;
}

/** @throws AwsError before something is made twice */
function checkNew(world: World, call: Call, kind: Kind, name: string, path: string): Account {
  const account = accountOf(world, call);
  const type = kind.toLowerCase();
  authorize(world, call, call.intent.operation, `arn:${account.partition}:iam::${account.id}:${type}${path}${name}`);
  if (entitiesOf(account, kind).has(name)) {
    throw new AwsError(409, "EntityAlreadyExists", `${kind} with name ${name} already exists.`);
  }
  return account;
}

/** @throws AwsError MalformedPolicyDocument */
function readPolicy(read: () => Policy): Policy {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof PolicyError) throw new AwsError(400, "MalformedPolicyDocument", cause.message);
    throw cause;
  }
}

const time = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;

const page = { IsTruncated: false } as const;

function common(entity: Entity, kind: Kind): Readonly<Record<string, XmlValue>> {
  return {
    Path: entity.path,
    [`${kind}Name`]: entity.name,
    [`${kind}Id`]: entity.id,
    Arn: entity.arn,
    CreateDate: time(entity.createdAt),
  };
}

function boundaryOf(entity: User | Role): Readonly<Record<string, XmlValue>> {
  if (entity.boundary === undefined) return {};
  return {
    PermissionsBoundary: {
      PermissionsBoundaryType: "PermissionsBoundaryPolicy",
      PermissionsBoundaryArn: entity.boundary.arn,
    },
  };
}

const renderUser = (user: User): XmlValue => ({ ...common(user, "User"), ...boundaryOf(user) });
const renderGroup = (group: Group): XmlValue => common(group, "Group");
const renderRole = (role: Role): XmlValue => ({
  ...common(role, "Role"),
  AssumeRolePolicyDocument: encode(role.trust.text),
  Description: role.description,
  MaxSessionDuration: role.maxSessionDuration,
  ...boundaryOf(role),
});

function userOperations(world: World): Readonly<Record<string, QueryOperation>> {
  const userOf = (call: Call, parameters: Parameters) => entityOf(world, call, "User", parameters.need("UserName"));
  const keysOf = (user: User) =>
    [...world.identity.accessKeys.values()].filter(({ principal }) => principal.entity === user);
  const keyOf = (user: User, id: string) => {
    const key = keysOf(user).find(({ accessKeyId }) => accessKeyId === id);
    if (key === undefined) throw noSuchEntity(`The Access Key with id ${id} cannot be found.`);
    return key;
  };
  return {
    CreateUser(call, parameters) {
      const [name, path] = [parameters.need("UserName"), parameters.get("Path") ?? "/"];
      const account = checkNew(world, call, "User", name, path);
      return { User: renderUser(addUser(account, name, call.now, path)) };
    },
    GetUser(call, parameters) {
      const own = call.caller.kind === "user" ? call.caller.entity?.name : undefined;
      const name = parameters.get("UserName") ?? own;
      if (name === undefined) throw validationError("Must specify userName when calling with non-User credentials");
      return { User: renderUser(entityOf(world, call, "User", name)) };
    },
    DeleteUser(call, parameters) {
      const user = userOf(call, parameters);
      checkEmpty(user, keysOf(user).length);
      user.account.users.delete(user.name);
      return undefined;
    },
    ListUsers(call) {
      const account = accountOf(world, call);
      authorize(world, call, "ListUsers", `arn:${account.partition}:iam::${account.id}:user/`);
      return { ...page, Users: members([...account.users.values()], renderUser) };
    },
    ListGroupsForUser(call, parameters) {
      return { ...page, Groups: members([...userOf(call, parameters).groups], renderGroup) };
    },
    CreateAccessKey(call, parameters) {
      const user = userOf(call, parameters);
      const { accessKeyId, secretAccessKey } = addAccessKey(world.identity, user);
      return {
        AccessKey: {
          UserName: user.name,
          AccessKeyId: accessKeyId,
          Status: "Active",
          SecretAccessKey: secretAccessKey,
          CreateDate: time(call.now),
        },
      };
    },
    ListAccessKeys(call, parameters) {
      const user = userOf(call, parameters);
      return {
        ...page,
        AccessKeyMetadata: members(keysOf(user), ({ accessKeyId, active }) => ({
          UserName: user.name,
          AccessKeyId: accessKeyId,
          Status: active ? "Active" : "Inactive",
        })),
      };
    },
    UpdateAccessKey(call, parameters) {
      const key = keyOf(userOf(call, parameters), parameters.need("AccessKeyId"));
      key.active = parameters.need("Status") === "Active";
      return undefined;
    },
    DeleteAccessKey(call, parameters) {
      const key = keyOf(userOf(call, parameters), parameters.need("AccessKeyId"));
      world.identity.accessKeys.delete(key.accessKeyId);
      return undefined;
    },
  };
}

function checkEmpty(entity: Entity, others = 0): void {
  if (entity.inline.size + entity.attached.size + others === 0) return;
  throw new AwsError(409, "DeleteConflict", "Cannot delete entity, must delete policies and keys first.");
}

function roleOperations(world: World): Readonly<Record<string, QueryOperation>> {
  const roleOf = (call: Call, parameters: Parameters) => entityOf(world, call, "Role", parameters.need("RoleName"));
  const trustOf = (parameters: Parameters, name: string) =>
    readPolicy(() => parseTrust(world.identity, parameters.need(name)));
  const durationOf = (parameters: Parameters) => {
    const seconds = Number(parameters.get("MaxSessionDuration") ?? 3600);
    if (seconds >= 3600 && seconds <= 43_200) return seconds;
    throw validationError(
      `1 validation error detected: Value '${seconds}' at 'maxSessionDuration' failed to satisfy constraint: Member must have value between 3600 and 43200`,
    );
  };
  return {
    CreateRole(call, parameters) {
      const [name, path] = [parameters.need("RoleName"), parameters.get("Path") ?? "/"];
      const account = checkNew(world, call, "Role", name, path);
      const [trust, seconds] = [trustOf(parameters, "AssumeRolePolicyDocument"), durationOf(parameters)];
      const role = addRole(account, name, trust, call.now, path);
      role.maxSessionDuration = seconds;
      role.description = parameters.get("Description") ?? "";
      return { Role: renderRole(role) };
    },
    GetRole: (call, parameters) => ({ Role: renderRole(roleOf(call, parameters)) }),
    ListRoles(call) {
      const account = accountOf(world, call);
      authorize(world, call, "ListRoles", `arn:${account.partition}:iam::${account.id}:role/`);
      return { ...page, Roles: members([...account.roles.values()], renderRole) };
    },
    UpdateRole(call, parameters) {
      const role = roleOf(call, parameters);
      if (parameters.get("MaxSessionDuration") !== undefined) role.maxSessionDuration = durationOf(parameters);
      role.description = parameters.get("Description") ?? role.description;
      return "";
    },
    UpdateAssumeRolePolicy(call, parameters) {
      roleOf(call, parameters).trust = trustOf(parameters, "PolicyDocument");
      return undefined;
    },
    DeleteRole(call, parameters) {
      const role = roleOf(call, parameters);
      checkEmpty(role);
      role.account.roles.delete(role.name);
      return undefined;
    },
  };
}

function groupOperations(world: World): Readonly<Record<string, QueryOperation>> {
  const groupOf = (call: Call, parameters: Parameters) => entityOf(world, call, "Group", parameters.need("GroupName"));
  const memberOf = (group: Group, parameters: Parameters) => {
    const name = parameters.need("UserName");
    const user = group.account.users.get(name);
    if (user === undefined) throw noSuchEntity(`The user with name ${name} cannot be found.`);
    return user;
  };
  return {
    CreateGroup(call, parameters) {
      const [name, path] = [parameters.need("GroupName"), parameters.get("Path") ?? "/"];
      const account = checkNew(world, call, "Group", name, path);
      return { Group: renderGroup(addGroup(account, name, call.now, path)) };
    },
    GetGroup(call, parameters) {
      const group = groupOf(call, parameters);
      const users = [...group.account.users.values()].filter(({ groups }) => groups.has(group));
      return { ...page, Group: renderGroup(group), Users: members(users, renderUser) };
    },
    AddUserToGroup(call, parameters) {
      const group = groupOf(call, parameters);
      memberOf(group, parameters).groups.add(group);
      return undefined;
    },
    RemoveUserFromGroup(call, parameters) {
      const group = groupOf(call, parameters);
      memberOf(group, parameters).groups.delete(group);
      return undefined;
    },
  };
}

function managedPolicyOperations(world: World): Readonly<Record<string, QueryOperation>> {
  const policyOf = (call: Call, parameters: Parameters): ManagedPolicy => {
    const arn = parameters.need("PolicyArn");
    authorize(world, call, call.intent.operation, arn, `policy ${arn}`);
    const policy = findManagedPolicy(world.identity, arn);
    if (policy === undefined) throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
    return policy;
  };
  const changeable = (call: Call, parameters: Parameters): ManagedPolicy => {
    const policy = policyOf(call, parameters);
    if (!world.identity.awsPolicies.has(policy.arn)) return policy;
    const action = `iam:${call.intent.operation}`;
    const message = `User: ${call.caller.arn} is not authorized to perform: ${action} on resource: policy ${policy.arn}`;
    throw new AwsError(403, "AccessDenied", message);
  };
  const render = (policy: ManagedPolicy): XmlValue => ({
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: policy.defaultVersion,
    IsAttachable: true,
    CreateDate: time(policy.createdAt),
    UpdateDate: time(policy.createdAt),
  });
  const renderVersion = (policy: ManagedPolicy, version: string, document?: Policy): XmlValue => ({
    Document: document === undefined ? undefined : encode(document.text),
    VersionId: version,
    IsDefaultVersion: version === policy.defaultVersion,
    CreateDate: time(policy.createdAt),
  });
  const documentOf = (parameters: Parameters) =>
    readPolicy(() => parsePolicy(parameters.need("PolicyDocument"), "identity"));
  return {
    CreatePolicy(call, parameters) {
      const account = accountOf(world, call);
      const [name, path] = [parameters.need("PolicyName"), parameters.get("Path") ?? "/"];
      const arn = `arn:${account.partition}:iam::${account.id}:policy${path}${name}`;
      authorize(world, call, "CreatePolicy", arn, `policy ${name}`);
      if (account.policies.has(arn)) {
        throw new AwsError(409, "EntityAlreadyExists", `A policy called ${name} already exists.`);
      }
      return { Policy: render(addManagedPolicy(account, name, documentOf(parameters), call.now, path)) };
    },
    GetPolicy: (call, parameters) => ({ Policy: render(policyOf(call, parameters)) }),
    GetPolicyVersion(call, parameters) {
      const policy = policyOf(call, parameters);
      const version = parameters.need("VersionId");
      const document = policy.versions.get(version);
      if (document === undefined) throw noSuchEntity(`Policy ${policy.arn} version ${version} does not exist.`);
      return { PolicyVersion: renderVersion(policy, version, document) };
    },
    ListPolicyVersions(call, parameters) {
      const policy = policyOf(call, parameters);
      return { ...page, Versions: members([...policy.versions.keys()], (version) => renderVersion(policy, version)) };
    },
    CreatePolicyVersion(call, parameters) {
      const policy = changeable(call, parameters);
      const version = `v${policy.versions.size + 1}`;
      policy.versions.set(version, documentOf(parameters));
      if (parameters.get("SetAsDefault") === "true") policy.defaultVersion = version;
      return { PolicyVersion: renderVersion(policy, version) };
    },
    DeletePolicy(call, parameters) {
      const policy = changeable(call, parameters);
      accountOf(world, call).policies.delete(policy.arn);
      return undefined;
    },
  };
}

/** What is the same for users, roles and groups: their inline and attached policies, and boundaries of the first two. */
function policyOperations(world: World, kind: Kind): Readonly<Record<string, QueryOperation>> {
  const holder = (call: Call, parameters: Parameters): Entity =>
    entityOf(world, call, kind, parameters.need(`${kind}Name`));
  const inlineOf = (entity: Entity, name: string): Policy => {
    const policy = entity.inline.get(name);
    if (policy !== undefined) return policy;
    throw noSuchEntity(`The ${kind.toLowerCase()} policy with name ${name} cannot be found.`);
  };
  const managedOf = (arn: string): ManagedPolicy => {
    const policy = findManagedPolicy(world.identity, arn);
    if (policy === undefined) throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
    return policy;
  };
  const bounded = (call: Call, parameters: Parameters) => holder(call, parameters) as User | Role;
  return {
    [`Put${kind}Policy`](call, parameters) {
      const entity = holder(call, parameters);
      const document = readPolicy(() => parsePolicy(parameters.need("PolicyDocument"), "identity"));
      entity.inline.set(parameters.need("PolicyName"), document);
      return undefined;
    },
    [`Get${kind}Policy`](call, parameters) {
      const entity = holder(call, parameters);
      const name = parameters.need("PolicyName");
      return {
        [`${kind}Name`]: entity.name,
        PolicyName: name,
        PolicyDocument: encode(inlineOf(entity, name).text),
      };
    },
    [`List${kind}Policies`](call, parameters) {
      return { ...page, PolicyNames: members([...holder(call, parameters).inline.keys()], (name) => name) };
    },
    [`Delete${kind}Policy`](call, parameters) {
      const entity = holder(call, parameters);
      const name = parameters.need("PolicyName");
      inlineOf(entity, name);
      entity.inline.delete(name);
      return undefined;
    },
    [`Attach${kind}Policy`](call, parameters) {
      const entity = holder(call, parameters);
      const policy = managedOf(parameters.need("PolicyArn"));
      entity.attached.set(policy.arn, policy);
      return undefined;
    },
    [`Detach${kind}Policy`](call, parameters) {
      const entity = holder(call, parameters);
      const arn = parameters.need("PolicyArn");
      if (!entity.attached.delete(arn)) throw noSuchEntity(`Policy ${arn} was not found.`);
      return undefined;
    },
    [`ListAttached${kind}Policies`](call, parameters) {
      return {
        ...page,
        AttachedPolicies: members([...holder(call, parameters).attached.values()], ({ name, arn }) => ({
          PolicyName: name,
          PolicyArn: arn,
        })),
      };
    },
    ...(kind !== "Group" && {
      [`Put${kind}PermissionsBoundary`](call: Call, parameters: Parameters) {
        bounded(call, parameters).boundary = managedOf(parameters.need("PermissionsBoundary"));
        return undefined;
      },
      [`Delete${kind}PermissionsBoundary`](call: Call, parameters: Parameters) {
        bounded(call, parameters).boundary = undefined;
        return undefined;
      },
    }),
  };
}

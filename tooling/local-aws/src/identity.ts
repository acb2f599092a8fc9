import { randomBytes } from "node:crypto";
import { namedPrincipals, type Policy, type PrincipalNames, parsePolicy } from "./policy.ts";
import { PolicyError } from "./policy-error.ts";
import type { OidcProvider } from "./web-identity.ts";

export interface Account {
  readonly id: string;
  readonly partition: string;
  /** `aws:PrincipalOrgID` of its principals. */
  readonly organization: string | undefined;
  /** As its organization has it: ACTIVE, CLOSED, … */
  readonly state: string;
  readonly users: Map<string, User>;
  readonly roles: Map<string, Role>;
  readonly groups: Map<string, Group>;
  readonly policies: Map<string, ManagedPolicy>;
  /** By issuer. */
  readonly oidcProviders: Map<string, OidcProvider>;
  /** Service control policies: each must allow what its users and roles do. None: everything. */
  serviceControlPolicies: readonly Policy[];
  /** Resource control policies: each must allow what anybody does with what is in the account. None: everything. */
  resourceControlPolicies: readonly Policy[];
}

interface Entity {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly arn: string;
  readonly account: Account;
  readonly createdAt: number;
  readonly inline: Map<string, Policy>;
  /** By ARN. */
  readonly attached: Map<string, ManagedPolicy>;
}

export interface User extends Entity {
  readonly kind: "user";
  readonly groups: Set<Group>;
  boundary: ManagedPolicy | undefined;
}

export interface Group extends Entity {
  readonly kind: "group";
}

export interface Role extends Entity {
  readonly kind: "role";
  trust: Policy;
  description: string;
  /** Seconds. */
  maxSessionDuration: number;
  boundary: ManagedPolicy | undefined;
}

export interface ManagedPolicy {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly arn: string;
  readonly createdAt: number;
  /** v1, v2, … */
  readonly versions: Map<string, Policy>;
  defaultVersion: string;
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface AccessKey extends Credentials {
  readonly principal: Principal;
  active: boolean;
  /** ms since the epoch; Infinity for the keys of users. */
  expiresAt: number;
}

/** Who asks. Policies are looked up at each question, so that what is granted or taken counts at once. */
export interface Principal extends PrincipalNames {
  readonly kind: "user" | "session" | "service" | "anonymous";
  /** `aws:userid` */
  readonly userId: string;
  readonly entity?: User | Role;
  readonly sessionName?: string;
  readonly sessionPolicies?: readonly Policy[];
  /** A session whose role was assumed with a session's credentials. */
  readonly chained?: boolean;
}

export interface Identity {
  readonly accounts: Map<string, Account>;
  readonly accessKeys: Map<string, AccessKey>;
  /** Those that AWS manages, and nobody else changes. By ARN. */
  readonly awsPolicies: Map<string, ManagedPolicy>;
  /** That all requests go by; services do not. */
  vpcEndpoint?: VpcEndpoint | undefined;
}

export interface VpcEndpoint {
  /** vpce-… */
  readonly id: string;
  /** Has to allow what is asked for by it. */
  readonly policy: Policy;
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Ids as IAM forms them: AIDA… users, AROA… roles, AGPA… groups, ANPA… policies. */
export function uniqueId(prefix: string): string {
  return prefix + randomLetters(17);
}

function randomLetters(count: number): string {
  return Array.from(randomBytes(count), (byte) => letters[byte & 31]).join("");
}

export const administratorAccess: ManagedPolicy = managedPolicy(
  "AdministratorAccess",
  "arn:aws:iam::aws:policy/AdministratorAccess",
  { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] },
);

function managedPolicy(name: string, arn: string, document: object): ManagedPolicy {
  const versions = new Map([["v1", parsePolicy(document, "identity")]]);
  return { id: uniqueId("ANPA"), name, path: "/", arn, createdAt: 0, versions, defaultVersion: "v1" };
}

export function createAccount(id: string, partition: string, organization: string | undefined, state: string): Account {
  return {
    id,
    partition,
    organization,
    state,
    users: new Map(),
    roles: new Map(),
    groups: new Map(),
    policies: new Map(),
    oidcProviders: new Map(),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  };
}

function entity(account: Account, type: string, prefix: string, name: string, path: string, now: number): Entity {
  return {
    id: uniqueId(prefix),
    name,
    path,
    arn: `arn:${account.partition}:iam::${account.id}:${type}${path}${name}`,
    account,
    createdAt: now,
    inline: new Map(),
    attached: new Map(),
  };
}

export function addUser(account: Account, name: string, now: number, path = "/"): User {
  const base = entity(account, "user", "AIDA", name, path, now);
  const user: User = { ...base, kind: "user", groups: new Set(), boundary: undefined };
  account.users.set(name, user);
  return user;
}

export function addGroup(account: Account, name: string, now: number, path = "/"): Group {
  const group: Group = { ...entity(account, "group", "AGPA", name, path, now), kind: "group" };
  account.groups.set(name, group);
  return group;
}

export function addRole(account: Account, name: string, trust: Policy, now: number, path = "/"): Role {
  const role: Role = {
    ...entity(account, "role", "AROA", name, path, now),
    kind: "role",
    trust,
    description: "",
    maxSessionDuration: 3600,
    boundary: undefined,
  };
  account.roles.set(name, role);
  return role;
}

export function addManagedPolicy(
  account: Pick<Account, "id" | "partition" | "policies">,
  name: string,
  document: Policy,
  now: number,
  path = "/",
): ManagedPolicy {
  const policy: ManagedPolicy = {
    id: uniqueId("ANPA"),
    name,
    path,
    arn: `arn:${account.partition}:iam::${account.id}:policy${path}${name}`,
    createdAt: now,
    versions: new Map([["v1", document]]),
    defaultVersion: "v1",
  };
  account.policies.set(policy.arn, policy);
  return policy;
}

export function addAccessKey(identity: Identity, user: User, given?: Credentials): AccessKey {
  const key: AccessKey = {
    accessKeyId: given?.accessKeyId ?? `AKIA${randomLetters(16)}`,
    secretAccessKey: given?.secretAccessKey ?? randomBytes(30).toString("base64"),
    principal: {
      kind: "user",
      arn: user.arn,
      account: user.account.id,
      userId: user.id,
      entity: user,
    },
    active: true,
    expiresAt: Number.POSITIVE_INFINITY,
  };
  identity.accessKeys.set(key.accessKeyId, key);
  return key;
}

export interface SessionRequest {
  readonly role: Role;
  readonly name: string;
  readonly expiresAt: number;
  readonly policies?: readonly Policy[];
  readonly chained: boolean;
}

/** Somebody, or a service, who has assumed a role. */
export function sessionOf(role: Role, name: string): Principal {
  return {
    kind: "session",
    arn: `arn:${role.account.partition}:sts::${role.account.id}:assumed-role/${role.name}/${name}`,
    account: role.account.id,
    roleArn: role.arn,
    userId: `${role.id}:${name}`,
    sessionName: name,
    entity: role,
  };
}

export function addSession(
  identity: Identity,
  { role, name, expiresAt, policies, chained }: SessionRequest,
): AccessKey {
  const key: AccessKey = {
    accessKeyId: `ASIA${randomLetters(16)}`,
    secretAccessKey: randomBytes(30).toString("base64"),
    sessionToken: randomBytes(120).toString("base64"),
    principal: {
      ...sessionOf(role, name),
      chained,
      ...(policies !== undefined && { sessionPolicies: policies }),
    },
    active: true,
    expiresAt,
  };
  identity.accessKeys.set(key.accessKeyId, key);
  return key;
}

export function servicePrincipal(service: string): Principal {
  return { kind: "service", arn: service, account: "", userId: service, service };
}

export const anonymous: Principal = { kind: "anonymous", arn: "", account: "anonymous", userId: "anonymous" };

export function defaultDocument(policy: ManagedPolicy): Policy {
  return policy.versions.get(policy.defaultVersion) as Policy;
}

export function identityPolicies(principal: Principal): Policy[] {
  const { entity } = principal;
  if (entity === undefined) return [];
  return namedIdentityPolicies(entity).map(({ policy }) => policy);
}

/** The policies of a user (its groups' too), group or role, with the names by which IAM's simulation calls them. */
export function namedIdentityPolicies(of: User | Role | Group): { name: string; policy: Policy }[] {
  const own = (holder: Entity, kind: string) => [
    ...[...holder.inline].map(([name, policy]) => ({ name: `${kind}_${holder.name}_${name}`, policy })),
    ...[...holder.attached.values()].map((managed) => ({ name: managed.name, policy: defaultDocument(managed) })),
  ];
  const groups = of.kind === "user" ? [...of.groups].flatMap((group) => own(group, "group")) : [];
  return [...own(of, of.kind), ...groups];
}

export function findManagedPolicy(identity: Identity, arn: string): ManagedPolicy | undefined {
  const owners = [{ policies: identity.awsPolicies }, ...identity.accounts.values()];
  return owners.map(({ policies }) => policies.get(arn)).find((policy) => policy !== undefined);
}

export function findRole(identity: Identity, arn: string): Role | undefined {
  const account = identity.accounts.get(arn.split(":")[4] ?? "");
  const role = account?.roles.get(arn.slice(arn.lastIndexOf("/") + 1));
  return role?.arn === arn ? role : undefined;
}

export function findEntity(identity: Identity, arn: string): User | Role | Group | undefined {
  const account = identity.accounts.get(arn.split(":")[4] ?? "");
  const name = arn.slice(arn.lastIndexOf("/") + 1);
  return [account?.users, account?.roles, account?.groups]
    .map((entities) => entities?.get(name))
    .find((found) => found?.arn === arn);
}

/**
 * A trust policy, the way IAM takes it: principals of accounts that are known here must exist.
 *
 * @throws PolicyError
 */
export function parseTrust(identity: Identity, source: string | object): Policy {
  const policy = parsePolicy(source, "trust");
  for (const arn of namedPrincipals(policy)) {
    const known = identity.accounts.has(arn.split(":")[4] ?? "");
    if (known && /:iam::\d+:(user|role)\//.test(arn) && findEntity(identity, arn) === undefined) {
      throw new PolicyError(`Invalid principal in policy: "AWS":"${arn}"`);
    }
  }
  return policy;
}

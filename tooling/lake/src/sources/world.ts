import { createRandom, type Random } from "../random.ts";

/** What the events of one seed have in common: the estate that they happen in. */
export interface World {
  readonly accounts: readonly string[];
  readonly regions: readonly string[];
  readonly roles: readonly string[];
  readonly users: readonly string[];
  /** Services of the estate: functions, tables, repositories and deployments are named after them. */
  readonly services: readonly string[];
  readonly buckets: readonly string[];
  readonly publicAddresses: readonly string[];
  readonly privateAddresses: readonly string[];
  readonly domains: readonly string[];
  readonly interfaces: readonly Interface[];
  /** Unique ids of roles and users by name. */
  readonly principals: ReadonlyMap<string, string>;
}

/** An elastic network interface. */
export interface Interface {
  readonly id: string;
  readonly address: string;
  readonly vpc: string;
  readonly subnet: string;
  /** Interfaces of managed services have none. */
  readonly instance: string | null;
}

/** What a source function gets beside the time of the event. */
export interface Setting {
  readonly random: Random;
  readonly world: World;
  readonly account: string;
  readonly region: string;
}

export const regions = ["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-2"] as const;

export function createWorld(seed: string): World {
  const random = createRandom(`${seed}/world`);
  const many = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
  const combine = (left: readonly string[], right: readonly string[], glue: string): string[] =>
    left.flatMap((a) => right.map((b) => a + glue + b));

  const services = combine(
    ["orders", "billing", "ingest", "auth", "search", "media", "notify", "reports"],
    ["api", "worker", "cron", "webhook", "stream"],
    "-",
  );
  const roles = [
    ...combine(["app", "ci", "data", "platform", "web"], ["task", "deploy", "readonly", "batch", "node"], "-"),
    "AWSServiceRoleForConfig",
    "AWSReservedSSO_AdministratorAccess_0f3c9a7be21d4c55",
    "OrganizationAccountAccessRole",
  ];
  const users = combine(
    ["alice", "bob", "carol", "dan", "erin", "frank", "grace", "heidi", "ivan", "judy"],
    ["ng", "smith", "garcia", "müller", "okafor"],
    ".",
  );
  const privateAddresses = many(
    1500,
    () => `10.${random.between(0, 3)}.${random.between(0, 255)}.${random.between(4, 254)}`,
  );
  const vpcs = many(20, () => `vpc-${random.hex(17)}`);
  const subnets = many(80, () => `subnet-${random.hex(17)}`);
  return {
    accounts: ["111122223333", ...many(15, () => random.digits(12))],
    regions,
    roles,
    users,
    services,
    buckets: combine(
      ["prod-data", "logs-archive", "artifacts", "static-assets", "backups"],
      many(5, () => random.hex(8)),
      "-",
    ),
    publicAddresses: many(2000, () => publicAddress(random)),
    privateAddresses,
    domains: [
      "sts.us-east-1.amazonaws.com.",
      "s3.amazonaws.com.",
      "time.aws.com.",
      "registry-1.docker.io.",
      ...many(
        1500,
        () =>
          `${random.pick(services)}${random.between(0, 99)}.${random.pick(["svc", "cdn", "db"])}.${random.pick(domainEnds)}.`,
      ),
    ],
    interfaces: privateAddresses.slice(0, 800).map((address) => ({
      id: `eni-${random.hex(17)}`,
      address,
      vpc: random.pick(vpcs),
      subnet: random.pick(subnets),
      instance: random.chance(0.7) ? `i-${random.hex(17)}` : null,
    })),
    principals: new Map([
      ...roles.map((name) => [name, `AROA${random.base32(17)}`] as const),
      ...users.map((name) => [name, `AIDA${random.base32(17)}`] as const),
    ]),
  };
}

const domainEnds = ["amazonaws.com", "internal", "example.com", "example.net", "example.org", "cloudfront.net"];
const notPublic = new Set([10, 127, 169, 172, 192]);

function publicAddress(random: Random): string {
  let first = random.between(1, 223);
  while (notPublic.has(first)) first = random.between(1, 223);
  return `${first}.${random.between(0, 255)}.${random.between(0, 255)}.${random.between(1, 254)}`;
}

export function ipv6(random: Random): string {
  const part = (): string => random.between(1, 0xffff).toString(16);
  return `2600:1f18:${part()}:${part()}:${part()}:${part()}:${part()}:${part()}`;
}

/** OCSF observables: what an analyst pivots on. */
export function observable(name: string, value: string, type: keyof typeof observableTypes): object {
  return { name, value, type, type_id: observableTypes[type] };
}
const observableTypes = { Hostname: 1, "IP Address": 2, "User Name": 4, "URL String": 6, "Resource UID": 10 } as const;

/** The severities of OCSF by id. */
export const severities: Readonly<Record<number, string>> = {
  1: "Informational",
  2: "Low",
  3: "Medium",
  4: "High",
  5: "Critical",
};

/** The fields that say what kind of event a row is. */
export function kind(
  uid: number,
  name: string,
  category: readonly [uid: number, name: string],
  activity: readonly [id: number, name: string],
  severity = 1,
): object {
  return {
    class_uid: uid,
    class_name: name,
    category_uid: category[0],
    category_name: category[1],
    activity_id: activity[0],
    activity_name: activity[1],
    type_uid: uid * 100 + activity[0],
    type_name: `${name}: ${activity[1]}`,
    severity_id: severity,
    severity: severities[severity],
  };
}

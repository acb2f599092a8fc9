import { choice, type Random } from "../random.ts";
import { ipv6, kind, observable, type Setting, type World } from "./world.ts";

type Row = Record<string, unknown>;

const queryType = choice([
  ["A", 62],
  ["AAAA", 24],
  ["PTR", 6],
  ["CNAME", 3],
  ["TXT", 2],
  ["HTTPS", 2],
  ["MX", 1],
]);
const code = choice([
  [[0, "NoError"], 90],
  [[3, "NXDomain"], 7],
  [[2, "ServError"], 2],
  [[5, "Refused"], 1],
] as const);
const answerCount = choice([
  [1, 45],
  [2, 25],
  [3, 15],
  [4, 10],
  [6, 5],
]);
const firewall = choice([
  [undefined, 97],
  [{ action: "Denied", actionId: 2, disposition: "Blocked", dispositionId: 2 }, 1.5],
  [{ action: "Allowed", actionId: 1, disposition: "Alert", dispositionId: 18 }, 1.5],
]);

interface Lookup {
  readonly row: Row;
  readonly answers: readonly Answer[];
  readonly hostname: string;
  readonly address: string;
  readonly verdict: ReturnType<typeof firewall>;
}
interface Answer {
  readonly type: string;
  readonly rdata: string;
  readonly class: "IN";
}

export const route53V1 = (setting: Setting, time: number): Row => {
  const { row, verdict } = lookup(setting, time);
  return {
    ...row,
    ...kind(4003, "DNS Activity", [4, "Network Activity"], [2, "Response"]),
    metadata: metadata("1.0.0-rc.2", ["cloud", "security_control"]),
    cloud: { account_uid: setting.account, region: setting.region, provider: "AWS" },
    disposition: verdict?.disposition ?? "No Action",
    disposition_id: verdict?.dispositionId ?? 16,
    unmapped: verdict && { ...listId(setting.random), firewall_rule_group_id: groupId(setting.random) },
  };
};

export const route53 = (setting: Setting, time: number): Row => {
  const { row, answers, hostname, address, verdict } = lookup(setting, time);
  return {
    ...row,
    ...kind(4003, "DNS Activity", [4, "Network Activity"], [6, "Traffic"]),
    metadata: metadata("1.1.0", ["cloud", "security_control", "datetime"]),
    cloud: { account: { uid: setting.account }, region: setting.region, provider: "AWS" },
    time_dt: row.time,
    firewall_rule: verdict && { uid: groupId(setting.random) },
    disposition: verdict?.disposition ?? "No Action",
    action: verdict?.action ?? "Allowed",
    action_id: verdict?.actionId ?? 1,
    unmapped: verdict && listId(setting.random),
    observables: [
      ...answers
        .filter(({ type }) => type === "A")
        .map(({ rdata }) => observable("answers[].rdata", rdata, "IP Address")),
      observable("src_endpoint.ip", address, "IP Address"),
      observable("query.hostname", hostname, "Hostname"),
    ],
  };
};

function lookup({ random, world }: Setting, time: number): Lookup {
  const type = queryType(random);
  const own = random.skewed(world.interfaces);
  const hostname =
    type === "PTR"
      ? `${random.pick(world.privateAddresses).split(".").reverse().join(".")}.in-addr.arpa.`
      : random.skewed(world.domains);
  const [rcodeId, rcode] = code(random);
  const answers = rcodeId === 0 ? Array.from({ length: answerCount(random) }, () => answer(random, world, type)) : [];
  return {
    hostname,
    answers,
    address: own.address,
    verdict: firewall(random),
    row: {
      time: time - (time % 1000),
      src_endpoint: {
        vpc_uid: own.vpc,
        ip: own.address,
        port: random.between(1024, 65_535),
        instance_uid: own.instance,
      },
      query: { hostname, type, class: "IN" },
      answers: answers.length === 0 ? null : answers,
      connection_info: { protocol_name: random.chance(0.02) ? "TCP" : "UDP", direction: "Unknown", direction_id: 0 },
      dst_endpoint: random.chance(0.05)
        ? { instance_uid: `rslvr-in-${random.hex(16)}`, interface_uid: `rni-${random.hex(16)}` }
        : null,
      rcode_id: rcodeId,
      rcode,
    },
  };
}

function answer(random: Random, world: World, type: string): Answer {
  const rdata =
    type === "A" ? random.pick(world.publicAddresses) : type === "AAAA" ? ipv6(random) : random.pick(world.domains);
  return { type, rdata, class: "IN" };
}

function metadata(version: string, profiles: readonly string[]): object {
  const product = {
    version: "1.100000",
    name: "Route 53",
    feature: { name: "Resolver Query Logs" },
    vendor_name: "AWS",
  };
  return { product, profiles, version };
}

const listId = (random: Random): object => ({ firewall_domain_list_id: `rslvr-fdl-${random.hex(13)}` });
const groupId = (random: Random): string => `rslvr-frg-${random.hex(15)}`;

import { choice } from "../random.ts";
import { ipv6, kind, observable, type Setting } from "./world.ts";

type Row = Record<string, unknown>;

const servicePort = choice([
  [443, 50],
  [53, 12],
  [80, 8],
  [5432, 6],
  [8080, 5],
  [3306, 4],
  [22, 4],
  [3389, 2],
  [445, 2],
  [139, 1],
  [135, 1],
  [123, 2],
  [25, 1],
]);
const service = choice([
  ["-", 80],
  ["S3", 6],
  ["EC2", 4],
  ["AMAZON", 8],
  ["DYNAMODB", 2],
]);
const boundary = choice([
  [[99, "-"], 70],
  [[3, "Internet/VPC Gateway"], 20],
  [[8, "Local Gateway"], 10],
] as const);
const tcpFlags = choice([
  [2, 25],
  [3, 20],
  [18, 10],
  [19, 20],
  [24, 20],
  [4, 5],
]);
const protocolOf = choice([
  [6, 95],
  [17, 4],
  [1, 1],
]);

export const vpcFlowV1 = (setting: Setting, time: number): Row => {
  const flow = flowOf(setting, time);
  return {
    ...rowOf(flow),
    metadata: metadataOf("1.0.0-rc.2", ["cloud", "security_control"]),
    cloud: { account_uid: setting.account, region: setting.region, zone: zoneOf(setting), provider: "AWS" },
    start_time: flow.time,
    end_time: flow.end,
    disposition: flow.disposition,
    disposition_id: ["Unknown", "Allowed", "Blocked"].indexOf(flow.disposition),
  };
};

export const vpcFlow = (setting: Setting, time: number): Row => {
  const flow = flowOf(setting, time);
  const address = (endpoint: "src" | "dst"): object =>
    observable(`${endpoint}_endpoint.ip`, flow[endpoint].ip, "IP Address");
  return {
    ...rowOf(flow),
    metadata: metadataOf("1.1.0", ["cloud", "security_control", "datetime"]),
    cloud: { account: { uid: setting.account }, region: setting.region, zone: zoneOf(setting), provider: "AWS" },
    time_dt: flow.time,
    start_time_dt: flow.time,
    end_time_dt: flow.end,
    action: flow.disposition === "Blocked" ? "Denied" : flow.disposition,
    action_id: ["Unknown", "Allowed", "Blocked"].indexOf(flow.disposition),
    disposition: flow.disposition,
    observables: [address("src"), address("dst")],
  };
};

interface Endpoint {
  readonly ip: string;
  readonly port: number | null;
  readonly svc_name: string;
  readonly [field: string]: unknown;
}
interface Flow {
  readonly time: number;
  readonly end: number;
  readonly src: Endpoint;
  readonly dst: Endpoint;
  readonly connection: object;
  readonly traffic: object;
  readonly disposition: "Allowed" | "Blocked" | "Unknown";
}

function flowOf({ random, world }: Setting, at: number): Flow {
  const time = at - (at % 1000);
  const end = time + random.between(1, 60) * 1000;
  const own = random.skewed(world.interfaces);
  const inbound = random.chance(0.5);
  const endpoint = {
    svc_name: "-",
    interface_uid: own.id,
    vpc_uid: own.vpc,
    subnet_uid: own.subnet,
    instance_uid: own.instance ?? "-",
    intermediate_ips: random.chance(0.02)
      ? [random.pick(world.privateAddresses), random.pick(world.privateAddresses)]
      : null,
  };
  if (random.chance(0.01)) return noData(time, end, endpoint);

  const six = random.chance(0.005);
  const peer = six ? ipv6(random) : random.skewed(random.chance(0.4) ? world.publicAddresses : world.privateAddresses);
  const port = servicePort(random);
  const protocol = port === 53 || port === 123 ? 17 : protocolOf(random);
  const far = random.between(1024, 65_535);
  // A flow's record shows the service's port at its destination, or, for the answers, at its source.
  const [sourcePort, targetPort] = protocol === 1 ? [0, 0] : random.chance(0.5) ? [far, port] : [port, far];
  const here = { ...endpoint, ip: own.address };
  const there = { ip: peer, svc_name: service(random) };
  const blocked = random.chance(0.08);
  const [boundaryId, boundaryName] = boundary(random);
  const packets = blocked ? 1 : Math.ceil(1 / (random.unit() + 0.001));
  return {
    time,
    end,
    src: { ...(inbound ? there : here), port: sourcePort as number },
    dst: { ...(inbound ? here : there), port: targetPort as number },
    connection: {
      protocol_num: protocol,
      tcp_flags: protocol === 6 ? tcpFlags(random) : null,
      protocol_ver: six ? "IPv6" : "IPv4",
      boundary_id: boundaryId,
      boundary: boundaryName,
      direction_id: inbound ? 1 : 2,
      direction: inbound ? "Inbound" : "Outbound",
    },
    traffic: { packets, bytes: packets * random.between(40, 1400) },
    disposition: blocked ? "Blocked" : "Allowed",
  };
}

/** An interface without traffic in the window: dashes where there would be values. */
function noData(time: number, end: number, endpoint: object): Flow {
  const connection = { protocol_ver: "-", boundary_id: 0, boundary: "Unknown", direction_id: 0, direction: "-" };
  return {
    time,
    end,
    src: { svc_name: "-", ip: "-", port: null },
    dst: { ...endpoint, svc_name: "-", ip: "-", port: null },
    connection,
    traffic: {},
    disposition: "Unknown",
  };
}

const activities = { Allowed: [6, "Traffic"], Blocked: [5, "Refuse"], Unknown: [0, "Unknown"] } as const;

function rowOf(flow: Flow): Row {
  return {
    src_endpoint: flow.src,
    dst_endpoint: flow.dst,
    connection_info: flow.connection,
    traffic: flow.traffic,
    time: flow.time,
    status_code: flow.disposition === "Unknown" ? "NODATA" : "OK",
    ...kind(4001, "Network Activity", [4, "Network Activity"], activities[flow.disposition]),
    unmapped: { sublocation_id: "-", sublocation_type: "-" },
  };
}

function metadataOf(version: string, profiles: readonly string[]): object {
  return {
    product: { version: "5", name: "Amazon VPC", feature: { name: "Flowlogs" }, vendor_name: "AWS" },
    profiles,
    version,
  };
}

function zoneOf({ random, region }: Setting): string {
  const [area, side, number] = region.split("-") as [string, string, string];
  return `${area}${side[0]}${number}-az${random.between(1, 3)}`;
}

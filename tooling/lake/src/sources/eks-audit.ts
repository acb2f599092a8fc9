import { choice } from "../random.ts";
import { kind, observable, type Setting } from "./world.ts";

const verbs = choice([
  [["get", 2, "Read"], 45],
  [["list", 2, "Read"], 12],
  [["watch", 2, "Read"], 20],
  [["update", 3, "Update"], 12],
  [["patch", 3, "Update"], 5],
  [["create", 1, "Create"], 5],
  [["delete", 4, "Delete"], 1],
] as const);
const codes = choice([
  [200, 88],
  [201, 4],
  [403, 3],
  [404, 3],
  [409, 1.5],
  [500, 0.5],
]);
const errors: Readonly<Record<number, string>> = { 403: "Forbidden", 404: "NotFound", 409: "Conflict" };
const namespaces = ["kube-system", "default", "prod", "monitoring", "argocd"];
const resources = ["pods", "leases", "configmaps", "secrets", "nodes", "deployments", "events"];
const agents = [
  "kubelet/v1.29.3 (linux/amd64) kubernetes/ada445",
  "kube-controller-manager/v1.29.4",
  "argocd-application-controller/v2.10",
  "kubectl/v1.29.0",
];
const objectFields = [
  "metadata.labels.app.kubernetes.io/name",
  "metadata.annotations.kubernetes.io/hostname",
  "spec.template.spec.image",
  "status.conditions[].type",
  "status.conditions[].lastHeartbeatTime",
  "metadata.labels.pod-template-hash",
];

export const eksAudit = (setting: Setting, time: number): Record<string, unknown> => {
  const { random, world, account, region } = setting;
  const [verb, activityId, activity] = verbs(random);
  const type = random.pick(resources);
  const namespace = type === "nodes" ? null : random.skewed(namespaces);
  const name = `${random.skewed(world.services)}-${random.hex(9)}`;
  const code = codes(random);
  const path = `/api/v1/${namespace === null ? "" : `namespaces/${namespace}/`}${type}/${name}`;
  const caller = callerOf(setting, namespace ?? "default");
  const address = random.skewed(world.privateAddresses);
  const containers =
    type === "pods" && activity !== "Read"
      ? Array.from({ length: random.between(1, 3) }, () => ({
          name: random.skewed(world.services),
          image: {
            name: `${account}.dkr.ecr.${region}.amazonaws.com/${random.skewed(world.services)}:1.${random.between(0, 99)}`,
          },
        }))
      : null;
  return {
    metadata: {
      log_level: random.pick(["Metadata", "Request", "RequestResponse"]),
      product: {
        version: "audit.k8s.io/v1",
        vendor_name: "AWS",
        name: "Amazon EKS",
        feature: { name: "Elastic Kubernetes Service" },
      },
      profiles: ["cloud", "datetime"],
      version: "1.1.0",
    },
    api: {
      request: { uid: random.uuid(), containers },
      operation: verb,
      version: "v1",
      response: { code, message: code === 404 ? `${type} "${name}" not found` : null, error: errors[code] },
      group: type === "leases" ? { name: "coordination.k8s.io" } : null,
    },
    message: random.chance(0.95) ? "ResponseComplete" : "ResponseStarted",
    http_request: { url: { path }, user_agent: random.skewed(agents) },
    actor: caller,
    cloud: { account: caller.session ? { uid: caller.session.issuer } : null, provider: "AWS" },
    src_endpoint: { ip: address, intermediate_ips: random.chance(0.03) ? [random.pick(world.privateAddresses)] : null },
    resources: [
      {
        namespace,
        name,
        uid: random.chance(0.3) ? random.uuid() : null,
        version: String(random.between(1, 99_999_999)),
        type,
      },
    ],
    start_time_dt: time - random.between(1, 400),
    time_dt: time,
    time,
    ...kind(6003, "API Activity", [6, "Application Activity"], [activityId, activity]),
    unmapped: {
      kind: "Event",
      "sourceIPs[]": address,
      "annotations.authorization.k8s.io/decision": code === 403 ? "forbid" : "allow",
      "annotations.authorization.k8s.io/reason": "",
      ...objectParts(setting, name),
    },
    observables: [
      observable("actor.user.name", caller.user.name, "User Name"),
      observable("src_endpoint.ip", address, "IP Address"),
      observable("http_request.url.path", path, "URL String"),
    ],
  };
};

interface Caller {
  readonly user: {
    readonly name: string;
    readonly uid: string;
    readonly groups: readonly object[];
    readonly type_id: 0;
  };
  readonly session: { readonly credential_uid: string; readonly issuer: string; readonly uid: string } | null;
}

/** Nodes come in through IAM, service accounts by tokens. */
function callerOf({ random, world, account, region }: Setting, namespace: string): Caller {
  const groups = (names: readonly string[]): object[] => names.map((name) => ({ name }));
  if (random.chance(0.4)) {
    const instance = `i-${random.hex(17)}`;
    const node = `ip-${random.skewed(world.privateAddresses).replaceAll(".", "-")}.${region}.compute.internal`;
    return {
      user: {
        name: `system:node:${node}`,
        uid: `aws-iam-authenticator:${account}:AROA${random.base32(17)}`,
        groups: groups(["system:bootstrappers", "system:nodes", "system:authenticated"]),
        type_id: 0,
      },
      session: {
        credential_uid: `ASIA${random.base32(16)}`,
        issuer: `arn:aws:sts::${account}:assumed-role/${random.skewed(world.roles)}/${instance}`,
        uid: instance,
      },
    };
  }
  const name = random.chance(0.1)
    ? "system:anonymous"
    : `system:serviceaccount:${namespace}:${random.skewed(world.services)}`;
  const memberships =
    name === "system:anonymous" ? ["system:unauthenticated"] : ["system:serviceaccounts", "system:authenticated"];
  return { user: { name, uid: random.uuid(), groups: groups(memberships), type_id: 0 }, session: null };
}

/** The request's and the response's objects, flattened: from none to more than a hundred entries. */
function objectParts({ random, account, region }: Setting, name: string): Record<string, string> {
  const parts: Record<string, string> = {};
  const count = random.chance(0.005) ? 120 : Math.floor(-10 * Math.log(1 - random.unit()));
  for (let at = 0; at < count; at++) {
    const field = `${random.pick(["requestObject", "responseObject"])}.${random.pick(objectFields)}`;
    parts[at < 8 ? field : `${field}.${at}`] = random.pick([
      "True,False,False,False",
      `${region}a`,
      `${account}.dkr.ecr.${region}.amazonaws.com/${name}:v1.${at}`,
      "MemoryPressure,DiskPressure,PIDPressure,Ready",
    ]);
  }
  return parts;
}

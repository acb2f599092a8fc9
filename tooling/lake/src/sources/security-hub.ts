import { choice } from "../random.ts";
import { kind, observable, type Setting, severities } from "./world.ts";

type Row = Record<string, unknown>;

const kinds = choice<"compliance" | "vulnerability" | "detection">([
  ["compliance", 70],
  ["vulnerability", 20],
  ["detection", 10],
]);
const severityIds = choice([
  [1, 20],
  [2, 20],
  [3, 35],
  [4, 20],
  [5, 5],
]);
const controls = [
  {
    id: "EC2.19",
    title: "Security groups should not allow unrestricted access to ports with high risk",
    type: "AwsEc2SecurityGroup",
    arn: "ec2:REGION:ACCOUNT:security-group/sg-ID",
  },
  {
    id: "S3.8",
    title: "S3 general purpose buckets should block public access",
    type: "AwsS3Bucket",
    arn: "s3:::prod-data-ID",
  },
  {
    id: "IAM.6",
    title: "Hardware MFA should be enabled for the root user",
    type: "AwsAccount",
    arn: "iam::ACCOUNT:root",
  },
  {
    id: "Lambda.2",
    title: "Lambda functions should use supported runtimes",
    type: "AwsLambdaFunction",
    arn: "lambda:REGION:ACCOUNT:function:fn-ID",
  },
  { id: "KMS.4", title: "AWS KMS key rotation should be enabled", type: "AwsKmsKey", arn: "kms:REGION:ACCOUNT:key/ID" },
];
const threats = [
  {
    type: "TTPs/Defense Evasion/Stealth:IAMUser-CloudTrailLoggingDisabled",
    operation: "DeleteTrail",
    service: "cloudtrail.amazonaws.com",
  },
  {
    type: "TTPs/Initial Access/UnauthorizedAccess:IAMUser-ConsoleLoginSuccess.B",
    operation: "ConsoleLogin",
    service: "signin.amazonaws.com",
  },
  {
    type: "TTPs/Discovery/Recon:IAMUser-MaliciousIPCaller.Custom",
    operation: "ListUsers",
    service: "iam.amazonaws.com",
  },
];
const standards = [
  "aws-foundational-security-best-practices/v/1.0.0",
  "cis-aws-foundations-benchmark/v/1.4.0",
  "pci-dss/v/3.2.1",
];
const requirements = ["PCI DSS 10.5.2", "PCI DSS 11.5", "NIST.800-53.r5 AC-4"];
const packages = ["openssl", "curl", "glibc", "zlib", "kernel"];

interface Finding {
  readonly kind: ReturnType<typeof kinds>;
  readonly severity: number;
  readonly activity: readonly [number, string];
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly type: string;
  readonly created: number;
  readonly seen: number;
  readonly product: readonly [name: string, vendor: string, id: string];
  readonly resource: Resource;
  readonly control: (typeof controls)[number];
  readonly standard: string;
  readonly threat: (typeof threats)[number];
  readonly cve: string;
  /** CVSS base scores have one decimal. */
  readonly score: number;
  readonly unmapped: Record<string, string>;
}
interface Resource {
  readonly type: string;
  readonly uid: string;
  readonly cloud_partition: "aws";
  readonly region: string;
  readonly labels: readonly string[] | null;
}

function findingOf({ random, world, account, region }: Setting, time: number): Finding {
  const kind = kinds(random);
  const severity = severityIds(random);
  const control = random.pick(controls);
  const threat = random.pick(threats);
  const standard = random.pick(standards);
  const cve = `CVE-${random.between(2019, 2025)}-${random.between(1000, 49_999)}`;
  const id = random.uuid();
  const service = { compliance: "securityhub", vulnerability: "inspector2", detection: "guardduty" }[kind];
  const uid = `arn:aws:${service}:${region}:${account}:${kind === "compliance" ? `subscription/${standard}/${control.id}/` : ""}finding/${id}`;
  const place = control.arn.replace("REGION", region).replace("ACCOUNT", account).replace("ID", random.hex(17));
  const [type, resource] = {
    compliance: [control.type, `arn:aws:${place}`],
    vulnerability: [
      "AwsEcrContainerImage",
      `arn:aws:ecr:${region}:${account}:repository/${random.skewed(world.services)}/sha256:${random.hex(64)}`,
    ],
    detection: ["AwsIamAccessKey", `AWS::IAM::AccessKey:ASIA${random.base32(16)}`],
  }[kind] as [string, string];
  const created = time - random.between(0, 10_000_000) * 1000;
  return {
    kind,
    severity,
    control,
    threat,
    standard,
    cve,
    uid,
    created,
    activity: random.chance(0.6) ? [2, "Update"] : [1, "Create"],
    seen: time + random.between(0, 9000),
    score: random.between(20, 100) / 10,
    title: {
      compliance: `${control.id} ${control.title}`,
      vulnerability: `${cve} - ${random.pick(packages)}`,
      detection: `API ${threat.operation} was invoked from an unusual location by ${random.skewed(world.users)}.`,
    }[kind],
    description: {
      compliance: `This control checks whether ${control.title.toLowerCase()}.`,
      vulnerability:
        "A flaw was found in the package.\n\nAn attacker can trigger an out-of-bounds read that ends the process.\n",
      detection: `An API that changes or discovers resources was invoked under unusual circumstances by ${random.skewed(world.roles)}.`,
    }[kind],
    type: {
      compliance: "Software and Configuration Checks/Industry and Regulatory Standards/PCI-DSS",
      vulnerability: "Software and Configuration Checks/Vulnerabilities/CVE",
      detection: threat.type,
    }[kind],
    product: {
      compliance: ["Security Hub", "AWS", "securityhub"] as const,
      vulnerability: ["Inspector", "Amazon", "inspector"] as const,
      detection: ["GuardDuty", "Amazon", "guardduty"] as const,
    }[kind],
    resource: {
      type,
      uid: resource,
      cloud_partition: "aws",
      region,
      labels: random.chance(0.5) ? [`team=${random.pick(["web", "data", "sec"])}`, "env=prod"] : null,
    },
    unmapped: {
      RecordState: random.chance(0.8) ? "ACTIVE" : "ARCHIVED",
      WorkflowState: "NEW",
      "FindingProviderFields.Severity.Label": (severities[severity] as string).toUpperCase(),
      "ProductFields.aws/securityhub/FindingId": `arn:aws:securityhub:${region}::product/aws/securityhub/${uid}`,
      ...(kind === "compliance" ? { "ProductFields.Resources:0/Id": resource } : {}),
      ...(kind === "vulnerability" ? { "Vulnerabilities[].Cvss[].Source": "NVD,NVD" } : {}),
    },
  };
}

function affected({ random }: Setting, finding: Finding): object[] {
  return Array.from({ length: random.between(1, 3) }, () => ({
    architecture: "x86_64",
    name: finding.title.split(" - ").at(-1),
    epoch: random.between(0, 2),
    release: `${random.between(1, 30)}.amzn2`,
    version: `1.${random.between(0, 9)}.${random.between(0, 30)}`,
  }));
}

function references({ cve }: Finding): string[] {
  return [`https://nvd.nist.gov/vuln/detail/${cve}`, `https://alas.aws.amazon.com/${cve}.html`];
}

function details({ random, account }: Setting, { resource }: Finding): string | null {
  if (!random.chance(0.6)) return null;
  const body = {
    Arn: resource.uid,
    OwnerId: account,
    Tags: { team: random.pick(["web", "data"]) },
    Note: "x".repeat(random.between(0, 400)),
  };
  return JSON.stringify({ [resource.type]: body });
}

export const securityHubV1 = (setting: Setting, time: number): Row => {
  const { random, account, region } = setting;
  const finding = findingOf(setting, time);
  const compliance = finding.kind === "compliance";
  return {
    metadata: {
      product: {
        version: "2018-10-08",
        feature: { uid: `${finding.standard}/${finding.control.id}`, name: "Security Hub" },
        uid: `arn:aws:securityhub:${region}::product/aws/securityhub`,
        vendor_name: "AWS",
        name: "Security Hub",
      },
      profiles: ["cloud"],
      version: "1.0.0-rc.2",
    },
    time,
    confidence: random.chance(0.3) ? 99 : null,
    cloud: { account_uid: account, region, provider: "AWS" },
    resources: [{ ...finding.resource, details: details(setting, finding) }],
    finding: {
      created_time: finding.created,
      uid: finding.uid,
      desc: finding.description,
      title: finding.title,
      modified_time: time,
      first_seen_time: finding.created,
      last_seen_time: finding.seen,
      related_events: random.chance(0.05) ? [{ uid: random.uuid() }] : null,
      types: [finding.type],
      remediation: compliance
        ? { kb_articles: [`https://docs.aws.amazon.com/console/securityhub/${finding.control.id}/remediation`] }
        : null,
    },
    compliance: compliance
      ? {
          status: random.pick(["PASSED", "FAILED", "WARNING"]),
          requirements: requirements.slice(0, random.between(0, 3)),
        }
      : null,
    malware: random.chance(0.01)
      ? [
          {
            name: "Stringler",
            path: "/usr/sbin/stringler",
            classification_ids: [1, 3],
            classifications: ["Adware", "Bot"],
          },
        ]
      : null,
    process: { file: { type_id: 0, name: "''" } },
    vulnerabilities:
      finding.kind === "vulnerability"
        ? [
            {
              cve: {
                cvss: {
                  base_score: finding.score,
                  vector_string: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
                  version: "V3",
                },
                uid: finding.cve,
                created_time: finding.created,
              },
              references: references(finding),
              vendor_name: "NVD",
              packages: affected(setting, finding),
            },
          ]
        : null,
    ...kind(2001, "Security Finding", [2, "Findings"], finding.activity, finding.severity),
    state_id: 1,
    state: "New",
    unmapped: finding.unmapped,
  };
};

export const securityHub = (setting: Setting, time: number): Row => {
  const { random, account, region } = setting;
  const finding = findingOf(setting, time);
  const [name, vendor, id] = finding.product;
  const resource = { ...finding.resource, data: details(setting, finding) };
  const detection = finding.kind === "detection";
  return {
    metadata: {
      log_version: "2018-10-08",
      product: {
        feature: { uid: finding.control.id },
        uid: `arn:aws:securityhub:${region}::product/aws/${id}`,
        name,
        vendor_name: vendor,
      },
      processed_time_dt: detection ? null : finding.seen,
      profiles: ["cloud", "datetime"],
      version: "1.1.0",
      extensions: detection ? [{ name: "linux", uid: "1", version: "1.1.0" }] : null,
    },
    time,
    time_dt: time,
    confidence_score: random.chance(0.4) ? random.between(50, 99) : null,
    cloud: { account: { uid: account }, region, provider: "AWS" },
    resource: detection ? null : resource,
    finding_info: {
      created_time_dt: finding.created,
      uid: finding.uid,
      desc: finding.description,
      title: finding.title,
      modified_time_dt: time,
      first_seen_time_dt: finding.created,
      last_seen_time_dt: finding.seen,
      related_events: random.chance(0.05) ? [{ uid: random.uuid() }] : null,
      types: [finding.type],
      src_url: detection
        ? `https://${region}.console.aws.amazon.com/guardduty/home#/findings?fId=${random.hex(32)}`
        : null,
    },
    ...kindFields[finding.kind](setting, finding),
    resources: detection ? [{ ...resource, owner: { account: { uid: account } } }] : null,
    status: "New",
    unmapped: finding.unmapped,
    observables: [observable(detection ? "resources[].uid" : "resource.uid", resource.uid, "Resource UID")],
  };
};

/** What only one of the three classes has. */
const kindFields: Record<Finding["kind"], (setting: Setting, finding: Finding) => Row> = {
  compliance: ({ random }, finding) => ({
    ...kind(2003, "Compliance Finding", [2, "Findings"], finding.activity, finding.severity),
    compliance: {
      standards: [`standards/${finding.standard}`],
      requirements: requirements.slice(0, random.between(0, 3)),
      control: finding.control.id,
      status: random.pick(["PASSED", "FAILED", "WARNING", "NOT_AVAILABLE"]),
    },
    remediation: { references: [`https://docs.aws.amazon.com/console/securityhub/${finding.control.id}/remediation`] },
  }),
  vulnerability: (setting, finding) => ({
    ...kind(2002, "Vulnerability Finding", [2, "Findings"], finding.activity, finding.severity),
    vulnerabilities: [
      {
        cve: {
          cvss: [
            { base_score: finding.score, vector_string: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", version: "V3" },
            { base_score: null, vector_string: "AV:N/AC:M/Au:N/C:P/I:N/A:N", version: "V2" },
          ],
          uid: finding.cve,
          epss: { score: (setting.random.between(0, 99_999) / 100_000).toFixed(5) },
          references: references(finding),
          created_time_dt: finding.created,
        },
        references: references(finding),
        vendor_name: "NVD",
        affected_packages: affected(setting, finding).map((entry) => ({
          ...entry,
          package_manager: "OS",
          remediation: { desc: "yum update" },
        })),
        is_fix_available: setting.random.chance(0.7),
        is_exploit_available: setting.random.chance(0.1),
      },
    ],
  }),
  detection: ({ random, world }, finding) => ({
    ...kind(2004, "Detection Finding", [2, "Findings"], finding.activity, finding.severity),
    evidences: [
      {
        data: "",
        actor: random.chance(0.2)
          ? {
              process: {
                created_time_dt: finding.created,
                name: "xmrig",
                pid: random.between(1, 65_535),
                user: { name: "root", uid: "0" },
                cmd_line: "/tmp/xmrig -o pool:3333",
                file: {
                  path: "/tmp/xmrig",
                  name: "xmrig",
                  type_id: 1,
                  hashes: [{ value: random.hex(64), algorithm_id: 3, algorithm: "SHA-256" }],
                },
                euid: 0,
              },
            }
          : null,
        api: { operation: finding.threat.operation, service: { name: finding.threat.service } },
        src_endpoint: {
          ip: random.skewed(world.publicAddresses),
          location: {
            country: random.pick(["United States", "Germany", "Brazil"]),
            city: random.pick(["", "Ashburn", "Frankfurt am Main", "São Paulo"]),
            coordinates: [
              random.between(-180_000_000, 180_000_000) / 1e6,
              random.between(-90_000_000, 90_000_000) / 1e6,
            ],
          },
        },
      },
    ],
  }),
};

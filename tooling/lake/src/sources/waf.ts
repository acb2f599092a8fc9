import { choice } from "../random.ts";
import { ipv6, kind, observable, type Setting } from "./world.ts";

const methods = choice([
  [["GET", 3, "Get"], 70],
  [["POST", 6, "Post"], 18],
  [["PUT", 7, "Put"], 4],
  [["DELETE", 2, "Delete"], 3],
  [["HEAD", 4, "Head"], 3],
  [["OPTIONS", 5, "Options"], 2],
] as const);

interface Verdict {
  readonly action: string;
  readonly action_id: number;
  readonly disposition: string;
  readonly disposition_id: number;
}
const allowed: Verdict = { action: "Allowed", action_id: 1, disposition: "Allowed", disposition_id: 1 };
const verdicts = choice<Verdict>([
  [allowed, 88],
  [{ action: "Denied", action_id: 2, disposition: "Blocked", disposition_id: 2 }, 9],
  [{ action: "Allowed", action_id: 1, disposition: "Count", disposition_id: 20 }, 1],
  [{ action: "Denied", action_id: 2, disposition: "Captcha", disposition_id: 22 }, 1],
  [{ action: "Denied", action_id: 2, disposition: "Challenge", disposition_id: 23 }, 1],
]);
const blockingRules = [
  { uid: "AWS-AWSManagedRulesCommonRuleSet", type: "MANAGED_RULE_GROUP" },
  { uid: "rate-limit", type: "RATE_BASED", rate_limit: 2000 },
  {
    uid: "sqli",
    type: "REGULAR",
    condition: "SQL_INJECTION",
    match_location: "QUERY_STRING",
    match_details: ["1", "OR", "1"],
  },
];
const paths = ["/", "/login", "/api/v1/orders", "/static/app.js", "/search", "/wp-login.php", "/.env"];
const queries = ["", "", "page=2&sort=asc", "q=shoes", "id=1%27%20OR%201=1--"];
const hosts = ["www.example.com", "api.example.com", "shop.example.net"];
const agents = [
  ...Array.from(
    { length: 40 },
    (_, at) =>
      `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${100 + at}.0.0.0 Safari/537.36`,
  ),
  "curl/8.5.0",
  "python-requests/2.31.0",
  "sqlmap/1.8.4#stable (https://sqlmap.org)",
];

export const waf = (setting: Setting, time: number): Record<string, unknown> => {
  const { random, world, account, region } = setting;
  const [method, activityId, activity] = methods(random);
  const verdict = verdicts(random);
  const rule = verdict === allowed ? { uid: "Default_Action", type: "REGULAR" } : random.pick(blockingRules);
  const address = random.chance(0.03) ? ipv6(random) : random.skewed(world.publicAddresses);
  const hostname = random.skewed(hosts);
  const agent = random.skewed(agents);
  const gateway = random.chance(0.3);
  return {
    metadata: {
      product: {
        feature: {
          uid: `arn:aws:wafv2:${region}:${account}:regional/webacl/prod-acl/5afc4d2a-b417-4fb0-8b66-c67aa01f2d31`,
        },
        version: "1",
        vendor_name: "AWS",
        name: "AWS WAF",
      },
      labels: random.chance(0.3)
        ? [
            "awswaf:managed:aws:core-rule-set:NoUserAgent_Header",
            `awswaf:clientip:geo:country:${random.pick(["US", "DE", "BR"])}`,
          ]
        : null,
      profiles: ["cloud", "security_control", "datetime"],
      version: "1.1.0",
    },
    src_endpoint: {
      svc_name: gateway ? "APIGW" : "ALB",
      uid: gateway ? `${account}:${random.hex(10)}:prod` : `${account}-app/prod-alb/${random.hex(16)}`,
      ip: address,
      location: { country: random.pick(["US", "US", "DE", "BR", "IN", "-"]) },
    },
    http_request: {
      url: { path: random.skewed(paths), hostname },
      version: random.pick(["HTTP/1.1", "HTTP/2.0"]),
      http_method: method,
      uid: `1-${random.hex(8)}-${random.hex(24)}`,
      args: random.pick(queries),
      http_headers: headers(setting, hostname, agent, address),
      user_agent: agent,
      x_forwarded_for: random.chance(0.3) ? [address] : null,
    },
    firewall_rule: rule,
    http_status: verdict.disposition === "Blocked" ? 403 : null,
    time,
    time_dt: time,
    ...kind(4002, "HTTP Activity", [4, "Network Activity"], [activityId, activity]),
    cloud: { provider: "AWS" },
    ...verdict,
    unmapped:
      verdict === allowed
        ? null
        : {
            "ruleGroupList[].ruleGroupId": "AWS#AWSManagedRulesCommonRuleSet,AWS#AWSManagedRulesKnownBadInputsRuleSet",
          },
    observables: [
      observable("src_endpoint.ip", address, "IP Address"),
      observable("firewall_rule.uid", rule.uid, "Resource UID"),
      observable("http_request.url.hostname", hostname, "Hostname"),
    ],
  };
};

function headers({ random }: Setting, host: string, agent: string, address: string): object[] {
  const all = [
    ["Host", host],
    ["User-Agent", agent],
    ["Accept", "*/*"],
    ["X-Forwarded-For", address],
    ["X-Request-Id", random.uuid()],
    ["sec-ch-ua", '"Chromium";v="124", "Not-A.Brand";v="99"'],
    ["Cookie", `sid=${random.hex(48)}; theme=dark`],
  ] as const;
  return all.slice(0, random.between(3, all.length)).map(([name, value]) => ({ name, value }));
}

import type { Value } from "../src/index.ts";

/** A row, as the columns that rules read. */
export type Row = Readonly<Record<string, Value>>;

/** Of each rule, a row that it is the rule of, and one that differs in what matters and has another rule. */
export type Case = readonly [matching: Row, beside: Row];

const cloudTrail = { category_uid: 6, class_uid: 6003, "metadata.product.name": "CloudTrail", status: "Success" };
const caller = { "actor.user.type": "AssumedRole", "actor.user.uid": "arn:aws:sts::111122223333:assumed-role/a/b" };
const denied = { status: "Failure", "api.response.error": "AccessDenied" };

function call(operation: string, service: string, more: Row = {}): Row {
  return {
    ...cloudTrail,
    ...caller,
    "src_endpoint.ip": "192.0.2.1",
    "api.operation": operation,
    "api.service.name": `${service}.amazonaws.com`,
    ...more,
  };
}

function login(more: Row): Row {
  return call("ConsoleLogin", "signin", { class_uid: 3002, "actor.user.type": "IAMUser", is_mfa: true, ...more });
}

const cloudTrailCases: Record<string, Case> = {
  99001: [
    { ...cloudTrail, class_name: "API Activity", activity_name: "Read" },
    { ...cloudTrail, "metadata.product.name": "Okta" },
  ],
  99020: [
    call("AssumeRole", "sts", { status: "Failure", "api.response.error": "ThrottlingException" }),
    call("AssumeRole", "sts"),
  ],
  99022: [call("AssumeRole", "sts"), call("AssumeRole", "sts", { "src_endpoint.ip": null })],
  99023: [
    call("Decrypt", "kms", { "actor.user.uid": null, "src_endpoint.ip": null }),
    call("Decrypt", "kms", { "actor.user.uid": null, "src_endpoint.ip": null, "identity.user.name": "joe" }),
  ],
  99024: [call("Decrypt", "kms", { "actor.user.uid": null }), call("Decrypt", "kms", { "actor.user.name": "joe" })],
  99025: [call("Decrypt", "kms", { "src_endpoint.ip": "" }), call("Decrypt", "kms", { "src_endpoint.ip": "-" })],
  99026: [call("GetPasswordData", "ec2", denied), call("GetConsoleOutput", "ec2", denied)],
  99028: [call("AuthorizeSecurityGroupIngress", "ec2"), call("AuthorizeSecurityGroupIngress", "ec2", denied)],
  99029: [
    call("CreateRole", "iam", {
      "api.request.data": '{"assumeRolePolicyDocument":"{\\"Action\\":\\"sts:AssumeRole\\"}"}',
    }),
    call("CreateRole", "iam", {
      "api.request.data": '{"assumeRolePolicyDocument":"{\\"Action\\":\\"sts:TagSession\\"}"}',
    }),
  ],
  99030: [call("PutEventSelectors", "cloudtrail"), call("GetEventSelectors", "cloudtrail")],
  99101: [
    call("StopLogging", "cloudtrail", denied),
    call("StopLogging", "cloudtrail", { ...denied, "api.response.error": "TrailNotFoundException" }),
  ],
  99102: [call("GetObject", "s3", denied), call("GetObject", "s3", { ...denied, "api.response.error": "NoSuchKey" })],
  99103: [
    call("Invoke", "lambda", { ...denied, "api.response.error": "Client.UnauthorizedOperation" }),
    call("Invoke", "lambda", { ...denied, "api.response.error": "ThrottlingException" }),
  ],
  99104: [call("UpdateAssumeRolePolicy", "iam"), call("CreateRole", "finspace")],
  99105: [call("DeleteTrail", "cloudtrail"), call("DeleteTrail", "cloudtrail", denied)],
  99106: [call("UpdateTrail", "cloudtrail"), call("DescribeTrails", "cloudtrail")],
  99107: [call("ScheduleKeyDeletion", "kms"), call("CancelKeyDeletion", "kms")],
  99108: [call("ModifySnapshotAttribute", "ec2"), call("DescribeSnapshotAttribute", "ec2")],
  99109: [call("GetSecretValue", "secretsmanager"), call("DescribeSecret", "secretsmanager")],
  99110: [call("TagRole", "iam"), call("ListRoles", "iam")],
  99111: [call("CreateAccessKey", "iam"), call("CreateAccessKey", "workmail")],
  99112: [call("AttachUserPolicy", "iam"), call("DetachUserPolicy", "iam")],
  99113: [call("DeactivateMFADevice", "iam"), call("EnableMFADevice", "iam")],
  99114: [call("CreateSAMLProvider", "iam"), call("GetSAMLProvider", "iam")],
  99115: [call("CreateUser", "iam"), call("CreateUser", "transfer")],
  99116: [call("DeleteUser", "iam"), call("GetUser", "iam")],
  99120: [login({ status: "Other" }), login({ "api.operation": "CheckMfa", status: "Other" })],
  99121: [login({ status: "Failure" }), login({ status: "Success" })],
  99122: [login({ "actor.user.type": "Root", is_mfa: null, mfa: false }), login({ "actor.user.type": "Root" })],
  99123: [login({ "actor.user.type": "Root" }), login({ "actor.user.type": "Root", status: "Failure" })],
  99124: [login({ is_mfa: false }), login({ is_mfa: false, "actor.user.type": "SAMLUser" })],
  99125: [login({ is_mfa: false, "actor.user.type": "SAMLUser" }), login({ is_mfa: null, mfa: false })],
  99126: [
    call("DescribeInstances", "ec2", { "actor.user.type": "Root" }),
    call("DescribeInstances", "ec2", { "actor.user.type": "Root", "actor.invoked_by": "config.amazonaws.com" }),
  ],
  99130: [call("GetObject", "s3"), call("GetObject", "mediastore")],
  99131: [call("DeleteObject", "s3"), call("PutObject", "s3")],
  99132: [call("PutBucketPolicy", "s3"), call("GetBucketPolicy", "s3")],
  99133: [call("DeleteBucket", "s3"), call("CreateBucket", "s3")],
  99140: [call("GetFunction20150331v2", "lambda"), call("GetFunction20150331v2", "cloudfront")],
  99141: [call("UpdateFunctionCode20150331v2", "lambda"), call("UpdateFunctionCode20150331v2", "lambda", denied)],
  99142: [call("AddPermission20150331v2", "lambda"), call("RemovePermission20150331v2", "lambda")],
  99143: [call("Invoke", "lambda"), call("ListFunctions20150331", "lambda")],
};

function flow(more: Row): Row {
  return { category_uid: 4, class_uid: 4001, "metadata.product.name": "Amazon VPC", status_code: "OK", ...more };
}

const accepted = { action: "Allowed", disposition: "Allowed", "src_endpoint.port": 49_152, "dst_endpoint.port": 443 };
const refused = { action: "Denied", disposition: "Blocked", "src_endpoint.port": 49_152, "dst_endpoint.port": 443 };

function answer(more: Row): Row {
  return {
    category_uid: 4,
    class_uid: 4003,
    "metadata.product.name": "Route 53",
    "query.type": "A",
    disposition: "No Action",
    ...more,
  };
}

const networkCases: Record<string, Case> = {
  99002: [flow({ activity_name: "Unknown" }), flow({ activity_name: "Established" })],
  99150: [flow({ ...accepted, status_code: "NODATA" }), flow(accepted)],
  99151: [flow(refused), flow({ ...refused, action: "Allowed" })],
  99152: [flow({ ...refused, "dst_endpoint.port": 3389 }), flow({ ...refused, "dst_endpoint.port": 33_890 })],
  99050: [flow(accepted), flow({ ...accepted, action: "Unknown" })],
  99051: [flow({ ...accepted, "dst_endpoint.port": 22 }), flow({ ...accepted, "dst_endpoint.port": 2222 })],
  99052: [flow({ ...accepted, "src_endpoint.port": 22 }), flow({ ...accepted, "src_endpoint.port": 220 })],
  99053: [flow({ ...accepted, "dst_endpoint.port": 3389 }), flow({ ...refused, "dst_endpoint.port": 3389 })],
  99054: [flow({ ...accepted, "src_endpoint.port": 3389 }), flow(accepted)],
  99055: [flow({ ...accepted, "dst_endpoint.port": 139 }), flow({ ...accepted, "dst_endpoint.port": 1390 })],
  99056: [flow({ ...accepted, "src_endpoint.port": 445 }), flow({ ...accepted, "src_endpoint.port": 4450 })],
  99057: [flow({ ...accepted, "dst_endpoint.port": 135n }), flow({ ...accepted, "dst_endpoint.port": 11_350n })],
  99058: [flow({ ...accepted, "src_endpoint.port": 135 }), flow({ ...accepted, "src_endpoint.port": 443 })],
  99003: [answer({ activity_name: "Query" }), answer({ rcode: "NoError" })],
  99080: [answer({ rcode: "NOERROR" }), answer({ rcode: "NOERROR", disposition: "Blocked" })],
  99081: [answer({ rcode: "NXDomain", rcode_id: 3 }), answer({ rcode: "ServError", rcode_id: 2 })],
  99082: [answer({ rcode_id: 5 }), answer({ rcode_id: 0 })],
  99160: [answer({ rcode: "Refused", disposition: "Blocked" }), answer({ rcode: "Refused" })],
  99161: [answer({ rcode: "NoError", disposition: "Alert" }), answer({ rcode: "NoError", disposition: "Allowed" })],
};

function audit(more: Row): Row {
  return {
    category_uid: 6,
    class_uid: 6003,
    "metadata.product.name": "Amazon EKS",
    "api.operation": "get",
    "api.response.code": 200,
    "actor.user.name": "kubernetes-admin",
    "http_request.url.path": "/api/v1/namespaces/default/pods/web",
    ...more,
  };
}

const anonymous = { "actor.user.name": "system:anonymous" };
const secrets = { "http_request.url.path": "/api/v1/namespaces/default/secrets/db" };
const bindings = {
  "api.operation": "create",
  "http_request.url.path": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings?fieldManager=kubectl",
};
const awsAuth = { "http_request.url.path": "/api/v1/namespaces/kube-system/configmaps/aws-auth" };

const eksCases: Record<string, Case> = {
  99170: [audit({}), audit({ "api.response.code": 403 })],
  99171: [audit(anonymous), audit({ "actor.user.name": "anonymous" })],
  99172: [audit({ ...anonymous, "api.response.code": 401 }), audit({ ...anonymous, "api.response.code": 404 })],
  99173: [
    audit({ ...anonymous, "http_request.url.path": "/readyz?timeout=10s" }),
    audit({ ...anonymous, "http_request.url.path": "/api/readyz" }),
  ],
  99174: [audit({ "api.response.error": "Forbidden" }), audit({ "api.response.error": "NotFound" })],
  99175: [
    audit({ "http_request.url.path": "/api/v1/namespaces/default/pods/web/exec?command=sh" }),
    audit({ "http_request.url.path": "/api/v1/namespaces/exec/pods/web/log" }),
  ],
  99176: [audit(secrets), audit({ ...secrets, "actor.user.name": "system:node:ip-10-0-0-1" })],
  99177: [audit(bindings), audit({ ...bindings, "api.operation": "list" })],
  99178: [audit({ ...awsAuth, "api.operation": "patch" }), audit(awsAuth)],
};

function request(more: Row): Row {
  return { category_uid: 4, class_uid: 4002, "metadata.product.name": "AWS WAF", "firewall_rule.uid": "sqli", ...more };
}

const wafCases: Record<string, Case> = {
  99190: [request({}), request({ "metadata.product.name": "proxy" })],
  99191: [
    request({ action: "Denied", disposition: "Blocked" }),
    request({ action: "Allowed", disposition: "Allowed" }),
  ],
  99192: [request({ action: "Denied", disposition: "Captcha" }), request({ action: "Denied", disposition: "Blocked" })],
  99193: [request({ action: "Allowed", disposition: "Count" }), request({ action: "Allowed", disposition: "Allowed" })],
  99194: [request({ action: "Allowed", disposition: "Allowed" }), request({ action: "Unknown" })],
};

const severities: Readonly<Record<number, string>> = { 2: "Low", 3: "Medium", 4: "High", 5: "Critical", 6: "Fatal" };

function finding(more: Row): Row {
  return {
    category_uid: 2,
    class_uid: 2004,
    "metadata.product.name": "GuardDuty",
    "finding_info.title": "t",
    severity_id: 1,
    ...more,
  };
}

const findingCases: Record<string, Case> = {
  99220: [finding({}), finding({ category_uid: 4, class_uid: 4001 })],
  99227: [
    finding({ "compliance.status": "PASSED", severity_id: 4 }),
    finding({ "compliance.status": "FAILED", severity_id: 4 }),
  ],
  99228: [finding({ status: "Resolved", severity_id: 5 }), finding({ status: "New", severity_id: 5 })],
  ...bySeverity(99220, (severity) => finding({ ...severity, "metadata.product.name": "CloudTrail" })),
};

/** Of the rules of a category: the one of each severity, by number and, where there is none, by name. */
function bySeverity(base: number, row: (severity: Row) => Row): Record<string, Case> {
  return Object.fromEntries(
    Object.entries(severities).map(([id, name]) => [
      base + Number(id),
      [
        row(Number(id) % 2 === 0 ? { severity_id: Number(id) } : { severity_id: null, severity: name }),
        row({ severity_id: 1, severity: name }),
      ],
    ]),
  );
}

const categoryCases: Record<string, Case> = Object.assign(
  {},
  ...[1, 3, 4, 5, 6, 7, 8].map((category) => {
    const event = (more: Row): Row => ({
      category_uid: category,
      class_uid: category * 1000 + 1,
      "metadata.product.name": "Custom",
      ...more,
    });
    return {
      [99200 + 10 * category]: [
        event(category === 8 ? { category_uid: null } : { severity_id: 99 }),
        event({ category_uid: null, class_uid: 20_000 + category }),
      ],
      ...bySeverity(99200 + 10 * category, event),
    };
  }),
);

const otherCases: Record<string, Case> = {
  99290: [
    { class_uid: 0, category_uid: 0 },
    { class_uid: null, category_uid: 0 },
  ],
  ...bySeverity(99290, (severity) => ({ class_uid: 0, ...severity })),
  99299: [{ "metadata.product.name": "Custom" }, { class_uid: 9001 }],
};

export const cases: Readonly<Record<string, Case>> = {
  ...findingCases,
  ...cloudTrailCases,
  ...networkCases,
  ...eksCases,
  ...wafCases,
  ...categoryCases,
  ...otherCases,
};

import { describe, expect, it } from "vitest";
import { AuthError, explain, isPassing, isUnanswered } from "../src/index.ts";

const role = "arn:aws:iam::111122223333:role/lake";
const user = "arn:aws:iam::444455556666:user/reader";

function awsError(name: string, message: string, status = 403): Error {
  return Object.assign(new Error(message), { name, $fault: "client", $metadata: { httpStatusCode: status } });
}

const refusedRole = awsError(
  "AccessDenied",
  `User: ${user} is not authorized to perform: sts:AssumeRole on resource: ${role}`,
);

describe("explain", () => {
  it("lists what AWS hides about a refused role, in order", () => {
    const line = explain(refusedRole, {
      action: "sts:AssumeRole",
      resource: role,
      externalId: "wazuh-external-id-value",
    });
    expect(line).toBe(
      `sts:AssumeRole on ${role} as ${user}: AccessDenied: not authorized; likely causes, in this order: ` +
        "(1) the external id is not the one in the trust policy of the role (sts:ExternalId); " +
        "(2) the trust policy of the role does not name this principal; " +
        "(3) no policy of this user or role allows sts:AssumeRole on the role; " +
        "(4) there is no such role: AWS does not tell",
    );
  });

  it("asks for an external id where none was sent", () => {
    expect(explain(refusedRole, { action: "sts:AssumeRole" })).toContain(
      "(1) the trust policy of the role asks for an external id (sts:ExternalId) and none is set",
    );
  });

  it.each([
    [
      "because no identity-based policy allows the sts:AssumeRole action",
      "no policy of this user or role allows sts:AssumeRole",
    ],
    [
      "because no resource-based policy allows the sts:AssumeRole action",
      "the policy of the resource does not name this principal",
    ],
    ["with an explicit deny in a service control policy", "a statement with Effect Deny in a service control policy"],
    ["because no permissions boundary allows the sts:AssumeRole action", "the permissions boundary does not allow"],
    ["with an explicit deny in a permissions boundary", "a statement with Effect Deny in a permissions boundary"],
    ["with an explicit deny in a resource control policy", "a statement with Effect Deny in a resource control policy"],
    ["because no role trust policy allows the sts:AssumeRole action", "the trust policy of the role does not allow"],
    ["because no VPC endpoint policy allows the sts:AssumeRole action", "the policy of the VPC endpoint"],
    ["because no session policy allows the sts:AssumeRole action", "the session policy does not allow"],
  ])("guesses nothing where AWS says %s", (reason, cause) => {
    const line = explain(awsError("AccessDenied", `${refusedRole.message} ${reason}`));
    expect(line).toContain(`sts:AssumeRole on ${role} as ${user}: AccessDenied: ${reason}; likely cause: ${cause}`);
  });

  it.each<[string, Error, RegExp]>([
    [
      "a chained role",
      awsError(
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        400,
      ),
      /from role to role a session lasts one hour at most; set iam_role_duration to 3600/,
    ],
    [
      "a role with shorter sessions",
      awsError(
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        400,
      ),
      /shorter iam_role_duration or raise/,
    ],
    ["STS switched off", awsError("RegionDisabledException", "STS is not activated"), /not active in this region/],
    [
      "an unknown key",
      awsError("InvalidClientTokenId", "The security token included in the request is invalid."),
      /\(1\) the access key does not exist/,
    ],
    [
      "a wrong secret",
      awsError(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match\n\nThe Canonical String was\nsecret stuff",
      ),
      /\(1\) the secret access key does not belong.*\(2\) the clock/,
    ],
    [
      "a wrong clock",
      awsError("SignatureDoesNotMatch", "Signature expired: 20240101T000000Z is now earlier than 2024"),
      /likely cause: the clock/,
    ],
    [
      "an expired token",
      awsError("ExpiredToken", "The security token included in the request is expired"),
      /have expired/,
    ],
    [
      "no credentials",
      Object.assign(new Error("Could not load credentials from any providers"), { name: "CredentialsProviderError" }),
      /\/root\/\.aws\/credentials/,
    ],
    [
      "an SSO session",
      Object.assign(new Error("The SSO session associated with this profile has expired."), {
        name: "CredentialsProviderError",
      }),
      /aws sso login/,
    ],
    [
      "no queue",
      awsError("QueueDoesNotExist", "The specified queue does not exist.", 400),
      /URL or ARN.*\(2\) the caller may not see it/,
    ],
    ["a hidden object", awsError("AccessDenied", "Access Denied"), /allows s3:GetObject/],
    [
      "a KMS key",
      awsError(
        "AccessDenied",
        `User: ${user} is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/k`,
      ),
      /\(1\) the policy of the KMS key/,
    ],
    [
      "an archived object",
      awsError("InvalidObjectState", "The operation is not valid for the object's storage class"),
      /archived; restore it/,
    ],
    [
      "another region",
      awsError("PermanentRedirect", "The bucket you are attempting to access must be addressed…", 301),
      /another region/,
    ],
    [
      "no such host",
      Object.assign(new Error("getaddrinfo ENOTFOUND x.sts.vpce"), { code: "ENOTFOUND" }),
      /ENOTFOUND x\.sts\.vpce; likely causes.*\(1\) the name of the endpoint/,
    ],
    [
      "a refused connection",
      Object.assign(
        new AggregateError([Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" })]),
      ),
      /nothing listens/,
    ],
    [
      "a strange certificate",
      Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
      /NODE_EXTRA_CA_CERTS/,
    ],
    [
      "a source that hangs",
      Object.assign(new Error("the source of the AWS credentials did not answer within 60 s"), {
        name: "TimeoutError",
      }),
      /within 60 s; likely causes.*\(1\) the metadata service.*\(2\) STS.*\(3\) the credential_process/,
    ],
    ["a throttled key", awsError("KmsThrottled", "Rate exceeded", 400), /too many requests/],
    ["a disabled key", awsError("KmsDisabled", "The key is disabled", 400), /KMS key is disabled/],
    ["a broken service", awsError("InternalError", "We encountered an internal error", 500), /it passes/],
  ])("names the likely cause of %s", (_what, error, expected) => {
    const line = explain(error, { action: error.message === "Access Denied" ? "s3:GetObject" : undefined });
    expect(line).toMatch(expected);
    expect(line).not.toContain("\n");
  });

  const provider = (message: string) => Object.assign(new Error(message), { name: "CredentialsProviderError" });
  const network = (code: string, message: string) => Object.assign(new Error(message), { code });

  it.each<[Error, Parameters<typeof explain>[1], string]>([
    [
      awsError("RequestExpired", "Request has expired."),
      { action: "sqs:ReceiveMessage" },
      "sqs:ReceiveMessage: RequestExpired: Request has expired.; likely cause: the clock of this machine is wrong; synchronize it (chrony, ntpd)",
    ],
    [
      awsError("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
      { action: "s3:GetObject" },
      "s3:GetObject: RequestTimeTooSkewed: The difference between the request time and the current time is too large.; likely cause: the clock of this machine is wrong; synchronize it (chrony, ntpd)",
    ],
    [
      awsError("ExpiredToken", "The provided token has expired."),
      { profile: "lake" },
      "ExpiredToken: The provided token has expired.; likely cause: temporary credentials have expired and cannot be renewed from here; renew those of profile lake, or use keys that last or a role of the instance",
    ],
    [
      provider("Token is expired. To refresh this SSO session run 'aws sso login' with the corresponding profile."),
      { profile: "lake" },
      "CredentialsProviderError: Token is expired. To refresh this SSO session run 'aws sso login' with the corresponding profile.; likely cause: the SSO session is over; run \"aws sso login --profile lake\"",
    ],
    [
      provider("Could not resolve credentials using profile: [nowhere] in configuration/credentials file(s)."),
      { profile: "nowhere" },
      "CredentialsProviderError: Could not resolve credentials using profile: [nowhere] in configuration/credentials file(s).; likely causes, in this order: (1) there is no profile nowhere with credentials in ~/.aws/credentials or ~/.aws/config of the user that runs this; (2) the profile names a source_profile, process or token file that cannot be read",
    ],
    [
      provider("Could not load credentials from any providers"),
      {},
      "CredentialsProviderError: Could not load credentials from any providers; likely cause: no credentials are set: put them into ~/.aws/credentials of the user that runs this (root: /root/.aws/credentials), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the instance or container a role",
    ],
    [
      new Error("Region is missing"),
      {},
      'Error: Region is missing; likely cause: no region is set: give the queue by URL or ARN, set AWS_REGION, or "region" in ~/.aws/config',
    ],
    [
      awsError("QueueDoesNotExist", "The specified queue does not exist.", 400),
      { action: "sqs:GetQueueUrl", resource: "lake", region: "eu-west-1" },
      "sqs:GetQueueUrl on lake: QueueDoesNotExist: The specified queue does not exist.; likely causes, in this order: (1) there is no queue of this name in region eu-west-1 and the caller's account; give its URL or ARN; (2) the caller may not see it: AWS then gives the same answer",
    ],
    [
      awsError("AccessDenied", "Access to the resource is denied."),
      { action: "sqs:ReceiveMessage", resource: "lake", caller: user },
      `sqs:ReceiveMessage on lake as ${user}: AccessDenied: Access to the resource is denied.; likely causes, in this order: (1) no policy of this role allows sqs:ReceiveMessage on the queue; (2) the queue is another one, or in another account, than the role is meant for; (3) the policy of the queue or of its KMS key does not name this principal`,
    ],
    [
      awsError("AccessDenied", "Access Denied"),
      { action: "s3:GetObject", resource: "s3://lake/a" },
      "s3:GetObject on s3://lake/a: AccessDenied: Access Denied; likely causes, in this order: (1) the object does not exist: without s3:ListBucket AWS does not tell; (2) no policy of this role allows s3:GetObject on the object; (3) the bucket's policy or the KMS key of the object does not allow this principal",
    ],
    [
      awsError("AccessDenied", `User: ${user} is not authorized to perform: iam:GetRole on resource: ${role}`),
      {},
      `iam:GetRole on ${role} as ${user}: AccessDenied: not authorized; likely cause: no policy of this principal allows iam:GetRole`,
    ],
    [
      awsError("NoSuchBucket", "The specified bucket does not exist", 404),
      { action: "s3:GetObject", resource: "s3://lake/a" },
      "s3:GetObject on s3://lake/a: NoSuchBucket: The specified bucket does not exist; likely cause: the bucket does not exist, or has been deleted",
    ],
    [
      awsError("NoSuchKey", "The specified key does not exist.", 404),
      { action: "s3:GetObject", resource: "s3://lake/a" },
      "s3:GetObject on s3://lake/a: NoSuchKey: The specified key does not exist.; likely cause: the object has been deleted, or the announcement names another one",
    ],
    [
      awsError("SlowDown", "Please reduce your request rate.", 503),
      { action: "s3:GetObject" },
      "s3:GetObject: SlowDown: Please reduce your request rate.; likely cause: AWS has had too many requests of this account; it passes",
    ],
    [
      network("ETIMEDOUT", "connect ETIMEDOUT 10.0.0.1:443"),
      { action: "sts:AssumeRole", resource: role },
      `sts:AssumeRole on ${role}: ETIMEDOUT: connect ETIMEDOUT 10.0.0.1:443; likely causes, in this order: (1) there is no way to the endpoint: network, firewall, or the security group of the VPC endpoint; (2) a proxy is needed`,
    ],
    [
      network("ENOTFOUND", "getaddrinfo ENOTFOUND sqs.example"),
      { action: "sqs:ReceiveMessage" },
      "sqs:ReceiveMessage: ENOTFOUND: getaddrinfo ENOTFOUND sqs.example; likely causes, in this order: (1) the name of the endpoint is wrong; (2) the DNS of this machine does not know it; (3) a proxy is needed",
    ],
    [
      network("ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:1"),
      {},
      "ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:1; likely causes, in this order: (1) nothing listens at the endpoint; (2) a firewall refuses the connection; (3) the proxy is down",
    ],
    [
      network(
        "EPROTO",
        "write EPROTO 4033:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number",
      ),
      {},
      "EPROTO: write EPROTO 4033:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number; likely cause: the endpoint's URL says https, and what listens there speaks http",
    ],
    [
      network("SELF_SIGNED_CERT_IN_CHAIN", "self-signed certificate in certificate chain"),
      {},
      "SELF_SIGNED_CERT_IN_CHAIN: self-signed certificate in certificate chain; likely causes, in this order: (1) a proxy answers with its own certificate; name its CA in NODE_EXTRA_CA_CERTS; (2) the name of the endpoint is not in its certificate",
    ],
  ])("reads as a whole: %s", (error, circumstances, line) => {
    expect(explain(error, circumstances)).toBe(line);
  });

  it("says what it does not know as AWS says it", () => {
    expect(explain(awsError("NewException", "Something new."))).toBe("NewException: Something new.");
    expect(explain("plain")).toBe("Error: plain");
  });

  it("reads who, what and on what through the errors that wrap it", () => {
    const wrapped = Object.assign(new Error("outer", { cause: awsError("AccessDenied", "Access Denied") }), {
      action: "sqs:ReceiveMessage",
      queue: "lake",
    });
    expect(explain(wrapped, { caller: user })).toMatch(
      new RegExp(
        `^sqs:ReceiveMessage on lake as ${user}: AccessDenied: Access Denied; likely causes.*allows sqs:ReceiveMessage`,
      ),
    );
  });

  it("does not explain twice", () => {
    const error = new Error("receiving failed", { cause: new AuthError("AUTH_ROLE", "the one line", refusedRole) });
    expect(explain(error, { action: "sqs:ReceiveMessage" })).toBe("the one line");
  });

  it("repeats no secret", () => {
    const key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const token = "IQoJb3JpZ2luX2VjE".repeat(20);
    const said = `key AKIAIOSFODNN7EXAMPLE secret ${key} token ${token} X-Amz-Signature=abc&x=1 id my-external-id pass hunter2`;
    const line = explain(awsError("Odd", said), { externalId: "my-external-id", secrets: ["hunter2"] });
    for (const secret of [key, token, "AKIAIOSFODNN7EXAMPLE", "Signature=abc", "my-external-id", "hunter2"])
      expect(line).not.toContain(secret);
    expect(line).toContain("AKIA…MPLE");
  });

  it("takes action and resource from the error that wraps AWS's", () => {
    const error = Object.assign(new Error("may not be read", { cause: awsError("AccessDenied", "Access Denied") }), {
      action: "s3:GetObject",
      resource: "s3://lake/a",
    });
    expect(explain(error)).toMatch(
      /^s3:GetObject on s3:\/\/lake\/a: AccessDenied: Access Denied; likely causes, in this order: \(1\) the object does not exist/,
    );
  });

  it("takes the causes of the error that wraps AWS's where it names some", () => {
    const error = Object.assign(new Error("may not be read", { cause: awsError("AccessDenied", "Access Denied") }), {
      action: "s3:GetObject",
      causes: ["the bucket does not belong to account 1", "the object does not exist"],
    });
    expect(explain(error)).toBe(
      "s3:GetObject: AccessDenied: Access Denied; likely causes, in this order: (1) the bucket does not belong to account 1; (2) the object does not exist",
    );
  });

  it("keeps long object keys readable", () => {
    const key = `aws/CLOUD_TRAIL_MGMT/2.0/region=us-east-1/accountId=123456789012/eventDay=20240410/${"0123456789abcdef".repeat(3)}.gz.parquet`;
    expect(explain(awsError("AccessDenied", "Access Denied"), { action: "s3:GetObject", resource: key })).toContain(
      key,
    );
  });
});

describe("isPassing", () => {
  it.each([
    [awsError("InternalError", "", 500), true],
    [Object.assign(new Error(""), { code: "ECONNRESET" }), true],
    [new Error("wrapped", { cause: Object.assign(new Error(""), { name: "TimeoutError" }) }), true],
    [awsError("ThrottlingException", "", 400), true],
    [refusedRole, false],
    [Object.assign(new Error(""), { code: "ENOENT" }), false],
    [new Error("anything"), false],
  ])("of %s is %s", (error, expected) => {
    expect(isPassing(error)).toBe(expected);
  });
});

describe("isUnanswered", () => {
  it.each([
    [Object.assign(new Error(""), { code: "ECONNREFUSED" }), true],
    [Object.assign(new Error("write EPROTO … SSL routines:wrong version number"), { code: "EPROTO" }), true],
    [Object.assign(new Error(""), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }), true],
    [new AuthError("AUTH_BASE", "", Object.assign(new Error(""), { code: "CERT_HAS_EXPIRED" })), true],
    [awsError("InternalError", "", 500), false],
    [awsError("ThrottlingException", "", 400), false],
    [new AuthError("AUTH_BASE", "", Object.assign(new Error(""), { name: "CredentialsProviderError" })), false],
    [refusedRole, false],
  ])("of %s is %s", (error, expected) => {
    expect(isUnanswered(error)).toBe(expected);
  });
});

import { describe, expect, it } from "vitest";
import { deniedMessage, failureMessage, setupMessage, untrustedMessage, waitingMessage } from "../src/messages.ts";

describe("a connection that failed is one line with its remedy", () => {
  it.each([
    ["EPROTO", "write EPROTO 40:error:0A00010B:SSL routines:f:wrong version number:a.c:78:\n", "write http://"],
    ["CERT_HAS_EXPIRED", "certificate has expired", "renewed"],
    ["CERT_NOT_YET_VALID", "certificate is not yet valid", "clock"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "Host: a. is not in the cert's altnames: DNS:b", "by a name of its certificate"],
    [
      "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
      "x:SSL routines:f:tlsv13 alert certificate required:a.c:9:",
      "client",
    ],
    [
      "EPROTO",
      "write EPROTO 40:error:0A000412:SSL routines:f:sslv3 alert bad certificate:a.c:9:",
      "client certificate",
    ],
    ["SELF_SIGNED_CERT_IN_CHAIN", "self-signed certificate in certificate chain", "authority"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "self-signed; if the root CA is installed locally, try --use-system-ca", "authority"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate", "authority"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "unable to get local issuer certificate", "authority"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unable to verify the first certificate", "authority"],
    ["ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:1", "start it"],
    ["ENOTFOUND", "getaddrinfo ENOTFOUND x", "correct the host"],
    ["EHOSTUNREACH", "connect EHOSTUNREACH 10.0.0.1:9200", "firewall"],
    ["ECONNRESET", "socket hang up", "write https://"],
  ])("%s %s", (type, reason, remedy) => {
    const message = failureMessage({ type, reason, node: "https://indexer:9200" });
    expect(message).toMatch(/^https:\/\/indexer:9200: [^:\n]/);
    expect(message.split("; ")).toHaveLength(2);
    expect(message.split("; ")[1]).toContain(remedy);
    expect(message).not.toMatch(/\n|routines|\.c:/);
  });

  it("says the address once, and no remedy that it does not know", () => {
    const node = "http://127.0.0.1:1";
    const refused = { type: "ECONNREFUSED", reason: "connect ECONNREFUSED 127.0.0.1:1", node };
    expect(failureMessage(refused)).toBe(
      "connect ECONNREFUSED 127.0.0.1:1; nobody listens there: start it, or correct host and port",
    );
    expect(failureMessage({ reason: "the moon is full" })).toBe("the moon is full");
  });

  it("is said of what waits and of what is not trusted", () => {
    const failed = { type: "CERT_HAS_EXPIRED", reason: "certificate has expired" };
    expect(untrustedMessage(failed)).toBe(
      "Indexer's TLS cannot be trusted (CERT_HAS_EXPIRED): certificate has expired; have its certificate renewed, or set this machine's clock right",
    );
    expect(waitingMessage("unreachable", { type: "ECONNREFUSED", reason: "connect ECONNREFUSED ::1:9200" })).toMatch(
      /^Indexer does not answer as it should; .*ECONNREFUSED.*; nobody listens there/,
    );
  });
});

describe("a permission that is missing", () => {
  const denied = (action: string) => ({ status: 403, reason: `no permissions for [${action}] and User [name=u, x]` });

  it("is said with the role that has it", () => {
    expect(deniedMessage(denied("indices:data/write/bulk"))).toContain("the role security_lake_writer");
    const get = setupMessage("Indexer", "GET", "/_index_template/x", denied("indices:admin/index_template/get"));
    expect(get).toContain("the role security_lake_writer");
    const put = setupMessage("Indexer", "PUT", "/_index_template/x", denied("indices:admin/index_template/put"));
    expect(put).toContain("the role security_lake_setup");
  });

  it("to change a mapping is none that a user should have", () => {
    const message = deniedMessage(denied("indices:admin/mapping/put"));
    expect(message).toContain("no other index template takes its place");
    expect(message).not.toContain("give the user");
  });

  it("is said of Dashboards as its own", () => {
    const message = setupMessage("Dashboards", "POST", "/api/saved_objects/_import", denied("x"));
    expect(message).toMatch(/^Dashboards: POST .* failed: .*; give the user a role that may write saved objects/);
  });
});

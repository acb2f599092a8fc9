import { randomBytes } from "node:crypto";
import { type Authority, type Certificate, createAuthority } from "./certificates.ts";
import type { Request } from "./request.ts";

export interface SecurityOptions {
  /** What is wrong with the certificate that clients see; default "valid". */
  readonly certificate?: "valid" | "expired" | "wrong host";
  /** Beside `admin`, who may do everything. */
  readonly users?: Readonly<Record<string, UserOptions>>;
  /** Role definitions as the security plugin's REST API takes them. */
  readonly roles?: Readonly<Record<string, object>>;
}

export interface UserOptions {
  readonly password: string;
  /** Roles of `SecurityOptions.roles` or of the plugin itself. */
  readonly roles: readonly string[];
}

/** All that a server with TLS and users shows and trusts. */
export interface Security {
  readonly authority: Authority;
  readonly http: Certificate;
  /** What a front before the server shows instead. */
  readonly shown?: Certificate;
  readonly transport: Certificate;
  /** Client certificate that may do everything, the security index included. */
  readonly admin: Certificate;
  readonly users: Readonly<Record<string, UserOptions>>;
  readonly roles: Readonly<Record<string, object>>;
}

const dayMs = 86_400_000;

export async function createSecurity(options: SecurityOptions, now: Date = new Date()): Promise<Security> {
  const { certificate = "valid", users = {}, roles = {} } = options;
  const authority = await createAuthority(now);
  const hosts = ["localhost", "127.0.0.1"];
  return {
    authority,
    http: await authority.issue("CN=opensearch", { hosts: certificate === "wrong host" ? ["indexer.invalid"] : hosts }),
    // The plugin refuses to start with an expired certificate, so a front has to show it.
    ...(certificate === "expired" && {
      shown: await authority.issue("CN=opensearch", { hosts, notAfter: new Date(+now - dayMs) }),
    }),
    transport: await authority.issue("CN=node", { hosts }),
    admin: await authority.issue("CN=admin"),
    users: { admin: { password: randomBytes(18).toString("base64url"), roles: ["all_access"] }, ...users },
    roles,
  };
}

export function securityFiles({ authority, http, transport }: Security): Readonly<Record<string, string>> {
  return {
    "ca.pem": authority.cert,
    "http.pem": http.cert,
    "http.key": http.key,
    "node.pem": transport.cert,
    "node.key": transport.key,
  };
}

export const securitySettings: Readonly<Record<string, string | boolean | readonly string[]>> = {
  "plugins.security.ssl.transport.pemcert_filepath": "node.pem",
  "plugins.security.ssl.transport.pemkey_filepath": "node.key",
  "plugins.security.ssl.transport.pemtrustedcas_filepath": "ca.pem",
  "plugins.security.ssl.transport.enforce_hostname_verification": false,
  "plugins.security.ssl.http.enabled": true,
  "plugins.security.ssl.http.pemcert_filepath": "http.pem",
  "plugins.security.ssl.http.pemkey_filepath": "http.key",
  "plugins.security.ssl.http.pemtrustedcas_filepath": "ca.pem",
  "plugins.security.nodes_dn": ["CN=node"],
  "plugins.security.authcz.admin_dn": ["CN=admin"],
  "plugins.security.allow_default_init_securityindex": true,
  "plugins.security.restapi.roles_enabled": ["all_access"],
  "plugins.security.restapi.password_score_based_validation_strength": "fair",
};

/** No user of the distribution's demo, whose passwords everybody knows. */
export const noUsers = '---\n_meta:\n  type: "internalusers"\n  config_version: 2\n';

/** Writes roles, users and who has which role through the plugin's own interface. */
export async function install({ users, roles }: Security, request: Request): Promise<void> {
  const api = "/_plugins/_security/api";
  for (const [name, role] of Object.entries(roles)) await request("PUT", `${api}/roles/${name}`, role);
  for (const [name, { password }] of Object.entries(users)) {
    await request("PUT", `${api}/internalusers/${name}`, { password });
  }
  const all = new Set(Object.values(users).flatMap((user) => user.roles));
  for (const role of all) {
    const having = Object.keys(users).filter((name) => users[name]?.roles.includes(role));
    await request("PUT", `${api}/rolesmapping/${role}`, { users: having });
  }
}

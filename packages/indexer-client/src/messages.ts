import { setupRoleName, writerRoleName } from "./roles.ts";
import type { RequestFailure } from "./verdict.ts";

/** What somebody has to do about a connection that failed: the first row that fits the code and what was said. */
const remedies: readonly (readonly [fits: RegExp, remedy: string])[] = [
  [
    /wrong version number|packet length too long|WRONG_VERSION|record layer/i,
    "this port speaks http, not https: write http:// before it, or the port that speaks https",
  ],
  [/^CERT_HAS_EXPIRED/, "have its certificate renewed, or set this machine's clock right"],
  [/^CERT_NOT_YET_VALID/, "set this machine's clock right"],
  [/ALTNAME|HOSTNAME_MISMATCH/, "address it by a name of its certificate, or give it a certificate for this one"],
  [
    /^ERR_SSL.*ALERT|alert (bad|unknown|unsupported)? ?cert|handshake failure/i,
    "give the client certificate, and its key, that it asks for",
  ],
  [
    /^(SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|INVALID_CA)/,
    "its certificate is of none of the authorities that are known here: give the file with that authority's certificate",
  ],
  [/^ECONNREFUSED/, "nobody listens there: start it, or correct host and port"],
  [/^(ENOTFOUND|EAI_AGAIN)/, "the name is not known: correct the host, or the name service"],
  [/^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)/, "no way leads there: open the firewall, or correct the address"],
  [/socket hang up|^ECONNRESET/, "where this port speaks https, write https:// before it"],
];

/** Why a request failed and what to do about it; `node` is said where it is in no reason of the network's. */
export function failureMessage({ type, reason, node }: RequestFailure): string {
  const [, remedy] = remedies.find(([fits]) => fits.test(`${type ?? ""} ${reason}`) || fits.test(reason)) ?? [];
  const host = node?.replace(/^\w+:\/\//, "");
  const where = node === undefined || host === undefined || reason.includes(host) ? "" : `${node}: `;
  return `${where}${plain(reason)}${remedy === undefined ? "" : `; ${remedy}`}`;
}

/**
 * OpenSSL says where in its sources it was: `…:error:0A00010B:SSL routines:function:the reason:file:line:`. Node adds to an
 * unknown authority how to start it otherwise.
 */
function plain(reason: string): string {
  const [, said] = /:SSL routines:[^:]*:([^:]+):/.exec(reason) ?? [];
  return said ?? reason.replace(/; if the root CA .*/s, "").trim();
}

export function waitingMessage(cause: string, failure: RequestFailure): string {
  return `${stateOf(cause)}: ${failureMessage(failure)}`;
}

function stateOf(cause: string): string {
  if (cause === "busy") return "Indexer has no room at the moment; documents wait and are sent again";
  if (cause === "unreachable") return "Indexer does not answer as it should; documents wait and are sent again";
  const index = cause.slice("blocked ".length);
  return `Indexer takes no documents${index === "" ? "" : ` into ${index}`} until somebody ends its state (free disk space, lift the block, open the index, raise cluster.max_shards_per_node, give it what the reason misses); documents wait and are sent again`;
}

export function deniedMessage(failure: Pick<RequestFailure, "status" | "reason" | "username">): string {
  const { status, reason } = failure;
  const what = status === 401 ? "refuses user or password (401)" : `denies a permission (${status})`;
  return `Indexer ${what}${to(failure)}: ${reason}; ${deniedRemedy(status, reason, writerRoleName)}`;
}

/** The user, where the reason does not name him already. */
function to({ username, reason }: Pick<RequestFailure, "reason" | "username">): string {
  return username === undefined || reason.includes(`name=${username},`) ? "" : `, user ${username}`;
}

function deniedRemedy(status: number | undefined, reason: string, role: string): string {
  if (status === 401) return "correct its user and password";
  // A document makes a mapping grow only where the index was not made by the template, which lets none grow.
  if (reason.includes("[indices:admin/mapping/put]"))
    return "no user needs that where the index was made by the template of setup: run setup, and see to it that no other index template takes its place";
  return `give the user the role ${role}, which role.yml of indexer-client has`;
}

/** Who is asked by a request, as the user knows it. */
export type Asked = "Indexer" | "Dashboards";

export function setupMessage(asked: Asked, method: string, path: string, failure: RequestFailure): string {
  const { status, reason } = failure;
  const isDenied = status === 401 || status === 403;
  const role = method === "GET" ? writerRoleName : setupRoleName;
  const remedy =
    asked === "Dashboards" && status === 403
      ? "give the user a role that may write saved objects of the global tenant"
      : deniedRemedy(status, reason, role);
  const request = `${asked}: ${method} ${path} failed${isDenied ? to(failure) : ""}`;
  return `${request}: ${failureMessage(failure)}${isDenied ? `; ${remedy}` : ""}`;
}

export function untrustedMessage(failure: RequestFailure, asked: Asked = "Indexer"): string {
  return `${asked}'s TLS cannot be trusted (${failure.type}): ${failureMessage(failure)}`;
}

export function tooLargeReason(bytes: number): string {
  return `the document alone makes a request of ${bytes} bytes, more than the indexer or a proxy takes (413)`;
}

export function smallerMessage(refused: number, bytes: number): string {
  return `Indexer refuses requests of ${refused} bytes (413): they have ${bytes} bytes at the most from now on; http.max_content_length, or a proxy's limit, may be raised`;
}

export function unindexedMessage(id: string, index: string, reason: string): string {
  return `Document ${id} in ${index}: the mapping refuses it, so it is sent with its data unindexed: ${reason}`;
}

export function deadLetterMessage(id: string, index: string, status: number, reason: string): string {
  return `Document ${id} for ${index} went to the dead letter: ${status} ${reason}`;
}

export function notKeptMessage(id: string, index: string, status: number, cause: unknown): string {
  return `Document ${id} for ${index} was refused (${status}), and could not be kept as a dead letter either: ${cause instanceof Error ? cause.message : cause}; nothing is deleted, make room for the dead letter file or correct its path`;
}

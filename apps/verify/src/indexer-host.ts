import { request as plainRequest } from "node:http";
import { connect as connectTcp, isIP, isIPv6 } from "node:net";
import { connect as connectTls, type DetailedPeerCertificate } from "node:tls";
import type { ConnectionOptions } from "@threatlockdown/indexer-client";
import { isSpare, type Tried } from "./addresses.ts";
import type { Lake } from "./lake.ts";
import { codeOf, opened, silenceMilliseconds } from "./opened.ts";

/** What stands in the way to an address of a host of the indexer, or what it shows. */
export interface Reached extends Tried {
  readonly certificate?: DetailedPeerCertificate;
  readonly paste?: string;
}

export interface Way {
  readonly tls: Pick<ConnectionOptions, "ca" | "certificate" | "key">;
  readonly lookUp: Lake["lookUp"];
  readonly signal: AbortSignal;
}

/** Name, connection, TLS, HTTP: the first of them that fails is told in its own words, of each address of the name. */
export async function reachHost(url: string, way: Way): Promise<readonly [Reached, ...Reached[]]> {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const target = Number(port || (protocol === "https:" ? 443 : 80));
  const place = { protocol, host, target };
  try {
    const [first = "", ...others] = await way.lookUp(host);
    const at = (address: string) => `${host}:${target}${others.length === 0 ? "" : ` (${address})`}`;
    const reachOne = (address: string) => reachAddress({ ...place, address, at: at(address) }, way);
    return await Promise.all([reachOne(first), ...others.map(reachOne)]);
  } catch (error) {
    return [
      {
        seen: `${host}:${target}: the name ${host} is not found (${codeOf(error)})`,
        fix: `Correct <host> in <indexer>, or make the name ${host} known to the resolver of this machine`,
      },
    ];
  }
}

interface Place {
  readonly protocol: string;
  readonly address: string;
  readonly host: string;
  readonly target: number;
  /** As it is told. */
  readonly at: string;
}

async function reachAddress(place: Place, way: Way): Promise<Reached> {
  const { protocol, address, target, at } = place;
  try {
    (await opened(connectTcp({ host: address, port: target }), "connect", way.signal)).destroy();
  } catch (error) {
    const code = codeOf(error);
    return {
      seen: `${at}: ${unconnected(code, at)}`,
      fix: connectFix(code, at),
      ...(isSpare(address, code) && { spare: true }),
    };
  }
  return protocol === "http:" ? speakPlainly(place, way) : speakTls(place, way);
}

function unconnected(code: string, at: string): string {
  if (code === "ECONNREFUSED") return "nothing listens there (connection refused)";
  if (code === "ETIMEDOUT") return `no connection within ${silenceMilliseconds / 1000} s`;
  return `no connection to ${at} (${code})`;
}

function connectFix(code: string, at: string): string {
  return code === "ECONNREFUSED"
    ? `Start the indexer (systemctl start wazuh-indexer), or correct host and port of <host> in <indexer>`
    : `Let this machine through to ${at} (firewall, security group, route), or correct <host> in <indexer>`;
}

async function speakTls({ address, host, target, at }: Place, { tls, signal }: Way): Promise<Reached> {
  const options = {
    host: address,
    port: target,
    // An address is no server name, and the certificate is compared with it all the same.
    ...(isIP(host) === 0 && { servername: host }),
    ca: tls.ca as string[] | undefined,
    cert: tls.certificate as string | undefined,
    key: tls.key as string | undefined,
  };
  try {
    const socket = await opened(connectTls(options), "secureConnect", signal);
    const certificate = socket.getPeerCertificate(true);
    socket.destroy();
    return { seen: `${at}: reached`, certificate };
  } catch (error) {
    const code = codeOf(error);
    if (code === "ETIMEDOUT") return silent(at);
    const shown = await opened(connectTls({ ...options, rejectUnauthorized: false }), "secureConnect", signal).then(
      (socket) => {
        const certificate = socket.getPeerCertificate();
        socket.destroy();
        return certificate;
      },
      () => undefined,
    );
    return untrusted(code, error as Error, { host, target, at }, shown);
  }
}

interface Shown {
  readonly subjectaltname?: string | undefined;
  readonly valid_from?: string;
  readonly valid_to?: string;
  readonly issuer?: { readonly CN?: string | string[] | undefined };
}

function untrusted(
  code: string,
  error: Error,
  { host, target, at }: Pick<Place, "host" | "target" | "at">,
  shown: Shown | undefined,
): Reached {
  const url = urlOf("https", host, target);
  if (
    /WRONG_VERSION|PACKET_LENGTH|wrong version number|packet length too long|http request/i.test(code + error.message)
  ) {
    return {
      seen: `${at}: this port speaks http, and <host> says https`,
      fix: "Write into <host> the port that speaks https, or turn TLS on in the indexer; where it is meant to do without, write http://",
      paste: hostBlock(urlOf("http", host, target)),
    };
  }
  if (code === "CERT_HAS_EXPIRED") {
    return {
      seen: `${at}: its certificate, or one of its authority, has expired${shown?.valid_to === undefined ? "" : `: it was valid until ${day(shown.valid_to)}`}`,
      fix: "Someone who manages the indexer gives it a new certificate and restarts it; if today's date is wrong here, set the clock",
    };
  }
  if (code === "CERT_NOT_YET_VALID") {
    return {
      seen: `${at}: its certificate is not valid yet${shown?.valid_from === undefined ? "" : `: from ${day(shown.valid_from)} on`}`,
      fix: "Set the clock of this machine, or of the one that made the certificate",
    };
  }
  if (/ALTNAME|HOSTNAME_MISMATCH/.test(code)) {
    const names = shown?.subjectaltname?.replaceAll("IP Address:", "").replaceAll("DNS:", "") ?? "no host";
    const [first] = names.split(", ");
    return {
      seen: `${at}: its certificate is for ${names}, not for this name`,
      fix: "Write a name of the certificate into <host>, or someone who manages the indexer gives it a certificate for this one",
      ...(shown?.subjectaltname !== undefined && { paste: hostBlock(urlOf("https", first ?? host, target)) }),
    };
  }
  if (/^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|INVALID_CA)|signature failure/.test(code)) {
    const issuer = [shown?.issuer?.CN].flat()[0];
    return {
      seen: `${at}: the authority of its certificate${issuer === undefined ? "" : `, "${issuer}",`} is none of those in <certificate_authorities>`,
      fix: "Write the file of the certificate authority that made the indexer's certificate into <indexer>",
      paste: authorityBlock(url),
    };
  }
  if (/ALERT|alert|HANDSHAKE_FAILURE/.test(code + error.message)) {
    return {
      seen: `${at}: the indexer asks for a client certificate that it knows (${code})`,
      fix: "Write <certificate> and <key> that the indexer knows into <ssl> of <indexer>",
    };
  }
  return {
    seen: `${at}: no TLS (${code})`,
    fix: `Look whether the indexer, or a proxy before it, speaks TLS at ${at}`,
  };
}

function silent(at: string): Reached {
  return {
    seen: `${at}: it takes connections and says nothing within ${silenceMilliseconds / 1000} s`,
    fix: "Look whether the indexer is overloaded or hangs, and whether a firewall between holds what is sent back",
  };
}

/** A port that speaks TLS ends a plain connection without a word, or with one about it. */
async function speakPlainly({ address, host, target, at }: Place, { signal }: Way): Promise<Reached> {
  try {
    await new Promise<void>((resolve, reject) => {
      const request = plainRequest({
        host: address,
        port: target,
        path: "/",
        timeout: silenceMilliseconds,
        agent: false,
        signal,
      });
      request.once("response", (answer) => {
        answer.resume();
        resolve();
      });
      request.once("timeout", () => request.destroy(Object.assign(new Error("silence"), { code: "ETIMEDOUT" })));
      request.once("error", reject);
      request.end();
    });
    return { seen: `${at}: reached, without TLS` };
  } catch (error) {
    if (codeOf(error) === "ETIMEDOUT") return silent(at);
    const tls = connectTls({ host: address, port: target, rejectUnauthorized: false });
    const speaksTls = await opened(tls, "secureConnect", signal).then(
      (socket) => {
        socket.destroy();
        return true;
      },
      () => false,
    );
    if (!speaksTls) {
      return {
        seen: `${at}: it takes connections and does not answer over HTTP (${codeOf(error)})`,
        fix: "Look whether <host> names the indexer's HTTP port, 9200, and whether the indexer is well",
      };
    }
    return {
      seen: `${at}: this port speaks https, and <host> says http`,
      fix: "Write https:// into <host>, and the file of the certificate authority",
      paste: authorityBlock(urlOf("https", host, target)),
    };
  }
}

function urlOf(scheme: string, host: string, port: number): string {
  return `${scheme}://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

export function hostBlock(url: string): string {
  return `<indexer>\n  <hosts>\n    <host>${url}</host>\n  </hosts>\n</indexer>\n`;
}

function authorityBlock(url: string): string {
  return `<indexer>
  <hosts>
    <host>${url}</host>
  </hosts>
  <ssl>
    <certificate_authorities>
      <ca>/etc/filebeat/certs/root-ca.pem</ca>
    </certificate_authorities>
  </ssl>
</indexer>
`;
}

export function day(date: string): string {
  return new Date(date).toISOString().slice(0, 10);
}

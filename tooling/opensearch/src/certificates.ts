import "reflect-metadata";
import { randomBytes } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** Both in PEM; the key in PKCS#8. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Certificate {
  issue(subject: string, options?: IssueOptions): Promise<Certificate>;
}

export interface IssueOptions {
  /** Host names and IPv4 addresses of a server; none for a client. */
  readonly hosts?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 86_400_000;

/** A certificate authority that lives as long as this process. */
export async function createAuthority(now: Date = new Date()): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const name = "CN=ThreatLockDown test authority";
  const validity = { notBefore: new Date(+now - 30 * dayMs), notAfter: new Date(+now + 90 * dayMs) };
  const own = await X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    ...validity,
    serialNumber: serial(),
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });

  async function issue(subject: string, { hosts = [], ...dates }: IssueOptions = {}): Promise<Certificate> {
    const { publicKey, privateKey } = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const extensions: Extension[] = [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      await AuthorityKeyIdentifierExtension.create(keys.publicKey),
      await SubjectKeyIdentifierExtension.create(publicKey),
    ];
    if (hosts.length > 0) {
      const names = hosts.map((host) => ({ type: /^[\d.]+$/.test(host) ? "ip" : "dns", value: host }) as const);
      extensions.push(new SubjectAlternativeNameExtension(names));
    }
    const issued = await X509CertificateGenerator.create({
      subject,
      issuer: own.subject,
      publicKey,
      signingKey: keys.privateKey,
      ...validity,
      ...dates,
      serialNumber: serial(),
      signingAlgorithm: algorithm,
      extensions,
    });
    return { cert: issued.toString("pem"), key: await pem(privateKey) };
  }

  return { cert: own.toString("pem"), key: await pem(keys.privateKey), issue };
}

/** Positive, and short enough to stay so: RFC 5280, section 4.1.2.2. */
function serial(): string {
  return `01${randomBytes(15).toString("hex")}`;
}

async function pem(key: CryptoKey): Promise<string> {
  const bytes = Buffer.from(await crypto.subtle.exportKey("pkcs8", key));
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n");
}

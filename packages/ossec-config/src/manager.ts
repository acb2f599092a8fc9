import {
  address,
  content,
  type Fields,
  holdsUser,
  lastChild,
  listOf,
  no,
  type Read,
  type Report,
  readFields,
  refuse,
  text,
  unencrypted,
  warning,
  yes,
} from "./fields.ts";
import type { Problem } from "./issues.ts";
import type { Element } from "./xml.ts";

/** `<cluster>` */
export interface Cluster {
  readonly enabled: boolean;
  readonly name: string;
  /** `<node_name>` */
  readonly nodeName: string;
  /** Alerts do not name the cluster. */
  readonly hidden: boolean;
}

/** `<indexer>`, since 4.8. */
export interface Indexer {
  readonly enabled: boolean;
  /** URLs; https where none was given. */
  readonly hosts: readonly string[];
  /** Files. */
  readonly certificateAuthorities: readonly string[];
  readonly certificate?: string;
  readonly key?: string;
}

/** `<wodle name="command">`: a program that the manager itself starts. */
export interface ManagerCommand {
  /** Where its element begins. */
  readonly line: number;
  readonly enabled: boolean;
  readonly command: string;
}

/** Those that name a program. What is wrong with them is the manager's to tell. */
export function readCommands(sections: readonly Element[]): ManagerCommand[] {
  return sections.flatMap((section) => {
    if (section.name !== "wodle" || section.attributes.get("name") !== "command") return [];
    const command = lastChild(section, "command")?.text.trim() ?? "";
    const enabled = lastChild(section, "disabled")?.text.trim() !== "yes";
    return command === "" ? [] : [{ line: section.line, enabled, command }];
  });
}

const clusterFields: Fields<Cluster> = {
  disabled: ["enabled", no],
  name: ["name", text],
  node_name: ["nodeName", text],
  hidden: ["hidden", yes],
};

const clusterDefaults: Cluster = { enabled: true, name: "wazuh", nodeName: "node01", hidden: false };

/** Undefined where the file has no such section; later sections add to and replace what earlier ones say. */
export function readCluster(sections: readonly Element[], report: Report): Cluster | undefined {
  const found = sections.filter(({ name }) => name === "cluster");
  const merged: Cluster = Object.assign(
    {},
    clusterDefaults,
    ...found.map((one) => readFields(one, clusterFields, report)),
  );
  return found.length === 0 ? undefined : merged;
}

interface Ssl {
  readonly certificateAuthorities?: readonly string[];
  readonly certificate?: string;
  readonly key?: string;
}

interface IndexerFields {
  readonly enabled?: boolean;
  readonly hosts?: readonly string[];
  readonly ssl?: Ssl;
}

const sslFields: Fields<Ssl> = {
  certificate_authorities: ["certificateAuthorities", listOf("ca", text)],
  certificate: ["certificate", text],
  key: ["key", text],
};

const indexerFields: Fields<IndexerFields> = {
  enabled: ["enabled", yes],
  hosts: ["hosts", listOf("host", content(host))],
  ssl: ["ssl", (_value, element, report) => ({ value: readFields<Ssl>(element, sslFields, report) })],
};

/** Undefined where the file has no such section; later sections add to and replace what earlier ones say. */
export function readIndexer(sections: readonly Element[], report: Report): Indexer | undefined {
  const found = sections.filter(({ name }) => name === "indexer");
  const last = found.at(-1);
  if (last === undefined) return undefined;
  const merged: IndexerFields = Object.assign({}, ...found.map((one) => readIndexerFields(one, report)));
  const { enabled = true, hosts = [], ssl = {} } = merged;
  // Hosts that are refused have been told of already.
  if (hosts.length === 0 && found.every((one) => lastChild(one, "hosts") === undefined)) report(last, noHosts);
  if ((ssl.certificate === undefined) !== (ssl.key === undefined)) report(last, halfCertificate);
  return { enabled, hosts, certificateAuthorities: [], ...ssl };
}

function readIndexerFields(section: Element, report: Report): IndexerFields {
  return readFields(section, indexerFields, report, (element) => {
    if (element.name === "username" || element.name === "password") report(element, notReadHere);
  });
}

function host(value: string): Read<string> {
  const read = address(value);
  if ("problem" in read) {
    const fix = "Write https://<host>:9200";
    return refuse(read.problem, read.problem === holdsUser ? `${fix}; ${userElsewhere}` : fix);
  }
  const problems = unencrypted(read.url);
  return { value: /^https?:\/\//i.test(value) ? value : `https://${value}`, problems };
}

const noHosts: Problem = warning("names no host", "Write <hosts><host>https://<host>:9200</host></hosts>");
const halfCertificate: Problem = warning("has one of <certificate> and <key> only", "Write both, or neither");
const userElsewhere =
  "give user and password by INDEXER_USERNAME and INDEXER_PASSWORD of the environment, or by --indexer-credentials FILE";
const notReadHere: Problem = warning("is not read from this file", `Remove it; ${userElsewhere}`);

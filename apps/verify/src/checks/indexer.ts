import { X509Certificate } from "node:crypto";
import { IndexerError } from "@threatlockdown/indexer-client";
import { ofName } from "../addresses.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { counted } from "../count.ts";
import { type Answer, type Indexer, knowsNoSuchAddress, reasonOf } from "../indexer.ts";
import { day, hostBlock, type Reached, reachHost } from "../indexer-host.ts";
import { late, unexpected, withIndexer, withoutAsker } from "../indexer-look.ts";
import type { Lake } from "../lake.ts";
import { readMachine, writesElsewhere } from "../machine.ts";

export const indexer: Check = {
  id: "indexer",
  title: "The indexer is reached",
  explain:
    "Events are written to the indexer of ossec.conf over HTTPS; while it cannot be reached, they wait in the queue.",
  needs: [],
  once: true,
  late,
  run: async (lake, signal, owe) => (await noDestination(lake)) ?? reached(lake, signal, owe),
};

const reached = withIndexer(async (own, { lookUp }, signal) => {
  const connection = await own.connection().catch((error: unknown) => error as IndexerError);
  if (connection instanceof Error) {
    if (!(connection instanceof IndexerError)) throw connection;
    return unreadable(connection);
  }
  const tried = await Promise.all(
    own.settings.hosts.map(async (host) => ofName(await reachHost(host, { tls: connection, lookUp, signal }))),
  );
  const hosts = tried.map(({ found }) => found);
  const broken = hosts.filter(({ fix }) => fix !== undefined);
  const others = hosts.length > broken.length;
  const findings = [
    ...broken.map((host) => trouble(host, others ? "the other hosts of <indexer> take its work" : undefined)),
    ...tried.flatMap(({ dead }) => dead.map((host) => trouble(host, "other addresses of the same name are reached"))),
  ];
  return findings.length > 0 ? findings : { state: "ok", seen: hosts.map(({ seen }) => seen).join("; ") };
});

/** Where no <indexer> is named and none is switched off, the subscriber ends at once, unless it has another output. */
async function noDestination({ indexer, manager }: Lake): Promise<Finding | undefined> {
  if (indexer !== undefined || manager?.root === undefined) return undefined;
  const { file, settings } = manager;
  if (settings.indexer?.enabled === false) return undefined;
  const { elsewhere, unread } = await readMachine(manager.root);
  const byManager = settings.commands?.some(({ command }) => writesElsewhere(command.split(/\s+/)));
  if (elsewhere || byManager) return undefined;
  const named = `${file} names no host of an <indexer>`;
  if (unread.length > 0) {
    const because = `${named}, and ${unread.join(", ")} may not be read, so that it is not known whether the subscriber has another --output`;
    return couldNotCheck({ because, how: "run it as root" });
  }
  return {
    state: "warning",
    seen: `${named}, so that events have no destination: the subscriber ends with an error, unless it is run with --output`,
    fix: "Write the block below into ossec.conf, with the host of the indexer; where the subscriber is run with --output, <enabled>no</enabled> in it says so",
    paste:
      "<indexer>\n  <enabled>yes</enabled>\n  <hosts>\n    <host>https://127.0.0.1:9200</host>\n  </hosts>\n</indexer>\n",
  };
}

/** It costs time only, where others take its place. */
function trouble({ seen, fix = "", paste }: Reached, instead: string | undefined): Finding {
  return {
    state: instead === undefined ? "failed" : "warning",
    seen: instead === undefined ? seen : `${seen}; ${instead}`,
    fix,
    ...(paste !== undefined && { paste }),
  };
}

function unreadable(error: IndexerError): Finding {
  return (
    withoutAsker(error) ?? {
      state: "failed",
      seen: error.message.replace(/\.$/, ""),
      fix: "Correct the file's name in <ssl> of <indexer>, or put the file there",
    }
  );
}

const fewDays = 30;
const dayMs = 86_400_000;

export const indexerCertificate: Check = {
  id: "indexer-certificate",
  title: "The indexer's certificates are valid for long enough",
  explain: "On the day that one of them ends, no event is stored any more, although nothing was changed.",
  needs: ["indexer"],
  once: true,
  late,
  run: withIndexer(async (own, { lookUp }, signal) => {
    const secured = own.settings.hosts.filter((host) => host.startsWith("https:"));
    if (secured.length === 0) return { state: "not applicable", seen: "the indexer is spoken to without TLS" };
    const connection = await own.connection();
    const reached = await Promise.all(
      secured.map(async (host) => {
        const all = await reachHost(host, { tls: connection, lookUp, signal });
        return all.flatMap((one) => endOfChain(new URL(host).host, one));
      }),
    );
    const chains = reached.flat();
    if (chains.length === 0) return couldNotCheck({ because: "no host showed a certificate" });
    const inUse = new Set(chains.map(({ fingerprint }) => fingerprint));
    const spare = endsOf("a certificate", connection.ca).filter(({ fingerprint }) => !inUse.has(fingerprint));
    const [first, ...others] = [...chains, ...endsOf("the file of <certificate>", connection.certificate)].sort(
      (a, b) => a.until.getTime() - b.until.getTime(),
    );
    return [judgeEnd(first as End, others.length), ...spare.filter(hasEnded).map(unused)];
  }),
};

const daysLeft = ({ until }: End): number => Math.floor((until.getTime() - Date.now()) / dayMs);
const hasEnded = (end: End): boolean => daysLeft(end) < 0;

function judgeEnd(end: End, others: number): Finding {
  const days = daysLeft(end);
  const until = day(end.until.toISOString());
  const told = `${end.name} is valid until ${until}, for ${counted(days, "day")}`;
  if (days >= fewDays) return { state: "ok", seen: others === 0 ? told : `${told}; the others longer` };
  return {
    state: days < 0 ? "failed" : "warning",
    seen: days < 0 ? `${end.name} was valid until ${until}` : `${told} more`,
    fix: "Someone who manages the indexer renews the certificate before that day",
  };
}

/** Files of authorities keep the old one beside the new. */
function unused({ subject, until }: End): Finding {
  return {
    state: "warning",
    seen: `in the files of <certificate_authorities>, ${subject} was valid until ${day(until.toISOString())}; no certificate that a host shows needs it`,
    fix: `Take the certificate of ${subject} out of that file`,
  };
}

interface End {
  readonly name: string;
  readonly subject: string;
  readonly fingerprint: string;
  readonly until: Date;
}

/** Up to the authority of its own, which is among those of the files. */
function endOfChain(host: string, { certificate: shown }: Reached): End[] {
  const ends: End[] = [];
  let certificate = shown;
  while (
    certificate?.raw !== undefined &&
    !ends.some(({ fingerprint }) => fingerprint === certificate?.fingerprint256)
  ) {
    const name = ends.length === 0 ? `the certificate of ${host}` : `the authority of the certificate of ${host}`;
    ends.push(endOf(name, certificate.raw));
    certificate = certificate.issuerCertificate;
  }
  return ends;
}

function endsOf(name: string, pem: unknown): End[] {
  const texts = [pem ?? []].flat() as string[];
  return texts.flatMap((text) =>
    (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((one) => endOf(name, one)),
  );
}

function endOf(name: string, certificate: string | Buffer): End {
  const { subject, fingerprint256: fingerprint, validTo } = new X509Certificate(certificate);
  return { name, subject: subject.replaceAll("\n", ", "), fingerprint, until: new Date(validTo) };
}

export const indexerUser: Check = {
  id: "indexer-user",
  title: "The indexer accepts the subscriber's user",
  explain:
    "The subscriber stops at the first refusal of its user, and takes nothing from the queue until that is mended.",
  needs: ["indexer"],
  once: true,
  late,
  run: withIndexer(async (own) => {
    const user = await own.own.user().catch((error: unknown) => error as Error);
    if (user instanceof Error) {
      const fix = "Mend the file or the variables named";
      return withoutAsker(user) ?? { state: "failed", seen: user.message.replace(/\.$/, ""), fix };
    }
    const answer = await own.own.ask("GET", "/_plugins/_security/authinfo");
    if (answer.status === 401) return user === undefined ? unnamed(own) : refused(user);
    // So do indexers whose requests are to be signed.
    if (answer.status === 403) return user === undefined ? unnamed(own) : unsigned(user, answer);
    if (knowsNoSuchAddress(answer)) return withoutUsers(await own.own.ask("GET", "/"));
    if (answer.status === 503 || /not initialized/i.test(reasonOf(answer))) {
      return {
        state: "failed",
        seen: `the indexer does not take requests yet: ${reasonOf(answer)}`,
        fix: "Wait until it has started; if it stays so, initialise its security (indexer-security-init.sh on one of its nodes)",
      };
    }
    // Busy, or a gateway before it in trouble: that says nothing of the user.
    if (answer.status === 429 || answer.status >= 500) return unexpected(answer);
    const identity = await own.identity();
    if (identity === undefined) {
      return {
        state: "failed",
        seen: `what answers is no indexer: ${reasonOf(answer)}`,
        fix: "Write address and port of the indexer into <host>: 9200, not those of the dashboard or of the manager's API",
        paste: hostBlock("https://<indexer>:9200"),
      };
    }
    return { state: "ok", seen: `it is ${identity.name}, with the roles ${identity.roles.join(", ") || "none"}` };
  }),
};

function refused(user: string): Finding {
  return {
    state: "failed",
    seen: `the indexer refuses the user ${user} or the password (401)`,
    fix: "Correct user and password where the subscriber has them (INDEXER_USERNAME and INDEXER_PASSWORD, or its --indexer-credentials FILE), or someone who may manage the indexer's users sets that password",
  };
}

function unsigned(user: string, answer: Answer): Finding {
  return {
    state: "failed",
    seen: `the indexer refuses the user ${user}: ${reasonOf(answer)}`,
    fix: "Someone who manages the domain allows es:ESHttp* to that user or role in the domain's access policy, and maps it to the role security_lake_writer",
  };
}

function unnamed({ settings }: Indexer): Finding {
  const how =
    "Give the subscriber's user: INDEXER_USERNAME and INDEXER_PASSWORD, or --indexer-credentials FILE, or --indexer-sigv4, as it has them";
  if (settings.certificate === undefined) {
    return couldNotCheck({ because: "the indexer asks for a user, and none was given here", how, lasting: true });
  }
  return { state: "failed", seen: "the indexer takes the client certificate for no user (401)", fix: how };
}

function withoutUsers(root: Answer): Finding {
  const { version } = (root.body ?? {}) as { version?: { distribution?: string; number?: string } };
  if (root.status === 200 && version?.number !== undefined) {
    return { state: "ok", seen: `it asks for no user; ${version.distribution ?? "it"} ${version.number}` };
  }
  return unexpected(root);
}

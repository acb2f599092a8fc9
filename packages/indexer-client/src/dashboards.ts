import { randomBytes } from "node:crypto";
import { ask, type Transport } from "./ask.ts";
import { IndexerError } from "./errors.ts";
import { dashboardId, savedObjectsFile, savedObjectsVersion, versionOf } from "./saved-objects.ts";
import type { SetupStep } from "./setup.ts";

/** Dashboards refuses what a page of another site could send; the objects are for all of its users. */
const headers = { "osd-xsrf": "true", securitytenant: "global" };
const asked = "Dashboards";
const subject = "saved objects for Security Lake";

/**
 * Installs index pattern, search and dashboard through the interface of OpenSearch Dashboards, and upgrades older ones.
 *
 * @param client of `connect`, with the address of Dashboards in place of the indexer's
 * @throws IndexerError
 */
export async function setupDashboards(client: Transport): Promise<SetupStep> {
  const found = await look(client);
  if (found.outcome !== "missing" && found.outcome !== "older") return found;
  await importFile(client, savedObjectsFile());
  const outcome = found.outcome === "missing" ? "installed" : "upgraded";
  return { subject, outcome, message: `Dashboards: ${subject} version ${savedObjectsVersion} ${outcome}` };
}

/** The same without changing anything. @throws IndexerError */
export async function checkDashboards(client: Transport): Promise<SetupStep> {
  return look(client);
}

async function look(client: Transport): Promise<SetupStep> {
  const path = `/api/saved_objects/dashboard/${dashboardId}`;
  const found = (await ask(client, "GET", path, undefined, { headers, asked })) as
    | { readonly attributes?: { readonly description?: string } }
    | undefined;
  if (found === undefined) return step("missing", "are not installed; run setup with --dashboards");
  const version = versionOf(found.attributes?.description ?? "");
  if (version === undefined) return step("left-alone", "are not of this product and were left alone");
  if (version > savedObjectsVersion) {
    return step(
      "left-alone",
      `version ${version} are newer than this program's ${savedObjectsVersion}, and left alone`,
    );
  }
  return version === savedObjectsVersion
    ? step("current", `version ${version} are in place`)
    : step("older", `are installed in version ${version}; run setup with --dashboards to upgrade them`);
}

function step(outcome: SetupStep["outcome"], rest: string): SetupStep {
  return { subject, outcome, message: `Dashboards: ${subject} ${rest}` };
}

/** As the page of Dashboards does it: a form with one file (RFC 7578). */
async function importFile(client: Transport, text: string): Promise<void> {
  const boundary = `threatlockdown-${randomBytes(16).toString("hex")}`;
  const form = [
    `--${boundary}`,
    'Content-Disposition: form-data; name="file"; filename="security-lake.ndjson"',
    "Content-Type: application/ndjson",
    "",
    text,
    `--${boundary}--`,
    "",
  ].join("\r\n");
  const type = { "content-type": `multipart/form-data; boundary=${boundary}` };
  const path = "/api/saved_objects/_import?overwrite=true";
  const answer = (await ask(client, "POST", path, form, { headers: { ...headers, ...type }, asked })) as {
    readonly success?: boolean;
    readonly errors?: readonly object[];
  };
  if (answer.success === true) return;
  const reasons = JSON.stringify(answer.errors ?? answer).slice(0, 500);
  throw new IndexerError("INDEXER_SETUP", `Dashboards: ${subject} were not taken: ${reasons}`);
}

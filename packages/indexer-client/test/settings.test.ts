import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConnection, readCredentials } from "../src/settings.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "threatlockdown-settings-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, text: string, mode = 0o600): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

describe("user and password", () => {
  it("come from a file of two lines, whatever the environment says", async () => {
    const path = await file("both", "password=a=b\nusername=writer\n");
    expect(await readCredentials(path, { INDEXER_USERNAME: "another" })).toEqual({
      username: "writer",
      password: "a=b",
    });
  });

  it("come from the environment, under the names asked for", async () => {
    expect(await readCredentials(undefined, { INDEXER_USERNAME: "u", INDEXER_PASSWORD: "p" })).toEqual({
      username: "u",
      password: "p",
    });
    const variables = { username: "A", password: "B" };
    expect(await readCredentials(undefined, { A: "u", B: "p" }, variables)).toEqual({ username: "u", password: "p" });
    expect(await readCredentials(undefined, {})).toBeUndefined();
  });

  it("come from the credentials of systemd, each before the environment", async () => {
    await file("indexer-username", "writer\n");
    await file("indexer-password", "s3cret=\n", 0o400);
    const environment = { CREDENTIALS_DIRECTORY: folder, INDEXER_USERNAME: "u", INDEXER_PASSWORD: "p" };
    expect(await readCredentials(undefined, environment)).toEqual({ username: "writer", password: "s3cret=" });
    await rm(join(folder, "indexer-username"));
    expect(await readCredentials(undefined, environment)).toEqual({ username: "u", password: "s3cret=" });
    const another = { username: "ADMIN_USERNAME", password: "ADMIN_PASSWORD" };
    expect(await readCredentials(undefined, { CREDENTIALS_DIRECTORY: folder }, another)).toBeUndefined();
    await expect(readCredentials(undefined, { CREDENTIALS_DIRECTORY: folder })).rejects.toThrow("INDEXER_USERNAME");
  });

  it("are refused half, readable for others, or missing, without being shown", async () => {
    const refused = async (path: string | undefined, environment: Record<string, string> = {}) => {
      const error = await readCredentials(path, environment).catch((error: unknown) => error);
      expect(error).toMatchObject({ code: "INDEXER_SETTINGS" });
      expect((error as Error).message).not.toContain("s3cret");
      return (error as Error).message;
    };
    expect(await refused(undefined, { INDEXER_PASSWORD: "s3cret" })).toMatch(/^INDEXER_USERNAME is not set/);
    expect(await refused(await file("half", "password=s3cret"))).toMatch(/needs two lines/);
    expect(await refused(await file("open", "username=u\npassword=s3cret", 0o644))).toMatch(/mode 0644/);
    expect(await refused(join(folder, "none"))).toMatch(/ENOENT/);
  });
});

describe("the files of a connection", () => {
  it("are read, and one that cannot be is named", async () => {
    const pem = "-----BEGIN CERTIFICATE-----\n";
    const ca = await file("ca.pem", pem);
    const settings = { hosts: ["https://indexer:9200"], certificateAuthorities: [ca] };
    expect(await readConnection(settings)).toEqual({ nodes: settings.hosts, ca: [pem] });
    const missing = { ...settings, certificate: join(folder, "none.pem") };
    await expect(readConnection(missing)).rejects.toThrow(/none\.pem of <certificate> cannot be read \(ENOENT\)/);
    const none = { ...settings, certificateAuthorities: [await file("hosts", "127.0.0.1 localhost")] };
    await expect(readConnection(none)).rejects.toThrow(/hosts of <ca> holds no certificate/);
  });
});

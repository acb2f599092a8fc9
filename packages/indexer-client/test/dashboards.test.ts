import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { connect } from "../src/connection.ts";
import { checkDashboards, setupDashboards } from "../src/dashboards.ts";
import { dashboardId, type SavedObject, savedObjects, savedObjectsFile, versionOf } from "../src/saved-objects.ts";
import { indexPattern } from "../src/template.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** What Dashboards answers about saved objects, below a path of its own. */
async function dashboards({ refuses = false } = {}) {
  const stored = new Map<string, SavedObject>();
  const imports: { readonly type: string; readonly xsrf: unknown; readonly tenant: unknown }[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const { url = "", headers, method } = request;
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (method === "POST" && url === "/base/api/saved_objects/_import?overwrite=true") {
      const type = headers["content-type"] ?? "";
      imports.push({ type, xsrf: headers["osd-xsrf"], tenant: headers.securitytenant });
      const form = await new Response(text, { headers: { "content-type": type } }).formData();
      const lines = (await (form.get("file") as File).text()).trimEnd().split("\n");
      if (refuses) return answer(200, { success: false, errors: [{ id: "x", error: { type: "unsupported_type" } }] });
      for (const line of lines) {
        const one = JSON.parse(line) as SavedObject;
        stored.set(`${one.type}/${one.id}`, one);
      }
      return answer(200, { success: true, successCount: lines.length });
    }
    const found = stored.get(url.replace("/base/api/saved_objects/", ""));
    if (found === undefined) return answer(404, { statusCode: 404, error: "Not Found", message: "Saved object" });
    return answer(200, found);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(
    () => server.close(),
    () => server.closeAllConnections(),
  );
  const client = await connect({ nodes: [`http://127.0.0.1:${(server.address() as AddressInfo).port}/base`] });
  return { client, stored, imports };
}

const changed = (stored: Map<string, SavedObject>, description: string): void => {
  const key = `dashboard/${dashboardId}`;
  const one = stored.get(key) as SavedObject;
  stored.set(key, { ...one, attributes: { ...one.attributes, description } });
};

describe("the saved objects of Dashboards", () => {
  it("are installed where there are none, for all users, and found the next time", async () => {
    const { client, stored, imports } = await dashboards();
    expect((await checkDashboards(client)).outcome).toBe("missing");
    expect((await setupDashboards(client)).outcome).toBe("installed");
    expect([...stored.values()]).toEqual(savedObjects());
    expect((await setupDashboards(client)).outcome).toBe("current");
    expect(imports).toMatchObject([{ xsrf: "true", tenant: "global" }]);
  });

  it("are upgraded where they are older, and left alone where they are newer or somebody else's", async () => {
    const { client, stored, imports } = await dashboards();
    await setupDashboards(client);
    const { attributes } = stored.get(`dashboard/${dashboardId}`) as SavedObject;
    const description = attributes.description as string;
    changed(stored, description.replace(/version \d+/, "version 0"));
    expect((await checkDashboards(client)).outcome).toBe("older");
    expect((await setupDashboards(client)).outcome).toBe("upgraded");
    changed(stored, description.replace(/version \d+/, "version 99"));
    expect((await setupDashboards(client)).outcome).toBe("left-alone");
    changed(stored, "mine");
    expect((await setupDashboards(client)).outcome).toBe("left-alone");
    expect(imports).toHaveLength(2);
  });

  it("that are not taken are a failure with Dashboards' reason", async () => {
    const { client } = await dashboards({ refuses: true });
    await expect(setupDashboards(client)).rejects.toMatchObject({
      code: "INDEXER_SETUP",
      message: expect.stringContaining("unsupported_type"),
    });
  });

  it("refer to nothing but each other, under ids of their own, each before what refers to it", () => {
    const known = new Set<string>();
    for (const { type, id, references } of savedObjects()) {
      for (const reference of references) expect(known).toContain(`${reference.type}/${reference.id}`);
      expect(id).toMatch(/^threatlockdown-security-lake/);
      expect(known).not.toContain(`${type}/${id}`);
      known.add(`${type}/${id}`);
    }
    const [pattern] = savedObjects();
    expect(pattern).toMatchObject({ attributes: { title: indexPattern, timeFieldName: "timestamp" } });
    expect(savedObjectsFile().trimEnd().split("\n")).toHaveLength(known.size);
  });

  it("have a dashboard whose panels lie beside each other and not on one another", () => {
    const { attributes, references } = savedObjects().at(-1) as SavedObject;
    expect(versionOf(attributes.description as string)).toBeGreaterThan(0);
    const panels = JSON.parse(attributes.panelsJSON as string) as {
      readonly panelRefName: string;
      readonly gridData: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    }[];
    expect(panels.map(({ panelRefName }) => panelRefName)).toEqual(references.map(({ name }) => name));
    const taken = new Set<string>();
    for (const { gridData } of panels) {
      expect(gridData.x + gridData.w).toBeLessThanOrEqual(48);
      for (let x = gridData.x; x < gridData.x + gridData.w; x++) {
        for (let y = gridData.y; y < gridData.y + gridData.h; y++) {
          expect(taken).not.toContain(`${x},${y}`);
          taken.add(`${x},${y}`);
        }
      }
    }
  });
});

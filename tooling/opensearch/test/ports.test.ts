import { expect, it } from "vitest";
import { freePorts } from "../src/ports.ts";

it("gives ports that differ and that no outgoing connection can take", async () => {
  const ports = await freePorts(20);
  expect(new Set(ports).size).toBe(20);
  for (const port of ports) expect(port).toBeLessThan(32_768);
});

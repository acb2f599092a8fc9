import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { createLab } from "@threatlockdown/tooling-lab";

let firstAt = NaN;
const seen = [];
await using lab = await createLab({
  aws: {
    onRequest: ({ operation, at, duration, status }) => {
      seen.push([operation, at.getTime() - duration - t0, status]);
      if (operation === "ReceiveMessage" && Number.isNaN(firstAt)) firstAt = at.getTime() - duration;
    },
  },
});
let t0 = 0;
const main = process.argv[2];
const rounds = Number(process.argv[3] ?? 10);
const first = [],
  bare = [];
for (let i = 0; i < rounds; i++) {
  const s = performance.now();
  await promisify(execFile)(process.execPath, ["-e", "0"]);
  bare.push(performance.now() - s);
  firstAt = NaN;
  t0 = Date.now();
  seen.length = 0;
  const child = spawn(
    process.execPath,
    [
      "--max-semi-space-size=4",
      main,
      "once",
      "--config",
      `${lab.folder}/ossec.conf`,
      "--quiet",
      "--output",
      `file:${lab.folder}/out`,
    ],
    {
      env: {
        PATH: process.env.PATH,
        HOME: "/nonexistent",
        ...lab.environment,
        ...(process.env.CC && { NODE_COMPILE_CACHE: process.env.CC }),
      },
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  await new Promise((r) => child.on("close", r));
  first.push(firstAt - t0);
}
console.log(
  "first",
  first
    .sort((a, b) => a - b)
    .map((x) => x.toFixed(0))
    .join(" "),
);
console.log(
  "bare ",
  bare
    .sort((a, b) => a - b)
    .map((x) => x.toFixed(0))
    .join(" "),
);
console.log(seen.map((s) => s.join(":")).join(" "));

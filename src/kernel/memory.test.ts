// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";

const MODULE = new URL("./memory.ts", import.meta.url).href;

/** In a process of its own: this one's memory is the test runner's. */
const CODE = `
import { readFileSync } from "node:fs";
import { releaseNodeFile } from ${JSON.stringify(MODULE)};
const kibibytes = () => Number(/^RssFile:\\s+(\\d+)/m.exec(readFileSync("/proc/self/status", "latin1"))[1]);
const before = kibibytes();
releaseNodeFile();
const after = kibibytes();
const still = [1, 2, 3].map((n) => n * 2).join() + new Intl.DateTimeFormat("en", { timeZone: "UTC" }).format(0) + structuredClone(new Map([[1, /x/u]])).size;
console.log(JSON.stringify({ before, after, still }));
`;

test("releaseNodeFile() gives back much of what Node's start has touched of its own file, and all of it still works", () => {
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", CODE], { encoding: "utf8" });
  const { before, after, still } = JSON.parse(output) as { before: number; after: number; still: string };
  assert.equal(still, "2,4,61/1/19701");
  assert.ok(after < before * 0.75, `${before} KiB became ${after} KiB`);
});

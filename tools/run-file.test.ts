// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import type { FileRun } from "./run-file.ts";
import { add, summaryLine } from "./tally.ts";

/** Runs `source` as a test file. In a process of its own: node:test does not run files from within a test. */
function run(source: string, options: { testName?: string; timeoutMs?: number } = {}): FileRun {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-run-file-"));
  try {
    const file = join(folder, "a.test.mjs");
    writeFileSync(file, source);
    const script = join(folder, "run.mjs");
    writeFileSync(
      script,
      `import { runFile } from ${JSON.stringify(join(import.meta.dirname, "run-file.ts"))};
      console.log(JSON.stringify(await runFile(${JSON.stringify(file)}, ${JSON.stringify({ testName: null, timeoutMs: 60_000, ...options })})));`,
    );
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    return JSON.parse(execFileSync(process.execPath, [script], { env, encoding: "utf8" }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const HEAD = 'import test, { suite, before } from "node:test"; import assert from "node:assert";\n';

test("runFile() counts tests, not what holds them", () => {
  const { tally, report } =
    run(`${HEAD}suite("S", () => { test("a", () => {}); test("b", () => assert.equal(1, 2)); test("c", (t) => t.skip("needs root")); });
    test("parent", async (t) => { await t.test("child 1", () => {}); await t.test("child 2", () => {}); });`);
  assert.deepEqual(tally, { passed: 3, failed: 1, skipped: [{ name: "S > c", reason: "needs root" }] });
  assert.match(report, /✖ b/);
  assert.doesNotMatch(report, /duration_ms/);
});

test("runFile() counts a failed hook, and what it kept from running", () => {
  const { tally } = run(`${HEAD}suite("S", () => { before(() => { throw new Error("no"); }); test("a", () => {}); });`);
  assert.deepEqual(tally, { passed: 0, failed: 2, skipped: [] });
});

test("runFile() fails a file that crashes, does not parse, or does not end", () => {
  assert.equal(run(`${HEAD}test("a", () => {}); process.exit(3);`).tally.failed, 1);
  assert.equal(run("const = ;").tally.failed, 1);
  assert.equal(run(`${HEAD}test("a", () => { for (;;); });`, { timeoutMs: 1000 }).tally.failed, 1);
});

test("runFile() takes a part of a test's name literally", () => {
  const source = `${HEAD}test("parse() reads a.b", () => {}); test("parse reads axb", () => assert.fail());`;
  assert.deepEqual(run(source, { testName: "PARSE() reads a.b" }).tally, { passed: 1, failed: 0, skipped: [] });
  assert.deepEqual(run(source, { testName: "nowhere" }).tally, { passed: 0, failed: 0, skipped: [] });
});

test("summaryLine() names skipped tests only when there are any", () => {
  const one = { passed: 1, failed: 0, skipped: [] };
  assert.equal(summaryLine(one), "1 passed, 0 failed");
  assert.equal(
    summaryLine(add(one, { passed: 2, failed: 1, skipped: [{ name: "a", reason: "needs root" }] })),
    "3 passed, 1 failed, 1 skipped",
  );
});

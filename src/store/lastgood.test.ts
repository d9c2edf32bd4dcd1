// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Random } from "../../test/random.ts";
import type { Revision, RuleId } from "../contract/ids.ts";
import { parseLastGood, printLastGood, readLastGood, writeLastGood } from "./lastgood.ts";
import type { LastGood } from "./store.ts";

const NOW = Date.UTC(2026, 4, 3, 2, 1, 0, 7);

const GOOD: LastGood = {
  revision: 12 as Revision,
  lastRuleId: 40,
  rules: [
    { id: 7 as RuleId, group: null, text: "allow /usr/bin/curl -> any tcp/443", enabled: true, createdMs: NOW, ends: { kind: "ever" } },
    {
      id: 8 as RuleId,
      group: null,
      text: 'deny "/a b" -> any note "# end 0"',
      enabled: false,
      createdMs: NOW,
      ends: { kind: "at", atMs: NOW },
    },
    { id: 9 as RuleId, group: null, text: "ask any -> any", enabled: true, createdMs: NOW, ends: { kind: "boot", boot: "b-1" } },
    { id: 30 as RuleId, group: "w\nork", text: "allow any -> any", enabled: false, createdMs: NOW, ends: { kind: "quit", program: "x" } },
  ],
  settings: new Map<string, string | number | boolean>([
    ["mode", "ask"],
    ["limit", 3],
    ["quiet", true],
  ]),
  disabledGroups: ["home"],
};

function pathFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-last-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "rules.last");
}

function read(path: string): LastGood {
  const found = readLastGood(path);
  if (found?.ok !== true) assert.fail(found?.message ?? "there is no file");
  assert.equal(found.timeMs, NOW);
  return found.lastGood;
}

test("readLastGood() reads what writeLastGood() wrote, which only its owner may read", (t) => {
  const path = pathFor(t);
  assert.equal(readLastGood(path), null);
  assert.equal(writeLastGood(path, GOOD, NOW), null);
  assert.deepEqual(read(path), GOOD);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const next = { ...GOOD, revision: 13 as Revision, rules: [] };
  assert.equal(writeLastGood(path, next, NOW), null);
  assert.deepEqual(read(path), next);
  assert.deepEqual(readdirSync(join(path, "..")), ["rules.last"]);
});

test("printLastGood() prints what was printed before as if for the first time, wherever rules come in, go and change", () => {
  const [first] = GOOD.rules;
  assert.ok(first);
  const random = new Random(3);
  let rules = Array.from({ length: 300 }, (_, i) => ({ ...first, id: (i * 3 + 1) as RuleId }));
  for (let i = 0; i < 200; i++) {
    const at = random.below(rules.length);
    const rule = { ...first, id: rules[at]?.id ?? first.id, text: `deny any -> any tcp/${i}` };
    if (random.oneIn(3)) rules = rules.toSpliced(at, 1);
    else if (random.oneIn(2)) rules = rules.with(at, rule);
    else rules = [...rules, { ...rule, id: (2000 + i) as RuleId }];
    const lastGood = { ...GOOD, rules };
    assert.equal(printLastGood(lastGood, NOW), printLastGood(structuredClone(lastGood), NOW));
  }
});

test("writeLastGood() writes more pieces than one system call takes", (t) => {
  const path = pathFor(t);
  const [first] = GOOD.rules;
  assert.ok(first);
  const good = { ...GOOD, rules: Array.from({ length: 2500 }, (_, i) => ({ ...first, id: (i * 64 + 1) as RuleId })) };
  assert.equal(writeLastGood(path, good, NOW), null);
  assert.deepEqual(read(path), good);
});

test("writeLastGood() shows rules as lines of the rule language, revision and time for a person", (t) => {
  const path = pathFor(t);
  writeLastGood(path, GOOD, NOW);
  const lines = readFileSync(path, "utf8").split("\n");
  assert.deepEqual(
    lines.filter((line) => line !== "" && !line.startsWith("#")),
    GOOD.rules.map((rule) => rule.text),
  );
  assert.match(lines[1] ?? "", /"revision":12,"time":"2026-05-03T02:01:00\.007Z"/);
});

test("readLastGood() reads the whole old text whatever an interrupted write left beside it", (t) => {
  const path = pathFor(t);
  writeLastGood(path, GOOD, NOW);
  writeFileSync(`${path}.new`, printLastGood({ ...GOOD, revision: 13 as Revision }, NOW).slice(0, 100));
  assert.deepEqual(read(path), GOOD);
  const next = { ...GOOD, revision: 14 as Revision };
  assert.equal(writeLastGood(path, next, NOW), null);
  assert.deepEqual(read(path), next);
});

test("parseLastGood() refuses every text that is not whole", () => {
  const text = printLastGood(GOOD, NOW);
  assert.equal(parseLastGood(text).ok, true);
  for (let length = 0; length < text.length; length += 1) {
    const parsed = parseLastGood(text.slice(0, length));
    assert.ok(!parsed.ok, `the first ${length} characters were taken for the whole`);
    assert.match(parsed.message, /^Cannot read line \d+ of rules\.last: expected /);
  }
  assert.equal(parseLastGood(`${text}allow any -> any\n`).ok, false);
  assert.equal(parseLastGood("\0".repeat(4096)).ok, false);
  assert.equal(parseLastGood(text.replace('"lastRuleId":40', '"lastRuleId":"40"')).ok, false);
  assert.equal(parseLastGood(text.replace('"kind":"boot"', '"kind":"never"')).ok, false);
});

test("printLastGood() refuses a rule that is not one line of text", () => {
  for (const text of ["allow any -> any\ndeny any -> any", "allow /\udcff -> any"]) {
    const rules = GOOD.rules.slice(0, 1).map((rule) => ({ ...rule, text }));
    assert.throws(() => printLastGood({ ...GOOD, rules }, NOW), RangeError);
  }
});

test("writeLastGood() says what prevented it, and the old text stays", (t) => {
  const path = pathFor(t);
  writeLastGood(path, GOOD, NOW);
  mkdirSync(`${path}.new`);
  const problem = writeLastGood(path, { ...GOOD, rules: [] }, NOW);
  assert.equal(problem?.code, "unusable");
  assert.match(problem?.message ?? "", /^Cannot use ".*rules\.last": /);
  assert.deepEqual(read(path), GOOD);
});

test("writeLastGood() leaves one whole text when its process is killed again and again", (t) => {
  const path = pathFor(t);
  writeLastGood(path, GOOD, NOW);
  const script = `
    const { writeLastGood } = await import(${JSON.stringify(new URL("./lastgood.ts", import.meta.url).href)});
    const rules = Array.from({ length: 2000 }, (_, i) => ({ id: i + 1, group: null, text: "allow any -> any", enabled: true, createdMs: 1, ends: { kind: "ever" } }));
    setTimeout(() => process.kill(process.pid, "SIGKILL"), Number(process.argv[1]));
    const { Worker } = await import("node:worker_threads");
    new Worker("setTimeout(() => process.kill(process.pid, 'SIGKILL'), " + process.argv[1] + ")", { eval: true });
    for (let revision = 13; ; revision += 1) writeLastGood(${JSON.stringify(path)}, { revision, lastRuleId: 2000, rules, settings: new Map(), disabledGroups: [] }, ${NOW});`;
  for (const wait of [5, 12, 19]) {
    const child = spawnSync(process.execPath, ["--input-type=module", "-e", script, `${wait}`], { timeout: 60_000 });
    assert.equal(child.signal, "SIGKILL", child.stderr.toString());
    const found = read(path);
    assert.equal(found.rules.length === 2000 || found.rules.length === GOOD.rules.length, true);
  }
});

// SPDX-License-Identifier: Apache-2.0
/** A book that follows edits is the book that reading everything anew would give, and compiles to tables that say the same. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { ENVIRONMENTS, generateApps, generateRules } from "../../test/generate.ts";
import { meaningOf } from "../../test/policy-meaning.ts";
import { Random } from "../../test/random.ts";
import type { App } from "../contract/app.ts";
import type { PlacedRule } from "../contract/rule.ts";
import { randomNameKey } from "../lists/hash.ts";
import { compile, Workspace } from "../rules/compile.ts";
import { printRule } from "../rules/print.ts";
import { openMemoryStore } from "../store/sqlite/open.ts";
import type { RuleChange, Store } from "../store/store.ts";
import { Rulebook } from "./rulebook.ts";

const NOW = Date.UTC(2026, 0, 1);
const SETTINGS = { mode: "ask", whenAway: "deny", whenUnknown: "deny" } as const;
const SEEDS = process.env.HOLDFAST_LONG === "1" ? 200 : 12;
const EDITS = 60;

function bookOf(store: Store, factory: readonly PlacedRule[]): Rulebook {
  const book = new Rulebook({
    store: () => store,
    rulesDir: "/nowhere",
    stateDir: "/nowhere",
    factory: () => factory.map(({ rule }) => rule),
  });
  book.rebuild(NOW);
  return book;
}

function randomChange(random: Random, book: Rulebook, texts: readonly string[]): RuleChange {
  const rule = { text: random.pick(texts), enabled: !random.oneIn(5), ends: { kind: "ever" } } as const;
  const { id = 0, group = null } = book.book.ordered.length === 0 ? {} : random.pick(book.book.ordered);
  if (id === 0 || random.oneIn(2)) return { kind: "add", rule };
  if (random.oneIn(2)) return { kind: random.oneIn(2) ? "enable" : "disable", id };
  if (group !== null) return { kind: "add", rule };
  return random.oneIn(2) ? { kind: "remove", id } : { kind: "replace", id, rule };
}

function tablesOf({ book }: Rulebook, apps: ReadonlyMap<number, App>, workspace: Workspace) {
  const [environment] = ENVIRONMENTS;
  assert.ok(environment);
  const compiled = compile(book.ordered, apps, environment, SETTINGS, workspace);
  assert.ok(compiled.ok);
  return meaningOf(compiled.policy);
}

test(`follow() gives the book and the tables that rebuild() gives, after each of ${EDITS} random edits`, () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const random = new Random(seed);
    const store = openMemoryStore();
    const [factory, rules] = [generateRules(random, 5), generateRules(random, 100)];
    const followed = bookOf(store, factory);
    const apps = new Map(generateApps(random, 20).map((app, i) => [i + 2, app]));
    const key = randomNameKey();
    const workspace = new Workspace(key);
    const texts = rules.map(({ rule }) => printRule(rule));
    for (let i = 0; i < EDITS; i++) {
      const many = Array.from({ length: random.oneIn(4) ? 5 : 1 }, () => randomChange(random, followed, texts));
      const done = random.oneIn(8) ? store.undo(NOW, () => false) : store.edit(many, NOW);
      if (!done.ok) continue;
      followed.follow(done.steps, NOW);
      const anew = bookOf(store, factory);
      assert.deepEqual(followed.book, anew.book);
      assert.deepEqual(tablesOf(followed, apps, workspace), tablesOf(anew, apps, new Workspace(key)));
    }
  }
});

test("follow() takes over groups that a restored configuration disabled", () => {
  const store = openMemoryStore();
  const book = bookOf(store, generateRules(new Random(1), 3));
  const done = store.restore({ rules: [], settings: new Map(), disabledGroups: ["factory"] }, NOW);
  assert.ok(done.ok);
  book.follow(done.steps, NOW);
  assert.deepEqual(
    book.book.ordered.map(({ enabled }) => enabled),
    [false, false, false],
  );
});

test("readFiles() looks again after the store could not take what it found", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-rulebook-"));
  try {
    const store = openMemoryStore();
    let failing = false;
    const placeGroup: Store["placeGroup"] = (...args) => {
      if (failing) throw new Error("no space is left");
      return store.placeGroup(...args);
    };
    const book = new Rulebook({ store: () => ({ ...store, placeGroup }), rulesDir: folder, stateDir: folder, factory: () => [] });
    const file = join(folder, "work.rules");
    writeFileSync(file, "deny any -> 192.0.2.1\n");
    assert.deepEqual([book.readFiles(), book.readFiles()], [true, false]);
    rmSync(file);
    failing = true;
    assert.throws(() => book.readFiles(), /no space/);
    failing = false;
    assert.deepEqual([book.readFiles(), book.readFiles()], [true, false]);
    book.rebuild(NOW);
    assert.deepEqual(book.book.ordered, []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

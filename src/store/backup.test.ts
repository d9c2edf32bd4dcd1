// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationOf, parseBackup } from "./backup.ts";

const NOW = Date.UTC(2026, 4, 3);

const backup = (more: object): string =>
  JSON.stringify({
    schema: 1,
    kind: "holdfast-backup",
    created: "2026-01-01T00:00:00.000Z",
    rules: [],
    settings: {},
    groups: [],
    lists: [],
    ...more,
  });

test("parseBackup() says in a sentence what is wrong", () => {
  const cases: readonly (readonly [text: string, expected: RegExp])[] = [
    ["{", /^Cannot read the backup: it is not JSON/],
    ["[]", /its outermost object/],
    [backup({ schema: 2 }), /"schema"/],
    [backup({ rules: [{ text: "a", enabled: true, until: "soon", created: null }] }), /"rules\.0\.until"/],
    [backup({ settings: { mode: null } }), /"settings\.mode"/],
  ];
  for (const [text, expected] of cases) {
    const parsed = parseBackup(text);
    assert.ok(!parsed.ok, text);
    assert.match(parsed.message, expected);
  }
});

test("configurationOf() leaves out rules whose time is over, and enabled groups", () => {
  const rule = (text: string, until: string | null) => ({ text, enabled: true, until, created: null });
  const rules = [rule("a", null), rule("b", "2026-05-02T00:00:00.000Z"), rule("c", "2026-05-04T00:00:00.000Z")];
  const groups = [
    { name: "work", enabled: false },
    { name: "home", enabled: true },
  ];
  const parsed = parseBackup(backup({ rules, groups, settings: { mode: "ask" } }));
  assert.ok(parsed.ok);
  assert.deepEqual(configurationOf(parsed.backup, NOW), {
    rules: [
      { text: "a", enabled: true, ends: { kind: "ever" }, createdMs: NOW },
      { text: "c", enabled: true, ends: { kind: "at", atMs: Date.UTC(2026, 4, 4) }, createdMs: NOW },
    ],
    settings: new Map([["mode", "ask"]]),
    disabledGroups: ["work"],
  });
});

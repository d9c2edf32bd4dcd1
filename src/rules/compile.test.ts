// SPDX-License-Identifier: Apache-2.0
/** Sizes and limits. That the tables mean the right thing is test/verdicts.test.ts. */
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import { ENVIRONMENTS, generateApps, generateRules, NO_NAMES, NOBODY } from "../../test/generate.ts";
import { Random } from "../../test/random.ts";
import { decode } from "../contract/codec.ts";
import type { Environment } from "../contract/environment.ts";
import { ClassRow, Row, RuleEntry, Span4 } from "../contract/layout.gen.ts";
import type { PlacedRule } from "../contract/rule.ts";
import { compile } from "./compile.ts";
import { orderRules } from "./order.ts";
import { parseRule } from "./parse.ts";

const SETTINGS = { mode: "ask", whenAway: "deny", whenUnknown: "deny" } as const;
const EMPTY: Environment = { attached: [], broadcasts: [], dnsServers: [], users: new Map(), realPaths: new Map(), ...NO_NAMES };

function placed(text: string, id: number): PlacedRule {
  const parsed = parseRule(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.problems[0]?.message}`);
  const { rule } = parsed;
  return { id, rule, author: "own", group: null, line: 0, created: id, mandatory: false, enabled: true, protected: false };
}

const many = (count: number, text: (i: number) => string): PlacedRule[] =>
  orderRules(Array.from({ length: count }, (_, i) => placed(text(i), i + 1)));
const address = (i: number): string => `10.${i >> 8}.${i & 255}.1`;

function compiled(rules: readonly PlacedRule[], apps = new Map<number, typeof APP>()) {
  const result = compile(rules, apps, EMPTY, SETTINGS);
  if (!result.ok) throw new Error(result.problem);
  return result;
}

const APP = { ...NOBODY, path: "/usr/bin/curl", via: null };

suite("compile()", () => {
  test("compile() makes a whole policy of no rules", () => {
    const { half, tables } = compiled([]).policy;
    assert.deepEqual([half.rules, half.spans4, half.spans6, half.portSpans, half.users, half.rowAnyApp], [0, 1, 1, 1, 0, 0]);
    assert.equal(tables.rows.length, Row.size);
  });

  test("compile() takes 4,096 rules with an address each, and refuses the next with a way out", () => {
    const { half } = compiled([placed("deny any <-> loopback", 9000), ...many(4094, (i) => `deny any -> ${address(i)}`)]).policy;
    assert.deepEqual([half.rules, half.words], [4096, 64]);
    const result = compile(
      many(4097, (i) => `deny any -> ${address(i)}`),
      new Map(),
      EMPTY,
      SETTINGS,
    );
    assert.match(
      result.ok ? "" : result.problem,
      /^Cannot use 4,097 rules: the limit is 4,096; .* with a list, like deny any -> list:NAME$/,
    );
  });

  test("compile() counts a rule that takes two places as two, and says so", () => {
    const result = compile(
      many(2100, (i) => `deny any <-> loopback,${address(i)}`),
      new Map(),
      EMPTY,
      SETTINGS,
    );
    assert.match(result.ok ? "" : result.problem, /^Cannot use 2,100 rules, of which 2,100 count twice/);
  });

  test("compile() refuses ports that do not fit their table, with a sentence", () => {
    const result = compile(
      many(4000, (i) => `deny any -> any ${i * 2}`),
      new Map(),
      EMPTY,
      SETTINGS,
    );
    assert.match(result.ok ? "" : result.problem, /name too many ports/);
  });

  test("compile() refuses more ways to overlap than there are rows, with a sentence", () => {
    const result = compile(
      many(4000, (i) => `deny any -> 12.0.${i >> 8}.${i & 255}-13.0.${i >> 8}.${i & 255}`).concat(
        many(60, (i) => `deny any -> internet tcp/${i}`),
      ),
      new Map(),
      EMPTY,
      SETTINGS,
    );
    assert.match(result.ok ? "" : result.problem, /overlap in more than 12288 ways/);
  });

  test("compile() keeps each distinct bitmap once", () => {
    const { tables, half } = compiled(many(1000, (i) => `deny any -> ${address(i)}`)).policy;
    assert.equal(half.spans4, 2001);
    /* Empty, one for each address, and those of any app, any user, deny, all of which are the same. */
    assert.equal(tables.rows.length / Row.size, 1002);
    assert.equal(decode(Span4, tables.spans4, Span4.size).start, 0x0a000001);
  });

  test("compile() gives classes it does not know the rules for any app", () => {
    const rules = orderRules([placed("allow /usr/bin/curl -> any", 1), placed("deny any -> any", 2)]);
    const { half, tables } = compiled(rules, new Map([[3, APP]])).policy;
    const rows = [0, 1, 2, 3].map((id) => decode(ClassRow, tables.classRows, id * ClassRow.size).row);
    assert.deepEqual(rows.slice(0, 3), [half.rowAnyApp, half.rowAnyApp, half.rowAnyApp]);
    assert.deepEqual(decode(Row, tables.rows, (rows[3] ?? 0) * Row.size).words[0], 0b11n);
    assert.deepEqual(decode(Row, tables.rows, half.rowAnyApp * Row.size).words[0], 0b10n);
  });

  test("classRow() gives the row that compiling with the class would have given", () => {
    const random = new Random(5);
    const rules = generateRules(random, 500);
    const apps = generateApps(random, 200);
    const environment = ENVIRONMENTS[0] ?? EMPTY;
    const before = compile(rules, new Map(), environment, SETTINGS);
    const whole = compile(rules, new Map(apps.map((app, i) => [i + 2, app])), environment, SETTINGS);
    assert.ok(before.ok && whole.ok);
    for (const [i, app] of apps.entries()) {
      const { row }: { readonly row: number } = decode(ClassRow, whole.policy.tables.classRows, (i + 2) * ClassRow.size);
      assert.deepEqual(decode(Row, before.classRow(app)), decode(Row, whole.policy.tables.rows, row * Row.size));
    }
  });

  test("compile() writes each rule's id, action and marks by its place", () => {
    const rules = orderRules([placed("allow any -> any quiet", 70), placed("ask any -> 192.0.2.1 notify", 80)]);
    const { tables } = compiled(rules).policy;
    assert.deepEqual(decode(RuleEntry, tables.rules), { id: 80, action: 3, quiet: 0, notify: 1, factory: 0 });
    assert.deepEqual(decode(RuleEntry, tables.rules, RuleEntry.size), { id: 70, action: 1, quiet: 1, notify: 0, factory: 0 });
  });
});

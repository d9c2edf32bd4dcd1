// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import { generateRules } from "../../test/generate.ts";
import { Random } from "../../test/random.ts";
import type { PlacedRule } from "../contract/rule.ts";
import { compareRules, orderRules, STEP_NAMES } from "./order.ts";
import { parseRule } from "./parse.ts";

function placed(text: string, id: number, more: Partial<PlacedRule> = {}): PlacedRule {
  const parsed = parseRule(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.problems[0]?.message}`);
  const { rule } = parsed;
  return { id, rule, author: "own", group: null, line: 0, created: id, mandatory: false, enabled: true, protected: false, ...more };
}

suite("compareRules()", () => {
  test("compareRules() is a strict total order", () => {
    for (let seed = 0; seed < 40; seed++) {
      const rules = generateRules(new Random(seed), 40);
      const sign = (a: PlacedRule, b: PlacedRule): number => Math.sign(compareRules(a, b).order);
      for (const a of rules) {
        assert.equal(sign(a, a), 0);
        for (const b of rules) {
          if (a === b) continue;
          assert.notEqual(sign(a, b), 0);
          assert.equal(sign(a, b), -sign(b, a));
          assert.equal(compareRules(a, b).step, compareRules(b, a).step);
          for (const c of rules) if (sign(a, b) < 0 && sign(b, c) < 0) assert.equal(sign(a, c), -1);
        }
      }
    }
  });

  test("orderRules() gives the same order whatever order the rules come in", () => {
    const rules = generateRules(new Random(7), 300);
    assert.deepEqual(orderRules(rules.toReversed()), rules);
  });

  test("STEP_NAMES has a name for each of the ten steps", () => assert.equal(new Set(STEP_NAMES).size, 10));

  /** First before second, and the step that says so. What names stand for is not needed for this. */
  const pairs: [string, string, number][] = [
    ["deny any -> 10.0.0.0/8", "deny any -> example.org", 2],
    ["deny any -> a.example.org", "deny any -> .example.org", 2],
    ["deny any -> .example.org", "deny any -> list:ads", 2],
    ["deny any -> list:ads", "deny any -> dns-servers", 2],
    ["deny any -> local-net", "deny any -> asn:1", 2],
    ["deny any -> asn:1", "deny any -> country:DE", 2],
    ["deny any -> country:DE", "deny any -> internet", 2],
    ["deny any -> internet", "deny any -> ::/0", 2],
    ["deny any -> .a.example.org", "deny any -> .example.org", 3],
    ["deny any -> *.example.org", "deny any -> .example.org", 3],
    ["deny any -> .a.example.org", "deny any -> *.example.org", 3],
    ["deny any -> 2001:db8::/32", "deny any -> 10.0.0.0/31", 3],
    ["deny any -> 10.0.0.0/24,10.1.0.0/24", "deny any -> 10.0.0.1,10.2.0.0/16", 3],
    ["deny any -> list:a", "deny any -> list:a,list:b", 3],
    ["deny any -> any tcp/443", "deny any -> any tcp/80,443", 6],
    ["deny any -> any icmp", "deny any -> any tcp", 6],
    ["deny any -> any tcp", "deny any -> any", 6],
  ];
  for (const [first, second, step] of pairs) {
    test(`compareRules() puts ${first} before ${second}`, () => {
      assert.deepEqual(compareRules(placed(first, 1), placed(second, 2)), { order: -1, step });
    });
  }

  /** Domains and lists that match one connection: a blocklist beats "any", a narrower allow beats the blocklist (rules.md). */
  test("orderRules() puts a narrower allow before a blocklist, and that before any", () => {
    const texts = ["allow /f -> any", "deny any -> list:ads", "allow /f -> .ads.example"];
    const ids = orderRules(texts.map((text, i) => placed(text, i + 1))).map(({ id }) => id);
    assert.deepEqual(ids, [3, 2, 1]);
  });
});

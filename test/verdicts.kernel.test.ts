// SPDX-License-Identifier: Apache-2.0
/** The loaded program against the reference: the same generator as verdicts.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Action } from "../src/contract/layout.gen.ts";
import { generateSituation } from "./generate.ts";
import { openLoaded } from "./loaded.ts";
import { GROUPS, situationOf } from "./verdicts.cases.ts";
import { reference } from "./verdicts.ts";

const CONNECTIONS = 50;
const SITUATIONS = process.env.HOLDFAST_LONG === "1" ? 20_000 : 1000;
/** Sets of 1 to 200 rules, and now and then nearly as many as fit (a rule for both directions may count twice). */
const rulesOf = (seed: number): number => (seed % 100 === 0 ? 3600 : 1 + (seed % 200));

test("decide_once() in the loaded program decides as evaluate() does", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const loaded = openLoaded();
  t.after(() => loaded.close());
  let pairs = 0;
  let byRule = 0;
  for (let seed = 1; seed <= SITUATIONS; seed++) {
    const situation = generateSituation(seed, { rules: rulesOf(seed), connections: CONNECTIONS });
    const [expected = []] = await reference([situation]);
    const [decided = []] = await loaded.decide([situation]);
    assert.equal(decided.length, CONNECTIONS);
    for (const [i, decision] of decided.entries()) {
      pairs += 1;
      if (decision.decision.by === "rule") byRule += 1;
      assert.deepEqual(decision, expected[i], `seed ${seed}, connection ${JSON.stringify(situation.connections[i])}`);
    }
  }
  assert.equal(pairs, SITUATIONS * CONNECTIONS);
  assert.ok(byRule > pairs / 3, `only ${byRule} of ${pairs} pairs were decided by a rule: at least a third must be`);
});

test("decide_once() holds what tables of lists that are not there would decide", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const loaded = openLoaded();
  t.after(() => loaded.close());
  const listed = GROUPS.filter(({ rules }) => JSON.stringify(rules).includes("list:ads"));
  let held = 0;
  for (const group of listed) {
    const { situation } = situationOf(group);
    const there = await loaded.decisions(situation);
    const missing = await loaded.decisions(situation, false);
    for (const [i, { failed, action }] of missing.entries()) {
      assert.equal(there[i]?.failed, 0);
      if (failed !== 0) assert.equal(action, Action.IDENTIFY);
      held += failed;
      /* A decision that stands without lists is the same. */
      if (failed === 0) assert.equal(action, there[i]?.action, JSON.stringify(situation.connections[i]));
    }
  }
  assert.ok(held > 0, "no decision needed a list");
});

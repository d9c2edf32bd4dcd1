// SPDX-License-Identifier: Apache-2.0
/** evaluate.ts and bpf/decide.h over compiled tables decide alike: in readable cases, and in many random ones. */
import assert from "node:assert/strict";
import test, { after, before, suite } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { Action } from "../src/contract/layout.gen.ts";
import { evaluate, matchingRules } from "../src/rules/evaluate.ts";
import { compareRules, STEP_NAMES } from "../src/rules/order.ts";
import { generateSituation } from "./generate.ts";
import { DecideHost } from "./native/decide-host.ts";
import { GROUPS, situationOf } from "./verdicts.cases.ts";
import { type Implementation, type Outcome, reference, type Situation } from "./verdicts.ts";

const LONG = process.env.HOLDFAST_LONG === "1";
const CONNECTIONS = 40;
/** Pairs of rule set and connection. */
const PAIRS = LONG ? 1_000_000 : 50_000;
/** More rules than fit: cut to fill every place. */
const FULL = 4500;
const LARGE_SETS = LONG ? 20 : 4;
const SETS_AT_ONCE = 100;
const LEAST_PER_STEP = 500;

/** What the random situations exercised. */
class Tally {
  pairs = 0;
  byRule = 0;
  unidentified = 0;
  ambiguous = 0;
  /** Decided otherwise than by the address alone. */
  byName = 0;
  readonly steps = new Array<number>(STEP_NAMES.length).fill(0);

  count({ ordered, environment, connections }: Situation): void {
    for (const connection of connections) {
      this.pairs++;
      const [winner, second] = matchingRules(ordered, connection, environment);
      if (winner === undefined || second === undefined) continue;
      const { step } = compareRules(winner, second);
      this.steps[step] = (this.steps[step] ?? 0) + 1;
    }
  }
}

function* situations(): Generator<Situation> {
  const sets = PAIRS / CONNECTIONS;
  for (let seed = 0; seed < sets; seed++) {
    /* Up to 200 rules, more often few: among few, each step gets its turn. */
    const rules = seed < LARGE_SETS ? FULL : 1 + Math.floor(((seed * 37) % 200) ** 2 / 200);
    yield generateSituation(seed, { rules, connections: CONNECTIONS });
  }
}

async function compare(batch: readonly Situation[], implementation: Implementation, tally: Tally): Promise<void> {
  const expected = await reference(batch);
  const decided = await implementation(batch);
  for (const [i, situation] of batch.entries()) {
    tally.count(situation);
    for (const [j, connection] of situation.connections.entries()) {
      const right = expected[i]?.[j];
      assert.deepEqual(decided[i]?.[j], right, `situation with ${situation.ordered.length} rules, ${JSON.stringify(connection)}`);
      if (right?.decision.by === "rule") tally.byRule++;
      if (right?.decision.by === "unidentified") tally.unidentified++;
      if (right?.ambiguous) tally.ambiguous++;
      if (right !== undefined && connection.candidates.length > 0) {
        const { ordered, mode, environment } = situation;
        const nameless = evaluate(ordered, { ...connection, candidates: [] }, mode, environment);
        if (!isDeepStrictEqual(nameless, right.decision)) tally.byName++;
      }
    }
  }
}

suite("verdicts", () => {
  let host: DecideHost;
  before(() => {
    host = new DecideHost();
  });
  after(() => host.remove());

  for (const group of GROUPS) {
    const { situation, expected } = situationOf(group);
    const decisions = ([outcomes = []]: readonly Outcome[][]) => outcomes.map(({ decision }) => decision);
    test(`evaluate(): ${group.sentence}`, async () => assert.deepEqual(decisions(await reference([situation])), expected));
    test(`decide.h: ${group.sentence}`, () => assert.deepEqual(decisions(host.decide([situation])), expected));
  }

  test("decide.h holds a connection whose candidate was overwritten while it was read", () => {
    let held = 0;
    for (const group of GROUPS) {
      const { situation } = situationOf(group);
      for (const [i, { failed, action }] of host.decideOverwritten(situation).entries()) {
        const named = (situation.connections[i]?.candidates.length ?? 0) > 0;
        if (failed !== 0) assert.ok(named && action === Action.IDENTIFY);
        held += failed;
      }
    }
    assert.ok(held > 20, `${held} were held`);
  });

  test(`evaluate() and decide.h agree on ${PAIRS} random pairs of rule set and connection`, async (t) => {
    const tally = new Tally();
    let batch: Situation[] = [];
    for (const situation of situations()) {
      batch.push(situation);
      if (batch.length < SETS_AT_ONCE) continue;
      await compare(batch, (them) => host.decide(them), tally);
      batch = [];
    }
    await compare(batch, (them) => host.decide(them), tally);
    t.diagnostic(`${tally.pairs} pairs, ${tally.byRule} by rule, ${tally.unidentified} unidentified; steps ${tally.steps.join(" ")}`);
    t.diagnostic(`${tally.byName} decided by names, ${tally.ambiguous} ambiguous`);
    assert.equal(tally.pairs, PAIRS);
    assert.ok(tally.byName * 50 >= PAIRS, `${tally.byName} decided by names`);
    assert.ok(tally.ambiguous * 100 >= PAIRS, `${tally.ambiguous} ambiguous`);
    assert.ok(tally.byRule * 3 >= PAIRS, `${tally.byRule} decided by a rule`);
    for (const [step, count] of tally.steps.entries()) assert.ok(count >= LEAST_PER_STEP, `step ${step} decided ${count} times`);
  });
});

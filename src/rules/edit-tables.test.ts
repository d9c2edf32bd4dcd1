// SPDX-License-Identifier: Apache-2.0
/** Tables that edits changed say what tables compiled anew would say. */
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import { ENVIRONMENTS, generateApps, generateRules, NO_NAMES, NOBODY } from "../../test/generate.ts";
import { meaningOf } from "../../test/policy-meaning.ts";
import { Random } from "../../test/random.ts";
import type { App } from "../contract/app.ts";
import type { Environment } from "../contract/environment.ts";
import { MAX_RULES, Row } from "../contract/layout.gen.ts";
import type { PlacedRule } from "../contract/rule.ts";
import { randomNameKey } from "../lists/hash.ts";
import { type Compiled, compile, Workspace } from "./compile.ts";
import { orderRules } from "./order.ts";
import { parseRule } from "./parse.ts";

const SETTINGS = { mode: "ask", whenAway: "deny", whenUnknown: "deny" } as const;
const EMPTY: Environment = { attached: [], broadcasts: [], dnsServers: [], users: new Map(), realPaths: new Map(), ...NO_NAMES };
const KEY = randomNameKey();
const SEEDS = process.env.HOLDFAST_LONG === "1" ? 300 : 12;
const EDITS = 50;

function placed(text: string, id: number): PlacedRule {
  const parsed = parseRule(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.problems[0]?.message}`);
  const { rule } = parsed;
  return { id, rule, author: "own", group: null, line: 0, created: id, mandatory: false, enabled: true, protected: false };
}

/** What one workspace after the other says must be what a new one says. Returns whether the tables were edited. */
class Followed {
  readonly #workspace = new Workspace(KEY);

  check(rules: readonly PlacedRule[], apps: ReadonlyMap<number, App> = new Map(), environment = EMPTY): boolean {
    const ordered = orderRules(rules);
    const now = passed(compile(ordered, apps, environment, SETTINGS, this.#workspace));
    const anew = passed(compile(ordered, apps, environment, SETTINGS, new Workspace(KEY)));
    assert.equal(anew.edited, false);
    assert.deepEqual(meaningOf(now.policy), meaningOf(anew.policy));
    for (const app of apps.values()) assert.deepEqual(now.classRow(app), anew.classRow(app));
    return now.edited;
  }

  rows(rules: readonly PlacedRule[], apps: ReadonlyMap<number, App>): number {
    return passed(compile(orderRules(rules), apps, EMPTY, SETTINGS, this.#workspace)).policy.tables.rows.length / Row.size;
  }
}

function passed(compiled: Compiled): Compiled & { ok: true } {
  assert.ok(compiled.ok, compiled.ok ? "" : compiled.problem);
  return compiled;
}

suite("tables that edits changed", () => {
  test(`they say what new ones say, after each of ${EDITS} random edits of rules, programs and environments`, () => {
    let edited = 0;
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = new Random(seed);
      const followed = new Followed();
      const apps = generateApps(random, 30);
      const spare = generateRules(random, 400);
      let rules = spare.splice(0, random.pick([0, 3, 60, 130, 300]));
      let known = 5;
      let [environment = EMPTY] = ENVIRONMENTS;
      for (let i = 0; i < EDITS; i++) {
        for (let n = random.pick([1, 1, 1, 2, 3]); n > 0; n--) {
          const at = Math.floor(random.below(rules.length + 1));
          const one = rules[at];
          if (one === undefined || random.oneIn(2)) rules.push(...spare.splice(0, 1));
          else if (random.oneIn(3)) rules = rules.with(at, { ...one, enabled: !one.enabled });
          else spare.push(...rules.splice(at, 1));
        }
        if (random.oneIn(6)) known = Math.min(apps.length, known + 3);
        /* Places and users each by themselves, too. */
        if (random.oneIn(15)) environment = { ...random.pick(ENVIRONMENTS), users: environment.users };
        if (random.oneIn(15)) environment = { ...environment, users: random.pick(ENVIRONMENTS).users };
        if (followed.check(rules, new Map(apps.slice(0, known).map((app, n) => [n + 2, app])), environment)) edited += 1;
      }
    }
    assert.ok(edited > (SEEDS * EDITS) / 3, `${edited} of ${SEEDS * EDITS} were edits`);
  });

  test("a rule comes in and goes at every place of a long order", () => {
    const followed = new Followed();
    const many = Array.from({ length: 200 }, (_, i) => placed(`deny any -> 10.0.0.${i} tcp/${i % 7}`, i + 1));
    const wide = placed("ask any -> any tcp/3", 1000);
    followed.check([...many, wide]);
    for (const [i, rule] of many.entries()) {
      assert.equal(followed.check([...many.toSpliced(i, 1), wide]), true);
      assert.equal(followed.check([...many.with(i, { ...rule }), wide]), true);
    }
    followed.check([...many, wide]);
    assert.equal(followed.check(many), true);
    assert.equal(followed.check([...many, wide]), true);
  });

  test("the last place there is can be taken and given back, and the next rule is refused", () => {
    const many = Array.from({ length: MAX_RULES }, (_, i) => placed(`deny any -> 10.${i >> 8}.${i & 255}.1`, i + 1));
    const followed = new Followed();
    const fewer = many.slice(0, -1);
    followed.check(fewer);
    assert.equal(followed.check(many), true);
    assert.equal(followed.check(fewer), true);
    assert.throws(() => followed.check([...many, placed("deny any -> any", 5000)]), /the limit is 4,096/);
    followed.check(many);
  });

  test("what edits leave behind is used again: rows do not become more and more", () => {
    const followed = new Followed();
    const many = Array.from({ length: 500 }, (_, i) =>
      placed(`deny any -> 10.0.${i >> 4}.${(i & 15) * 4}-10.0.${i >> 4}.${(i & 15) * 4 + 9}`, i + 1),
    );
    const programs = Array.from({ length: 40 }, (_, i) => placed(`allow /usr/bin/p${i} -> any`, 600 + i));
    const apps = new Map(programs.map((_, i) => [i + 2, { ...NOBODY, path: `/usr/bin/p${i}`, via: null }]));
    const all = [...many, ...programs];
    const first = followed.rows(all, apps);
    for (let i = 0; i < 300; i++) {
      followed.rows([...all, placed(`ask any -> 10.0.0.0-10.0.${i % 30}.77`, 1000 + i)], apps);
      followed.rows(all, apps);
    }
    const last = [...all, placed("deny any -> 192.0.2.1", 9000)];
    assert.equal(followed.check(last, apps), true);
    assert.ok(followed.rows(all, apps) <= 2 * first, `${first} rows became ${followed.rows(last, apps)}`);
  });

  test("an edit for whose rows there is no room is compiled anew, and refused when there is none then either", () => {
    const workspace = new Workspace(KEY);
    const take = (rules: readonly PlacedRule[]): Compiled => compile(orderRules(rules), new Map(), EMPTY, SETTINGS, workspace);
    const many = Array.from({ length: 4000 }, (_, i) => placed(`deny any -> 12.0.${i >> 8}.${i & 255}-13.0.${i >> 8}.${i & 255}`, i + 1));
    const tooMany = [...many, placed("deny any -> internet tcp/1", 5000)];
    assert.equal(take(many).ok, true);
    for (let i = 0; i < 2; i++) {
      const refused = take(tooMany);
      assert.match(refused.ok ? "" : refused.problem, /overlap in more than 12288 ways/);
    }
    const again = passed(take(many));
    assert.deepEqual(
      meaningOf(again.policy),
      meaningOf(passed(compile(orderRules(many), new Map(), EMPTY, SETTINGS, new Workspace(KEY))).policy),
    );
  });
});

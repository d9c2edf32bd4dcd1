// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import { generateSituation, NO_NAMES } from "../../test/generate.ts";
import type { Environment } from "../contract/environment.ts";
import type { PlacedRule } from "../contract/rule.ts";
import { matchingRules } from "./evaluate.ts";
import { orderRules } from "./order.ts";
import { parseRule } from "./parse.ts";
import { coveredBy, coverOf } from "./redundant.ts";

const ENVIRONMENT: Environment = {
  attached: [{ address: "203.0.113.7", prefix: 24 }],
  broadcasts: [],
  dnsServers: [],
  users: new Map(),
  realPaths: new Map([["/usr/bin/vi", "/etc/alternatives/vi"]]),
  ...NO_NAMES,
};

function covered(...texts: string[]): [number, number][] {
  const rules = texts.map((text, i): PlacedRule => {
    const parsed = parseRule(text);
    if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
    return {
      id: i + 1,
      rule: parsed.rule,
      author: "own",
      group: null,
      line: 0,
      created: i,
      mandatory: false,
      enabled: true,
      protected: false,
    };
  });
  return [...coveredBy(orderRules(rules), ENVIRONMENT)];
}

suite("coveredBy()", () => {
  /** The second is covered by the first. */
  const yes: [string, string][] = [
    ["deny any -> any", "allow any -> any"],
    ["deny any -> any priority high", "allow user:ann /usr/bin/curl -> 192.0.2.1 tcp/443"],
    ["deny any -> 10.0.0.0/8 priority high", "allow any -> 10.1.0.0/16,10.2.0.1,10.3.0.0-10.3.0.9"],
    ["deny any -> local-net priority high", "allow any -> 192.168.0.0/16"],
    ["deny any -> local-net priority high", "allow any -> local-net"],
    ["deny any -> 10.0.0.0/9,10.128.0.0/9 priority high", "allow any -> 10.0.0.0/8"],
    ["deny any -> 0.0.0.0/0,::/0 priority high", "allow any -> internet"],
    ["deny any <-> any 443 priority high", "allow any -> any tcp/443"],
    ["deny any -> any tcp/80-443 priority high", "allow any -> any tcp/80,443"],
    ["deny /usr/bin/* -> any priority high", "allow /usr/bin/curl -> any"],
    ["deny /usr/bin/git -> any priority high", "allow /usr/bin/git via /usr/bin/ssh -> any"],
    ["deny /usr/bin/ssh -> any priority high", "allow /usr/bin/git via /usr/bin/ssh -> any"],
    ["deny any -> loopback priority high", "allow any <- 127.0.0.1".replace("<-", "->")],
  ];
  for (const [first, second] of yes)
    test(`coveredBy() reports ${second} under ${first}`, () => assert.deepEqual(covered(first, second), [[2, 1]]));

  /** Not, or not for certain. */
  const no: [string, string][] = [
    ["deny any -> any tcp priority high", "allow any -> any"],
    ["deny any -> any priority high", "allow any <-> any"],
    ["deny user:ann -> any priority high", "allow /usr/bin/curl -> any"],
    ["deny any -> any for 1h priority high", "allow any -> any"],
    ["deny any -> any disabled priority high".replace(" disabled", " until restart"), "allow any -> any"],
    ["deny any -> internet priority high", "allow any -> 8.8.8.8"],
    ["deny any -> local-net priority high", "allow any -> 203.0.113.0/24"],
    ["deny any <- multicast priority high", "allow any <- 224.0.0.251"],
    ["deny any <-> loopback priority high", "allow any <- 0.0.0.0"],
    ["deny /usr/bin/* -> any priority high", "allow /usr/bin/vi -> any"],
    ["deny pkg:curl -> any priority high", "allow /usr/bin/curl -> any"],
    ["deny /usr/bin/git via /usr/bin/ssh -> any priority high", "allow /usr/bin/git -> any"],
  ];
  for (const [first, second] of no)
    test(`coveredBy() does not report ${second} under ${first}`, () => assert.deepEqual(covered(first, second), []));

  test("coveredBy() reports no rule that ever wins", () => {
    let reported = 0;
    for (let seed = 0; seed < 600; seed++) {
      const { ordered, connections, environment } = generateSituation(seed, { rules: 30, connections: 40 });
      const found = coveredBy(ordered, environment);
      reported += found.size;
      for (const connection of connections) {
        const [winner] = matchingRules(ordered, connection, environment);
        assert.ok(winner === undefined || !found.has(winner.id), `rule ${winner?.id} wins in situation ${seed}`);
      }
    }
    assert.ok(reported > 500, `${reported} reported`);
  });

  test("coverOf() says of one rule what coveredBy() says of all", () => {
    for (let seed = 0; seed < 100; seed++) {
      const { ordered, environment } = generateSituation(seed, { rules: 30, connections: 1 });
      const found = coveredBy(ordered, environment);
      for (const placed of ordered) if (placed.enabled) assert.equal(coverOf(ordered, placed, environment), found.get(placed.id) ?? null);
    }
  });
});

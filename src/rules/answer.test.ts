// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import { generateSituation, NO_NAMES, NOBODY } from "../../test/generate.ts";
import type { App, Identity } from "../contract/app.ts";
import type { Environment } from "../contract/environment.ts";
import type { PlacedRule } from "../contract/rule.ts";
import { type Asked, answerRule, offeredScopes } from "./answer.ts";
import { matchingRules } from "./evaluate.ts";
import { orderRules } from "./order.ts";
import { parseRule } from "./parse.ts";
import { printRule } from "./print.ts";

const ENVIRONMENT: Environment = { attached: [], broadcasts: [], dnsServers: [], users: new Map(), realPaths: new Map(), ...NO_NAMES };

function app(facts: Partial<Identity>, via: Partial<Identity> | null = null): App {
  return { ...NOBODY, ...facts, via: via === null ? null : { ...NOBODY, ...via } };
}

function ask(text: string): Asked["ask"] {
  const parsed = parseRule(text);
  if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
  return parsed.rule;
}

const CURL = app({ path: "/usr/bin/curl" });
const NAMELESS = { candidates: [], domainOf: () => null } as const;
const ASKED: Asked = { app: CURL, direction: "out", protocol: 6, address: "192.0.2.1", port: 443, own: false, ask: null, ...NAMELESS };
const ANSWER = { action: "allow", scope: null, anyPort: false, lifetime: { kind: "ever" } } as const;

/** The rule as text, or the problem. */
function made(asked: Partial<Asked>, answer: Partial<Parameters<typeof answerRule>[1]> = {}): string {
  const result = answerRule({ ...ASKED, ...asked }, { ...ANSWER, ...answer }, ENVIRONMENT);
  return result.ok ? printRule(result.rule) : result.problem;
}

suite("answerRule()", () => {
  const names: [App, string][] = [
    [CURL, "/usr/bin/curl"],
    [app({ path: "/usr/bin/python3", script: "/home/ann/sync.py" }), "script:/home/ann/sync.py"],
    [app({ path: "/usr/bin/python3" }), "/usr/bin/python3"],
    [app({ flatpak: "com.example.App" }), "flatpak:com.example.App"],
    [app({ snap: "example", path: "/snap/example/1/x" }), "snap:example"],
    [app({ appimage: "Example" }), "appimage:Example"],
    [app({ container: "web" }), "container:web"],
    [app({ kernel: true }), "kernel"],
    [app({ path: "/usr/bin/ssh" }, { path: "/usr/bin/git" }), "/usr/bin/git via /usr/bin/ssh"],
    [app({ path: "/usr/bin/ssh", unit: "a.service", package: "ssh", packageIntact: true }), "/usr/bin/ssh"],
  ];
  for (const [who, text] of names) {
    test(`answerRule() names ${text}`, () => assert.equal(made({ app: who }), `allow ${text} -> 192.0.2.1 tcp/443`));
  }

  test("answerRule() makes no rule about what has no name that stays", () => {
    assert.match(made({ app: app({ name: "x (deleted)", claimedPath: "/tmp/x" }) }), /^Cannot make a rule about "x \(deleted\)"/);
    assert.match(made({ app: app({ path: "/usr/bin/ssh" }, { name: "gone" }) }), /^Cannot make a rule about "gone".*\(--for once\)$/);
  });

  test("answerRule() takes scope, ports, lifetime and action from the answer", () => {
    const answer = { action: "deny", scope: "any", anyPort: true, lifetime: { kind: "for", seconds: 900 } } as const;
    assert.equal(made({}, answer), "deny /usr/bin/curl -> any for 15m");
    assert.equal(made({ direction: "in", port: 22 }), "allow /usr/bin/curl <- 192.0.2.1 tcp/22");
    assert.equal(made({ protocol: 1, port: 0 }), "allow /usr/bin/curl -> 192.0.2.1 icmp");
    assert.equal(made({ protocol: 47, port: 0 }), "allow /usr/bin/curl -> 192.0.2.1 ip/47");
  });

  test("answerRule() about several peers is about any", () => {
    assert.equal(made({ direction: "in", address: null, port: 22 }), "allow /usr/bin/curl <- any tcp/22");
  });

  test("answerRule() copies priority and user of the ask rule", () => {
    assert.equal(
      made({ ask: ask("ask user:ann /usr/bin/* -> any priority high") }),
      "allow user:ann /usr/bin/curl -> 192.0.2.1 tcp/443 priority high",
    );
  });

  test("answerRule() is about whom the ask rule is about when the program's name would say more", () => {
    const nginx = app({ path: "/usr/sbin/nginx", unit: "nginx.service" });
    assert.equal(made({ app: nginx, ask: ask("ask unit:nginx.service -> any") }), "allow unit:nginx.service -> 192.0.2.1 tcp/443");
    const script = app({ path: "/usr/bin/python3", script: "/home/ann/sync.py" });
    assert.equal(made({ app: script, ask: ask("ask /usr/bin/python3 -> any") }), "allow script:/home/ann/sync.py -> 192.0.2.1 tcp/443");
    const helper = app({ path: "/usr/bin/ssh" }, { path: "/usr/bin/git" });
    assert.equal(made({ app: helper, ask: ask("ask /usr/bin/ssh -> any") }), "allow /usr/bin/git via /usr/bin/ssh -> 192.0.2.1 tcp/443");
  });

  test("offeredScopes() offers nothing wider than the ask rule", () => {
    const offered = (text: string | null, more: Partial<Asked> = {}) =>
      offeredScopes({ ...ASKED, ask: text === null ? null : ask(text), ...more }, ENVIRONMENT);
    assert.deepEqual(offered(null), ["exact", "any"]);
    assert.deepEqual(offered("ask any -> any"), ["exact", "any"]);
    assert.deepEqual(offered("ask any -> 0.0.0.0/0,::/0"), ["exact", "any"]);
    assert.deepEqual(offered("ask any -> 0.0.0.0/0"), ["exact"]);
    assert.deepEqual(offered("ask any -> internet"), ["exact"]);
    assert.deepEqual(offered("ask any -> 192.0.2.0/24"), ["exact"]);
    assert.deepEqual(offered(null, { direction: "in", address: null }), ["any"]);
    /* It came because of the group it was sent to: a rule about the sender would be about more. */
    assert.deepEqual(offered("ask any <- multicast", { direction: "in" }), []);
  });

  test("answerRule() refuses what is not offered, and says what is", () => {
    const internet = { ask: ask("ask any -> internet tcp") };
    assert.equal(made(internet, { scope: "any" }), 'This question does not offer scope "any": expected exact');
    assert.match(made(internet, { anyPort: true }), /^This question does not offer every port/);
    assert.equal(made(internet), "allow /usr/bin/curl -> 192.0.2.1 tcp/443");
  });

  test("answerRule() makes a rule that decides before the ask rule that raised it, wherever that rule would have asked", () => {
    let answers = 0;
    for (let seed = 0; seed < 400; seed++) {
      const { ordered, connections, environment } = generateSituation(seed, { rules: 12, connections: 20 });
      for (const connection of connections) {
        const { app: who } = connection;
        /* A program's path never has links in it. */
        const links = [who?.path, who?.script, who?.via?.path, who?.via?.script].some((path) => environment.realPaths.has(path ?? ""));
        if (who === null || links) continue;
        const [rule] = matchingRules(ordered, connection, environment);
        if (rule?.rule.action !== "ask") continue;
        const asked: Asked = { ...connection, app: who, ask: rule.rule, ...NAMELESS };
        for (const scope of offeredScopes(asked, environment)) {
          const answer = answerRule(asked, { ...ANSWER, scope, anyPort: rule.rule.ports.length === 0 }, environment);
          if (!answer.ok) continue;
          answers++;
          const added: PlacedRule = { ...rule, id: 99999, rule: answer.rule, author: "own", created: 99999, mandatory: false };
          const winner = matchingRules(orderRules([...ordered, added]), connection, environment)[0];
          assert.equal(winner?.id, added.id, `${printRule(rule.rule)}  /  ${printRule(answer.rule)}`);
          /* Never wider: what the answer holds for, the ask rule held for; but for the interpreter of a script. */
          if (answer.rule.who.program.kind === "script" || answer.rule.who.via?.kind === "script") continue;
          for (const other of connections) {
            /* Whose an address is can change, and where the ask rule holds with it: within what is true now. */
            if (other.own !== connection.own) continue;
            if (matchingRules([added], other, environment).length > 0 && other.app !== null) {
              assert.deepEqual(matchingRules([rule], other, environment), [rule], `${printRule(rule.rule)}  /  ${printRule(answer.rule)}`);
            }
          }
        }
      }
    }
    assert.ok(answers > 500, `${answers} answers`);
  });
});

// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import { NO_NAMES, NOBODY } from "../../test/generate.ts";
import type { Environment } from "../contract/environment.ts";
import type { PlacedRule } from "../contract/rule.ts";
import { explain, explanationText } from "./explain.ts";
import { factoryRules } from "./factory.ts";
import { orderRules } from "./order.ts";
import { parseRule } from "./parse.ts";
import { printRule } from "./print.ts";

const ENVIRONMENT: Environment = { attached: [], broadcasts: [], dnsServers: [], users: new Map(), realPaths: new Map(), ...NO_NAMES };
const APP = { ...NOBODY, path: "/usr/bin/curl", via: null };
const CONNECTION = {
  app: APP,
  uid: 0,
  direction: "out",
  protocol: 6,
  address: "192.0.2.1",
  port: 443,
  own: false,
  sentTo: "unicast",
  candidates: [],
} as const;

function rules(...texts: string[]): PlacedRule[] {
  return texts.map((text, i) => {
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
      enabled: !parsed.rule.disabled,
      protected: false,
    };
  });
}

suite("explain()", () => {
  test("explain() names the rule, its position among those that take part, the next one and the step between", () => {
    const ordered = orderRules(
      rules("allow /usr/bin/curl -> any", "deny any -> 192.0.2.0/24", "deny any -> 192.0.2.1 disabled", "ask any -> 198.51.100.1"),
    );
    const explanation = explain(ordered, CONNECTION, "ask", ENVIRONMENT);
    assert.deepEqual(explanation, {
      verdict: "deny",
      by: "rule",
      rule: 2,
      text: "deny any -> 192.0.2.0/24",
      position: 2,
      next: { rule: 1, text: "allow /usr/bin/curl -> any", step: 2, stepName: "kind of where" },
      candidates: [],
      ambiguous: null,
    });
    assert.match(
      explanationText(explanation),
      /Rule 2 comes first because its where is of a more specific kind \(step 2, kind of where\)\.$/,
    );
  });

  test("explain() says when the mode decides, and when nothing comes next", () => {
    assert.equal(explanationText(explain([], CONNECTION, "deny", ENVIRONMENT)), "No rule matches: the mode decides, deny.");
    assert.match(explanationText(explain(rules("deny any -> any"), CONNECTION, "ask", ENVIRONMENT)), /No other rule matches\.$/);
  });

  test("explain() tells a factory rule from others", () => {
    const factory = factoryRules({ dhcp: [], time: [], sshd: null }, () => 7);
    const { by, verdict } = explain(orderRules(factory), { ...CONNECTION, address: "127.0.0.1" }, "ask", ENVIRONMENT);
    assert.deepEqual([by, verdict], ["factory", "allow"]);
  });
});

suite("factoryRules()", () => {
  const facts = {
    dhcp: [{ kind: "path", value: "/usr/sbin/dhclient" }],
    time: [{ kind: "unit", value: "chrony.service" }],
    sshd: { program: { kind: "path", value: "/usr/sbin/sshd" }, port: 2222 },
  } as const;

  test("factoryRules() are protected, of priority highest but for the resolvers, and read back from their text", () => {
    const made = factoryRules(facts, (text) => text.length);
    for (const { rule, author, id, ...placed } of made) {
      const text = printRule(rule);
      assert.deepEqual(parseRule(text), { ok: true, rule });
      assert.equal(rule.priority, text.includes("dns-servers") ? "regular" : "highest");
      assert.deepEqual([placed.protected, author, id], [true, "factory", text.length]);
    }
    assert.ok(made.some(({ rule }) => printRule(rule).startsWith("allow /usr/sbin/sshd <- any tcp/2222 ")));
  });

  test("factoryRules() keep you in: a plain deny any does not win over loopback and the sshd you came in through", () => {
    const ordered = orderRules([...factoryRules(facts, (text) => text.length + 100), ...rules("deny any <-> any", "deny any <- any")]);
    const sshd = { ...CONNECTION, app: { ...APP, path: "/usr/sbin/sshd" }, direction: "in", port: 2222 } as const;
    assert.equal(explain(ordered, sshd, "deny", ENVIRONMENT).verdict, "allow");
    assert.equal(explain(ordered, { ...sshd, port: 22 }, "deny", ENVIRONMENT).verdict, "deny");
    assert.equal(explain(ordered, { ...CONNECTION, direction: "in", port: 2222 }, "deny", ENVIRONMENT).verdict, "deny");
    assert.equal(explain(ordered, { ...CONNECTION, address: "127.0.0.1" }, "deny", ENVIRONMENT).verdict, "allow");
    /* A narrower rule of the same priority still overrules them. */
    const narrower = orderRules([...ordered, ...rules("deny any -> 127.0.0.1 tcp/443 priority highest")]);
    assert.equal(explain(narrower, { ...CONNECTION, address: "127.0.0.1" }, "deny", ENVIRONMENT).verdict, "deny");
  });

  test("factoryRules() let the kernel find neighbours, and nobody else in", () => {
    const ordered = orderRules([...factoryRules(facts, (text) => text.length + 100), ...rules("deny any <-> any")]);
    const kernel = { ...NOBODY, kernel: true, via: null };
    const solicited = {
      ...CONNECTION,
      app: kernel,
      direction: "in",
      protocol: 58,
      port: 0,
      address: "fe80::1",
      sentTo: "multicast",
    } as const;
    assert.equal(explain(ordered, solicited, "deny", ENVIRONMENT).verdict, "allow");
    /* Duplicate address detection has no sender's address yet. */
    assert.equal(explain(ordered, { ...solicited, address: "::" }, "deny", ENVIRONMENT).verdict, "allow");
    assert.equal(explain(ordered, { ...solicited, app: APP }, "deny", ENVIRONMENT).verdict, "deny");
    /* The unspecified address is no way into the rule for loopback. */
    const forged = { ...solicited, app: APP, protocol: 17, port: 5353, address: "::", sentTo: "unicast" } as const;
    assert.equal(explain(ordered, forged, "deny", ENVIRONMENT).verdict, "deny");
  });
});

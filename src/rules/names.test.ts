// SPDX-License-Identifier: Apache-2.0
/** Rules about names, lists, networks and countries: what they match, which one wins, and what several names of an address come to. */
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import { NO_NAMES, NOBODY } from "../../test/generate.ts";
import { Random } from "../../test/random.ts";
import type { Candidate, Connection, Mode } from "../contract/connection.ts";
import type { Environment, ListMatcher } from "../contract/environment.ts";
import { hostName } from "../contract/name.ts";
import type { PlacedRule, Where } from "../contract/rule.ts";
import { type Asked, answerRule, offeredScopes } from "./answer.ts";
import { evaluate, judge, matchingRules } from "./evaluate.ts";
import { explain, explanationText } from "./explain.ts";
import { nameMatches } from "./names.ts";
import { orderRules } from "./order.ts";
import { parseRule } from "./parse.ts";
import { printRule } from "./print.ts";
import { coveredBy } from "./redundant.ts";

function listOf(domains: readonly string[], addresses: readonly string[] = []): ListMatcher {
  return {
    has: (name) => domains.find((domain) => name === domain || name.endsWith(`.${domain}`)) ?? null,
    hasAddress: (address) => addresses.find((known) => known === address) ?? null,
  };
}

const ENVIRONMENT: Environment = {
  attached: [],
  broadcasts: [],
  dnsServers: [],
  users: new Map(),
  realPaths: new Map(),
  lists: new Map([["ads", listOf(["ads.example", "tracker.net"], ["198.51.100.66"])]]),
  locate: (address) => (address === "192.0.2.1" ? { asn: 64500, country: "DE" } : { asn: null, country: null }),
};
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

function placed(text: string, id: number): PlacedRule {
  const parsed = parseRule(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.problems[0]?.message}`);
  const { rule } = parsed;
  const facts = { author: "own", group: null, line: 0, mandatory: false, protected: false } as const;
  return { ...facts, id, rule, created: id, enabled: true };
}
const ordered = (texts: readonly string[]): PlacedRule[] => orderRules(texts.map((text, i) => placed(text, i + 1)));

/** A candidate: names, own unless "other:" stands first, trusted unless "forged:" does. */
function candidate(text: string): Candidate {
  const [, flags = "", names = ""] = /^((?:other:|forged:)*)(.*)$/.exec(text) ?? [];
  return { names: names.split(" "), own: !flags.includes("other:"), trusted: !flags.includes("forged:") };
}
const known = (...candidates: readonly string[]): Connection => ({ ...CONNECTION, candidates: candidates.map(candidate) });

/** The text of the rule that decides, or the mode. */
function decides(texts: readonly string[], connection: Connection, mode: Mode = "ask"): string {
  const { rule, verdict } = evaluate(ordered(texts), connection, mode, ENVIRONMENT);
  return rule === null ? `mode ${verdict}` : (texts[rule - 1] ?? "");
}

suite("hostName()", () => {
  const names: [string, string | null][] = [
    ["API.GitHub.com", "api.github.com"],
    ["example.org.", "example.org"],
    ["Bücher.Example", "xn--bcher-kva.example"],
    ["faß.de", "xn--fa-hia.de"],
    ["例え。jp", "xn--r8jz45g.jp"],
    ["_dns.resolver.arpa", "_dns.resolver.arpa"],
    ["192.0.2.1", null],
    ["a..b", null],
    ["-a.example", null],
    ["ü/path", null],
    ["ü%2e", null],
    [`${"a".repeat(64)}.example`, null],
    [`${"a.".repeat(127)}b`, null],
    ["", null],
  ];
  for (const [text, name] of names) test(`hostName() makes ${JSON.stringify(name)} of "${text}"`, () => assert.equal(hostName(text), name));
});

suite("parseRule() with names", () => {
  test("parseRule() reads names as they are compared", () => {
    assert.equal(
      printRule(placed("allow any -> Bücher.Example.,.GITHUB.com,*.X.org", 1).rule),
      "allow any -> xn--bcher-kva.example,.github.com,*.x.org",
    );
  });
});

suite("nameMatches()", () => {
  /** The entry, what it takes, what it does not. */
  const entries: [Where, string[], string[]][] = [
    [{ kind: "host", name: "b.org" }, ["b.org"], ["a.b.org", "ab.org", "org"]],
    [{ kind: "domain", name: "b.org" }, ["b.org", "a.b.org", "x.a.b.org"], ["ab.org", "org", "b.org.uk"]],
    [{ kind: "subdomains", name: "b.org" }, ["a.b.org", "x.a.b.org"], ["b.org", "ab.org"]],
    [{ kind: "any" }, [], ["b.org"]],
  ];
  for (const [entry, yes, no] of entries) {
    test(`nameMatches() of ${JSON.stringify(entry)}`, () => {
      for (const name of yes) assert.ok(nameMatches(entry, name), name);
      for (const name of no) assert.ok(!nameMatches(entry, name), name);
    });
  }
});

suite("evaluate() with names", () => {
  test("evaluate() takes a host, a domain, what is below, a list by name or address, a network and a country", () => {
    assert.equal(decides(["allow any -> a.b.org"], known("a.b.org")), "allow any -> a.b.org");
    assert.equal(decides(["allow any -> .b.org"], known("a.b.org")), "allow any -> .b.org");
    assert.equal(decides(["allow any -> *.b.org"], known("b.org")), "mode ask");
    assert.equal(decides(["deny any -> list:ads"], known("x.ads.example")), "deny any -> list:ads");
    assert.equal(decides(["deny any -> list:ads"], { ...CONNECTION, address: "198.51.100.66" }), "deny any -> list:ads");
    assert.equal(decides(["deny any -> list:gone"], known("x.ads.example")), "mode ask");
    assert.equal(decides(["deny any -> asn:64500"], CONNECTION), "deny any -> asn:64500");
    assert.equal(decides(["deny any -> country:DE"], CONNECTION), "deny any -> country:DE");
    assert.equal(decides(["deny any -> asn:64500,country:DE"], { ...CONNECTION, address: "192.0.2.2" }), "mode ask");
  });

  test("evaluate() takes a name for the peer of an incoming connection", () => {
    assert.equal(decides(["deny any <- .b.org"], { ...known("a.b.org"), direction: "in" }), "deny any <- .b.org");
  });

  /** The order of rules.md, among rules that all match: address, host, domain, list, network, any; then the narrower. */
  const wins: [string, string[], string][] = [
    ["an address before a host", ["deny any -> a.b.org", "allow any -> 192.0.2.1"], "allow any -> 192.0.2.1"],
    ["a range before a host", ["deny any -> a.b.org", "allow any -> 192.0.0.0/8"], "allow any -> 192.0.0.0/8"],
    ["a host before a domain", ["deny any -> .a.b.org", "allow any -> a.b.org"], "allow any -> a.b.org"],
    ["more labels first", ["deny any -> .org", "allow any -> .b.org"], "allow any -> .b.org"],
    ["what is below before the whole", ["deny any -> .b.org", "allow any -> *.b.org"], "allow any -> *.b.org"],
    ["a deeper domain before what is below", ["deny any -> *.b.org", "allow any -> .a.b.org"], "allow any -> .a.b.org"],
    ["a domain before a list", ["deny any -> list:ads", "allow any -> .ads.example"], "allow any -> .ads.example"],
    ["a list before any", ["allow /usr/bin/curl -> any", "deny any -> list:ads"], "deny any -> list:ads"],
    ["a list before a network", ["allow any -> asn:64500", "deny any -> list:ads"], "deny any -> list:ads"],
    ["one host before two", ["deny any -> a.b.org,c.org", "allow any -> a.b.org"], "allow any -> a.b.org"],
    ["fewer entries before more labels", ["deny any -> .a.b.org,.c.org", "allow any -> .org"], "allow any -> .org"],
    ["the least specific entry counts", ["deny any -> a.b.org,.c.org", "allow any -> .b.org"], "allow any -> .b.org"],
    ["between equal hosts, who", ["deny any -> a.b.org", "allow /usr/bin/curl -> a.b.org"], "allow /usr/bin/curl -> a.b.org"],
  ];
  for (const [sentence, texts, winner] of wins) {
    test(`evaluate() puts ${sentence}`, () => assert.equal(decides(texts, known("a.b.org x.ads.example")), winner));
  }

  test("evaluate() catches a cloaked tracker by the CNAME of the answer", () => {
    assert.equal(decides(["allow any -> any", "deny any -> list:ads"], known("www.shop.org x.tracker.net")), "deny any -> list:ads");
  });
});

suite("judge()", () => {
  const RULES = ["deny any -> .bad.org", "ask any -> .maybe.org", "allow any -> .good.org"];

  /** What the address is known as, what decides in mode allow, and whether that is ambiguous. */
  const cases: [string, string[], string, string | null][] = [
    ["one candidate is certain", ["a.good.org"], "allow any -> .good.org", null],
    ["several with one verdict are certain", ["a.good.org", "b.good.org"], "allow any -> .good.org", null],
    ["deny wins over allow", ["a.good.org", "a.bad.org"], "deny any -> .bad.org", "verdicts"],
    ["deny wins over ask", ["a.maybe.org", "other:a.bad.org"], "deny any -> .bad.org", "verdicts"],
    ["ask wins over allow", ["a.good.org", "a.maybe.org"], "ask any -> .maybe.org", "verdicts"],
    ["another process's name counts", ["other:a.bad.org"], "deny any -> .bad.org", null],
    ["four are decided, its own first", ["other:a.bad.org", "1.org", "2.org", "3.org", "4.org"], "mode allow", "number"],
    ["the newest first", ["1.org", "2.org", "3.org", "4.org", "a.bad.org"], "mode allow", "number"],
    [
      "forged names hide none",
      ["forged:1.org", "forged:2.org", "forged:3.org", "forged:4.org", "other:a.bad.org"],
      "deny any -> .bad.org",
      "verdicts",
    ],
    ["a forged name denies", ["forged:a.bad.org"], "deny any -> .bad.org", null],
    ["a forged name asks", ["forged:a.maybe.org", "a.good.org"], "ask any -> .maybe.org", "verdicts"],
  ];
  for (const [sentence, names, winner, ambiguous] of cases) {
    test(`judge(): ${sentence}`, () => {
      const connection = known(...names);
      assert.equal(decides(RULES, connection, "allow"), winner);
      assert.equal(judge(ordered(RULES), connection, "allow", ENVIRONMENT).ambiguous, ambiguous);
    });
  }

  test("judge() lets a name that the program made up allow nothing, and lift no deny to a question", () => {
    assert.equal(decides(["allow any -> .good.org"], known("forged:a.good.org"), "ask"), "mode ask");
    assert.equal(
      decides(["allow any -> .good.org", "allow any -> 192.0.2.1 tcp"], known("forged:a.good.org")),
      "allow any -> 192.0.2.1 tcp",
    );
    assert.equal(decides(["allow any -> list:ads"], known("forged:x.ads.example"), "deny"), "mode deny");
    assert.equal(decides(["ask any -> .maybe.org", "deny any -> any"], known("forged:a.maybe.org")), "deny any -> any");
    assert.equal(decides(["ask any -> .maybe.org", "deny any -> any"], known("a.maybe.org")), "ask any -> .maybe.org");
  });

  test("judge() identifies a program when one of the names could be denied", () => {
    const rules = ordered(["allow any -> .good.org", "deny /usr/bin/curl -> .bad.org"]);
    const unidentified = (...names: string[]) => evaluate(rules, { ...known(...names), app: null }, "allow", ENVIRONMENT).verdict;
    assert.equal(unidentified("a.good.org"), "allow");
    assert.equal(unidentified("a.good.org", "a.bad.org"), "identify");
  });

  test("judge() never lets names the program made up make a verdict less restrictive", () => {
    const places = [".b.org", "a.b.org", "*.c.org", "list:ads", "192.0.2.1", "any", "asn:64500"];
    const names = ["a.b.org", "b.org", "x.c.org", "y.ads.example", "z.org"];
    const strictness = { deny: 3, ask: 2, identify: 1, allow: 0 };
    for (let seed = 0; seed < 2000; seed++) {
      const random = new Random(seed);
      const priority = () => random.pick(["", " priority high", " priority low"]);
      const texts = Array.from({ length: 6 }, () => `${random.pick(["allow", "deny", "ask"])} any -> ${random.pick(places)}${priority()}`);
      const rules = ordered(texts);
      const mode = random.pick(["allow", "deny", "ask"] as const);
      const honest = Array.from({ length: random.below(3) }, () => random.pick(names));
      const forged = Array.from({ length: random.below(6) }, () => `forged:${random.pick(names)}`);
      const before = evaluate(rules, known(...honest), mode, ENVIRONMENT).verdict;
      const after = evaluate(rules, known(...forged, ...honest), mode, ENVIRONMENT).verdict;
      assert.ok(strictness[after] >= strictness[before], `${texts.join("; ")}: ${before} became ${after} by ${forged.join(", ")}`);
    }
  });
});

suite("explain() with names", () => {
  test("explain() says what each name comes to, and why the most restrictive one wins", () => {
    const rules = ordered(["allow any -> .good.org", "deny any -> list:ads"]);
    const explanation = explain(rules, { ...known("a.good.org", "x.tracker.net"), app: APP }, "ask", ENVIRONMENT);
    assert.equal(explanation.text, "deny any -> list:ads");
    assert.deepEqual(explanation.candidates, [
      { name: "a.good.org", verdict: "allow", rule: 1 },
      { name: "x.tracker.net", verdict: "deny", rule: 2 },
    ]);
    assert.match(explanationText(explanation), /several names with different verdicts: a\.good\.org \(allow\), x\.tracker\.net \(deny\)\./);
  });
});

suite("coveredBy() with names", () => {
  const covered = (...texts: string[]) => [...coveredBy(ordered(texts), ENVIRONMENT)];

  /** The second is covered by the first. */
  const yes: [string, string][] = [
    ["deny any -> .b.org priority high", "allow any -> a.b.org"],
    ["deny any -> .b.org priority high", "allow any -> *.b.org,.x.b.org,b.org"],
    ["deny any -> *.b.org priority high", "allow any -> .a.b.org,*.a.b.org"],
    ["deny any -> list:ads priority high", "allow any -> list:ads"],
    ["deny any -> asn:1,country:DE priority high", "allow any -> country:DE"],
    ["allow any -> .b.org priority high", "allow /usr/bin/curl -> a.b.org"],
    ["allow any -> any priority high", "deny any -> a.b.org"],
  ];
  for (const [first, second] of yes)
    test(`coveredBy() reports ${second} under ${first}`, () => assert.deepEqual(covered(first, second), [[2, 1]]));

  /** Not for certain. The last: a name that is made up counts for deny alone. */
  const no: [string, string][] = [
    ["deny any -> *.b.org priority high", "allow any -> .b.org"],
    ["deny any -> b.org priority high", "allow any -> *.b.org"],
    ["deny any -> list:ads priority high", "allow any -> list:other"],
    ["deny any -> list:ads priority high", "allow any -> ads.example"],
    ["deny any -> internet priority high", "allow any -> a.b.org"],
    ["allow any -> .b.org priority high", "deny any -> a.b.org"],
  ];
  for (const [first, second] of no)
    test(`coveredBy() does not report ${second} under ${first}`, () => assert.deepEqual(covered(first, second), []));

  test("coveredBy() reports no rule that ever wins by a name", () => {
    const places = [".b.org", "a.b.org", "*.b.org", "*.a.b.org", "list:ads", "192.0.2.1", "any", "b.org"];
    const names = ["a.b.org", "b.org", "x.a.b.org", "y.ads.example"];
    let reported = 0;
    for (let seed = 0; seed < 1000; seed++) {
      const random = new Random(seed);
      const some = () => Array.from({ length: 1 + random.below(2) }, () => random.pick(places)).join(",");
      const texts = Array.from(
        { length: 8 },
        () => `${random.pick(["allow", "deny", "ask"])} any -> ${some()}${random.oneIn(2) ? " priority high" : ""}`,
      );
      const rules = ordered(texts);
      const found = coveredBy(rules, ENVIRONMENT);
      reported += found.size;
      for (const name of names) {
        for (const trusted of [true, false]) {
          const [winner] = matchingRules(rules, CONNECTION, ENVIRONMENT, { names: [name], trusted });
          assert.ok(winner === undefined || !found.has(winner.id), `${winner && printRule(winner.rule)} wins in ${texts.join("; ")}`);
        }
      }
    }
    assert.ok(reported > 500, `${reported} reported`);
  });
});

suite("answerRule() with names", () => {
  const domainOf = (name: string): string | null => (name.includes(".") ? name.split(".").slice(-2).join(".") : null);
  const asked = (ask: string | null, ...names: string[]): Asked => {
    const { candidates } = known(...names);
    return { ...CONNECTION, candidates, domainOf, ask: ask === null ? null : placed(ask, 1).rule };
  };
  const made = (question: Asked, scope: "exact" | "host" | "domain" | "any" | null = null): string => {
    const answered = answerRule(question, { action: "allow", scope, anyPort: false, lifetime: { kind: "ever" } }, ENVIRONMENT);
    return answered.ok ? printRule(answered.rule) : answered.problem;
  };

  test("answerRule() is about the host where a name is known, and about its domain on request", () => {
    const question = asked(null, "a.b.org cdn.net");
    assert.deepEqual(offeredScopes(question, ENVIRONMENT), ["exact", "host", "domain", "any"]);
    assert.equal(made(question), "allow /usr/bin/curl -> a.b.org tcp/443");
    assert.equal(made(question, "domain"), "allow /usr/bin/curl -> .b.org tcp/443");
    assert.equal(made(question, "exact"), "allow /usr/bin/curl -> 192.0.2.1 tcp/443");
  });

  test("answerRule() is about each of several names, since each would ask again", () => {
    assert.equal(made(asked(null, "a.b.org", "c.org", "other:a.b.org")), "allow /usr/bin/curl -> a.b.org,c.org tcp/443");
  });

  test("offeredScopes() offers what is no wider than an ask rule about names, and comes before it", () => {
    const scopes = (...question: Parameters<typeof asked>) => offeredScopes(asked(...question), ENVIRONMENT);
    assert.deepEqual(scopes("ask any -> .b.org", "a.b.org"), ["host", "domain"]);
    assert.deepEqual(scopes("ask any -> a.b.org", "a.b.org"), ["host"]);
    assert.deepEqual(scopes("ask any -> 192.0.2.0/24", "a.b.org"), ["exact"]);
    assert.deepEqual(scopes("ask any -> .org", "a.b.org", "a.c.org"), ["host"]);
    assert.deepEqual(scopes("ask any -> list:ads", "x.ads.example"), []);
    /* Asked because of the CNAME: the rule is about that name. */
    assert.equal(made(asked("ask any -> .tracker.net", "www.shop.org x.tracker.net")), "allow /usr/bin/curl -> x.tracker.net tcp/443");
  });

  test("offeredScopes() offers no names that could allow nothing", () => {
    assert.deepEqual(offeredScopes(asked(null, "forged:a.b.org"), ENVIRONMENT), ["exact", "any"]);
  });

  test("answerRule() makes a rule that decides where the question was asked", () => {
    const names = ["a.b.org", "b.org", "x.c.org", "y.b.org z.net"];
    const asks = ["any", ".b.org", ".org", "*.b.org", "a.b.org,b.org", ".b.org,.z.net", "b.org,x.c.org,a.b.org", "192.0.2.1,a.b.org"];
    let answers = 0;
    for (let seed = 0; seed < 1000; seed++) {
      const random = new Random(seed);
      const ask = placed(`ask any -> ${random.pick(asks)}`, 1);
      const connection = known(...Array.from({ length: random.below(4) }, () => random.pick(names)));
      const all = { ...ENVIRONMENT, ...NO_NAMES };
      if (evaluate([ask], connection, "allow", all).verdict !== "ask") continue;
      const question: Asked = { ...connection, app: APP, domainOf, ask: ask.rule };
      for (const scope of offeredScopes(question, all)) {
        const answered = answerRule(question, { action: "allow", scope, anyPort: true, lifetime: { kind: "ever" } }, all);
        assert.ok(answered.ok);
        answers++;
        const rules = orderRules([ask, { ...ask, id: 2, created: 2, rule: answered.rule }]);
        assert.equal(evaluate(rules, connection, "allow", all).verdict, "allow", `${printRule(ask.rule)}  /  ${printRule(answered.rule)}`);
      }
    }
    assert.ok(answers > 500, `${answers} answers`);
  });
});

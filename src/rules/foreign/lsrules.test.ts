// SPDX-License-Identifier: Apache-2.0
/** .lsrules: what each key becomes here, and what of ours becomes one. Samples made by hand. */
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import type { Rule } from "../../contract/rule.ts";
import { parseRule } from "../parse.ts";
import { firstEntry, imported, texts } from "./import.fixture.ts";
import { toLsrules } from "./to-lsrules.ts";

const little = (rule: object) => firstEntry({ name: "Sample", rules: [rule] });

suite("readLsrules()", () => {
  /** A rule of the file, and the rule it is here, carried over as it was. */
  const carried: [object, string][] = [
    [{ process: "any", action: "deny", "remote-domains": "doubleclick.net" }, "deny any -> .doubleclick.net"],
    [
      { process: "/usr/bin/curl", action: "allow", "remote-hosts": ["api.github.com", "B.org."] },
      "allow /usr/bin/curl -> api.github.com,b.org",
    ],
    [{ process: "any", action: "deny", "remote-hosts": "a.org, b.org" }, "deny any -> a.org,b.org"],
    [
      { process: "any", action: "ask", "remote-addresses": "192.0.2.1, 10.0.0.0/8,10.0.0.1-10.0.0.9, 2001:db8::/32" },
      "ask any -> 192.0.2.1,10.0.0.0/8,10.0.0.1-10.0.0.9,2001:db8::/32",
    ],
    [{ process: "/usr/bin/git", via: "/usr/bin/ssh", action: "allow", remote: "any" }, "allow /usr/bin/git via /usr/bin/ssh -> any"],
    [
      { process: "any", action: "allow", remote: "local-net", direction: "incoming", protocol: "udp", ports: "5353" },
      "allow any <- local-net udp/5353",
    ],
    [{ process: "any", action: "allow", remote: "dns-servers", ports: 53 }, "allow any -> dns-servers 53"],
    [{ process: "any", action: "deny", remote: "multicast", ports: "any", protocol: "any" }, "deny any -> multicast"],
    [{ process: "any", action: "deny", remote: "broadcast", ports: "8000-8100", protocol: "6" }, "deny any -> broadcast tcp/8000-8100"],
    [{ process: "any", action: "deny", remote: "any", protocol: "icmp" }, "deny any -> any ip/1"],
    [{ process: "any", action: "deny", remote: "any", protocol: 47 }, "deny any -> any ip/47"],
    [
      { process: "any", action: "deny", remote: "any", priority: "high", disabled: true, notes: 'a "quoted" note' },
      'deny any -> any priority high disabled note "a \\"quoted\\" note"',
    ],
    [{ process: "any", action: "deny", "remote-domains": "bücher.example" }, "deny any -> .xn--bcher-kva.example"],
  ];
  for (const [rule, text] of carried) {
    test(`readLsrules() carries over ${text}`, () => assert.deepEqual(little(rule), { rules: [text], outcome: "carried", sentences: "" }));
  }

  const changed: [object, string, RegExp][] = [
    [{ process: "any", action: "deny", remote: "bonjour" }, "deny any -> 224.0.0.251,ff02::fb", /multicast DNS/],
    [{ process: "any", action: "deny" }, "deny any -> any", /no remote/],
    [{ process: "any", remote: "any" }, "ask any -> any", /no "action"/],
    [{ action: "deny", "remote-addresses": "192.0.2.1" }, "deny any -> 192.0.2.1", /no "process"/],
    [{ process: "any", action: "deny", "remote-addresses": "10.0.0.5/8" }, "deny any -> 10.0.0.0/8", /bits beyond the prefix/],
    [{ process: "any", action: "deny", "remote-hosts": "192.0.2.1" }, "deny any -> 192.0.2.1", /is an address/],
    [{ process: "any", action: "deny", remote: "any", creationDate: 1 }, "deny any -> any", /"creationDate" has no meaning/],
    [{ process: "any", action: "deny", remote: "any", priority: "urgent" }, "deny any -> any", /priority "urgent" became regular/],
    [
      { process: "/Applications/Firefox.app/Contents/MacOS/firefox", action: "allow", remote: "any" },
      "allow /opt/firefox/firefox -> any",
      /became \/opt\/firefox\/firefox/,
    ],
    [{ process: "/opt/homebrew/bin/curl", action: "allow", remote: "any" }, "allow /usr/bin/curl -> any", /became \/usr\/bin\/curl/],
    [
      { process: "/Library/Developer/CommandLineTools/usr/libexec/git-core/git-remote-http", action: "allow", remote: "any" },
      "allow /usr/lib/git-core/git-remote-http -> any",
      /became/,
    ],
    [
      { process: "/Applications/Little Bird.app/Contents/MacOS/Little Bird", action: "allow", remote: "any" },
      'allow "/Applications/Little Bird.app/Contents/MacOS/Little Bird" -> any disabled',
      /is not installed here.*disabled/,
    ],
  ];
  for (const [rule, text, sentence] of changed) {
    test(`readLsrules() changes ${JSON.stringify(rule)}`, () => {
      const result = little(rule);
      assert.deepEqual([result.rules, result.outcome], [[text], "changed"]);
      assert.match(result.sentences, sentence);
    });
  }

  const left: [object, RegExp][] = [
    [{ process: "any", action: "deny", remote: "bpf" }, /no Berkeley packet filter/],
    [{ process: "any", action: "deny", remote: "moon" }, /Cannot use remote "moon"/],
    [{ process: "any", action: "block", remote: "any" }, /"block" is not an action/],
    [{ process: "any", action: "deny", remote: "any", direction: "up" }, /is not a direction/],
    [{ process: "any", action: "deny", remote: "any", ports: "70000" }, /is not a port/],
    [{ process: "any", action: "deny", remote: "any", ports: "80", protocol: "icmp" }, /it has none/],
    [{ process: "any", action: "deny", remote: "any", protocol: "quic" }, /is not a protocol/],
    [{ process: "any", action: "deny", "remote-hosts": "a b" }, /is not a host name/],
    [{ process: "any", action: "deny", "remote-hosts": [] }, /is empty/],
    [{ process: "any", action: "deny", "remote-hosts": [1] }, /expected a text or a list/],
    [{ process: "any", action: "deny", remote: "any", "remote-hosts": "a.org" }, /more than one place/],
    [{ process: "identifier:com.example", action: "deny", remote: "any" }, /expected an absolute path or any/],
    [{ action: "allow", remote: "any" }, /is not widened/],
    [{ process: "any", action: "allow", "remote-hosts": "internet" }, /it would mean something else/],
    [{ process: "any", via: "/usr/bin/ssh", action: "deny", remote: "any" }, /expected a program on both sides/],
    [{ process: "any", action: "deny", remote: "any", disabled: "yes" }, /neither true nor false/],
  ];
  for (const [rule, sentence] of left) {
    test(`readLsrules() leaves out ${JSON.stringify(rule)}`, () => {
      const result = little(rule);
      assert.deepEqual([result.rules, result.outcome], [[], "left-out"]);
      assert.match(result.sentences, sentence);
    });
  }

  test("readLsrules() reports every entry of a file, and every key it does not know", () => {
    const result = imported({
      name: "Social Media",
      description: "No more.",
      rules: [{ process: "any", action: "deny", "remote-hosts": "x.org" }, "nothing"],
      "denied-remote-domains": ["facebook.com", "bad name"],
      "denied-remote-addresses": ["192.0.2.0/24"],
      "denied-remote-notes": "social",
      colour: "red",
    });
    assert.deepEqual([result.name, result.description], ["Social Media", "No more."]);
    assert.deepEqual(texts(result), ["deny any -> x.org", 'deny any -> .facebook.com,192.0.2.0/24 note "social"']);
    const { carried: kept, changed: other, leftOut, lines } = result.report;
    assert.deepEqual([kept, other, leftOut], [3, 0, 3]);
    assert.deepEqual(
      lines.map(({ at, outcome, rules }) => [at, outcome, rules]),
      [
        ["rules[0]", "carried", [0]],
        ["rules[1]", "left-out", []],
        ["denied-remote-domains[0]", "carried", [1]],
        ["denied-remote-domains[1]", "left-out", []],
        ["denied-remote-addresses[0]", "carried", [1]],
        ["colour", "left-out", []],
      ],
    );
  });
});

suite("toLsrules()", () => {
  const rule = (text: string): Rule => {
    const parsed = parseRule(text);
    if (!parsed.ok) throw new Error(`${text}: ${parsed.problems[0]?.message}`);
    return parsed.rule;
  };
  /** Exported and imported again. */
  const around = (text: string): string[] => texts(imported(JSON.parse(toLsrules([rule(text)], "x").text)));

  for (const text of [
    "allow /usr/bin/curl -> api.github.com tcp/443",
    "deny any -> .a.org,.b.org priority high",
    "allow /usr/bin/git via /usr/bin/ssh -> 192.0.2.0/24,10.0.0.1-10.0.0.9 22",
    "ask any <- local-net udp/5000-6000",
    'deny any -> any ip/47 disabled note "why"',
  ]) {
    test(`toLsrules() is read back as ${text}`, () => assert.deepEqual(around(text), [text]));
  }

  test("toLsrules() makes several rules of what is several there, and says so", () => {
    const { rules, lines } = toLsrules([rule("deny any <-> a.org,192.0.2.1 tcp/80,443 quiet")], "x");
    assert.equal(rules, 8);
    assert.equal(lines[0]?.outcome, "changed");
    assert.match(lines[0]?.sentences.join("; ") ?? "", /quiet has no key.*became 8 rules/);
  });

  test("toLsrules() leaves out what would come out wider", () => {
    const left = [
      "allow pkg:curl -> any",
      "allow user:ann -> any",
      "deny any -> *.a.org",
      "deny any -> internet",
      "allow any -> any for 2h",
      "deny any -> list:ads",
    ];
    const { rules, lines } = toLsrules(left.map(rule), "x");
    assert.equal(rules, 0);
    assert.deepEqual(
      lines.map(({ rule: text, outcome }) => [text, outcome]),
      left.map((text) => [text, "left-out"]),
    );
  });
});

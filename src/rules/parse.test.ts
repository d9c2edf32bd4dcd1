// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import { parseFile } from "./file.ts";
import { parseRule } from "./parse.ts";
import { printRule } from "./print.ts";
import { unsupported } from "./unsupported.ts";

function ruleOf(text: string) {
  const parsed = parseRule(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.rule;
}

suite("parseRule()", () => {
  /** What may be written in more than one way, and how it is printed. */
  const same: [string, string][] = [
    ["deny   any\t->   any   # why not", "deny any -> any"],
    ["deny user:ann any -> any", "deny user:ann -> any"],
    ["deny any -> 192.0.2.1 , 192.0.2.2,  loopback tcp/80 , 443", "deny any -> 192.0.2.1,192.0.2.2,loopback tcp/80,443"],
    ["deny any -> API.GitHub.com.", "deny any -> api.github.com"],
    ["deny any -> 2001:DB8:0:0:0:0:0:1", "deny any -> 2001:db8::1"],
    ["deny any -> ::ffff:192.0.2.1", "deny any -> 192.0.2.1"],
    ["deny any -> ::ffff:10.0.0.0/104", "deny any -> 10.0.0.0/8"],
    ["deny any -> country:de", "deny any -> country:DE"],
    ["deny any -> any ip/6", "deny any -> any tcp"],
    ["deny any -> any for 3600s", "deny any -> any for 1h"],
    ["deny any -> any note why quiet", 'deny any -> any quiet note "why"'],
    ["deny /opt/a#b -> any", 'deny "/opt/a#b" -> any'],
    ['deny "/opt/\\xc3\\xa9" -> any', "deny /opt/é -> any"],
    ['deny script:"/a b/c" -> any', 'deny script:"/a b/c" -> any'],
  ];
  for (const [written, printed] of same) test(`parseRule() reads ${written}`, () => assert.equal(printRule(ruleOf(written)), printed));

  /** Text, column, and what the message says. */
  const wrong: [string, number, RegExp][] = [
    ["", 1, /There is no rule here/],
    ["# only a comment", 1, /There is no rule here/],
    ["alow any -> any", 1, /^"alow" is not an action; expected allow, deny or ask; did you mean "allow"\?$/],
    ["allow", 6, /The rule ends too early: expected who/],
    ["allow firefox -> any", 7, /"firefox" is not a program; expected any, an absolute path/],
    ["allow pakg:curl -> any", 7, /"pakg" is not a kind of program; did you mean "pkg"\?/],
    ["allow unit: -> any", 7, /expected a name after the colon/],
    ["allow script:sync.py -> any", 14, /"sync.py" is no absolute path/],
    ["allow pkg:cur* -> any", 14, /Cannot use "\*" in pkg: only paths may be patterns/],
    ["allow /opt/app/ -> any", 7, /is a folder; for every program in it write \/opt\/app\/\*\*$/],
    ["allow any via /usr/bin/ssh -> any", 15, /Cannot use "any" with via/],
    ["allow /a b/c -> any", 10, /"b\/c" here: expected -> .*quote a path with spaces/],
    ["allow any => any", 11, /Cannot read "=>" here: expected -> \(outgoing\), <- \(incoming\) or <-> \(both\)/],
    ["allow any ->", 13, /ends too early: expected where/],
    ["allow any -> 10.0.0.5/8", 14, /"10.0.0.5\/8" has bits set beyond its prefix: expected 10.0.0.0\/8, or 10.0.0.5 alone/],
    ["allow any -> 10.0.0.0/33", 14, /Cannot read prefix length "33": expected 0 to 32/],
    ["allow any -> 300.1.1.1", 14, /"300.1.1.1" is not an address/],
    ["allow any -> https://example.org:8443/a", 14, /is the address of a page: expected the host alone, "example.org"; ports follow/],
    ["allow any -> file:///etc", 14, /is the address of a page: expected a host; ports follow/],
    ["allow any -> 192.0.2.9-192.0.2.1", 14, /its end is before its start; expected 192.0.2.1-192.0.2.9/],
    ["allow any -> 192.0.2.9-::1", 14, /expected two addresses of one family/],
    ["allow any -> fe80::1%eth0", 14, /Cannot use a zone .* expected the address alone, fe80::1/],
    ["allow any -> bü_%cher.example", 14, /"bü_%cher.example" is not a place/],
    ["allow any -> Internet", 14, /is written in lower case: expected internet/],
    ["allow any -> 1.1.1.1,,2.2.2.2", 22, /empty entry/],
    ["allow any -> 1.1.1.1, 10.0.0.5/8", 23, /bits set beyond/],
    ["allow any -> any tcp/70000", 18, /Cannot read port "70000": the highest port is 65535/],
    ["allow any -> any 443/tcp", 18, /"443\/tcp" is the wrong way round: expected tcp\/443/],
    ["allow any -> any tcp/80,70000-70001", 25, /Cannot read port range "70000-70001": the highest port is 65535/],
    ["allow any -> any 90-80", 18, /its end is before its start; expected 80-90/],
    ["allow any -> any tpc/80", 18, /"tpc" is not a protocol with ports.*did you mean "tcp"\?/],
    ["allow any -> any icmp,80", 23, /after a protocol that has no ports/],
    ["allow any -> any ip/256", 18, /expected a number from 0 to 255/],
    ["allow any -> any foever", 18, /"foever" is not an option/],
    ["allow any -> any for 0m", 22, /Cannot read "0m" as a time/],
    ["allow any -> any for", 21, /Nothing follows "for"/],
    ["allow any -> any until reboot", 24, /"reboot" does not end a rule; expected quit or restart/],
    ["allow any -> any quiet quiet", 24, /expected only one quiet/],
    ["allow any -> any once for 5m", 23, /expected only one lifetime/],
    ["allow any -> any priority hihg", 27, /did you mean "high"\?/],
    ["allow any -> any profile home", 18, /Profiles come with a later version/],
    ['allow "/a b -> any', 7, /expected another "/],
    ["allow /a\\b -> any", 9, /expected the word in quotes/],
    ['allow "/a\\q" -> any', 10, /expected \\", \\\\, \\\* or \\xNN/],
    ['allow "/a\\*/*" -> any', 7, /in a pattern every \* is a wildcard/],
    ["allow /a\udcff -> any", 9, /not UTF-8/],
    ["allow any -> any\ndeny any -> any", 17, /A rule is one line/],
    ['allow "/🦊" -> nowhere at all', 23, /"at" is not an option/],
    ["allow any -> e\u202evil", 14, /"e\\xe2\\x80\\xaevil"/],
  ];
  for (const [text, column, message] of wrong) {
    test(`parseRule() refuses ${JSON.stringify(text)}`, () => {
      const parsed = parseRule(text);
      assert.ok(!parsed.ok, "it was read");
      assert.equal(parsed.problems.length, 1);
      const [problem] = parsed.problems;
      assert.match(problem?.message ?? "", message);
      assert.deepEqual([problem?.line, problem?.column], [1, column]);
    });
  }
});

suite("parseFile()", () => {
  test("parseFile() reads header, comments, line numbers, CRLF and a byte order mark", () => {
    const text =
      "\ufeff# group: Work\r\n# description: what work needs\r\n\r\nallow any -> loopback\r\n  # a note\r\ndeny any -> any # last\r\n";
    const parsed = parseFile(text, "/etc/holdfast/rules.d/10-work.rules");
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.group, { name: "Work", description: "what work needs" });
    assert.deepEqual(
      parsed.rules.map(({ line, rule }) => [line, printRule(rule)]),
      [
        [4, "allow any -> loopback"],
        [6, "deny any -> any"],
      ],
    );
  });

  test("parseFile() names the group after the file when no header does", () => {
    const parsed = parseFile("deny any -> any", "/etc/holdfast/rules.d/10-work.rules");
    assert.deepEqual(parsed.ok && parsed.group, { name: "10-work", description: null });
  });

  test("parseFile() refuses the file whole, with every line that is wrong", () => {
    const parsed = parseFile("alow any -> any\nallow any -> any\n\nallow any -> 10.0.0.5/8\n", "a.rules");
    assert.ok(!parsed.ok);
    assert.deepEqual(
      parsed.problems.map(({ line, column }) => [line, column]),
      [
        [1, 1],
        [4, 14],
      ],
    );
  });

  test("parseFile() refuses a second group header", () => {
    const parsed = parseFile("# group: a\n# group: b\ndeny any -> any", "a.rules");
    assert.deepEqual(!parsed.ok && parsed.problems.map(({ line }) => line), [2]);
  });
});

suite("unsupported()", () => {
  test("unsupported() names what comes later, and what a host name was probably meant to be", () => {
    assert.match(unsupported(ruleOf("deny any -> loopbak")) ?? "", /did you mean "loopback"\?/);
    for (const where of ["asn:13335", "country:DE"]) {
      assert.match(unsupported(ruleOf(`deny any -> loopback,${where}`)) ?? "", /come with/);
    }
    assert.match(unsupported(ruleOf(`deny any -> .${"a.".repeat(15)}b`)) ?? "", /more than 15 labels/);
    assert.match(unsupported(ruleOf("allow any -> any once")) ?? "", /an answer to a question/);
    assert.equal(
      unsupported(
        ruleOf("deny any -> loopback,10.0.0.0/8,internet,dns-servers,api.github.com,.example.org,*.example.org,printer,list:ads"),
      ),
      null,
    );
  });
});

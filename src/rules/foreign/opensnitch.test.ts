// SPDX-License-Identifier: Apache-2.0
/** Rules of OpenSnitch: what each operand becomes, and what is left out. Samples made by hand. */
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import { firstEntry, imported, texts } from "./import.fixture.ts";

/** One rule with these conditions, all of which have to hold. */
function open(conditions: readonly object[], more: object = {}) {
  const operator = conditions.length === 1 ? conditions[0] : { type: "list", operand: "list", data: "", list: conditions };
  return firstEntry({ name: "", action: "allow", duration: "always", enabled: true, precedence: false, operator, ...more });
}

suite("readOpensnitch()", () => {
  const simple = (operand: string, data: string) => ({ type: "simple", operand, data, sensitive: false, list: null });
  const regexp = (operand: string, data: string) => ({ type: "regexp", operand, data, sensitive: false, list: [] });

  /** Conditions, the rules they become, and what is said (null: carried over as they were). */
  const cases: [object[], string[], RegExp | null][] = [
    [[simple("true", "")], ["allow any -> any"], null],
    [[simple("process.path", "/usr/bin/curl")], ["allow /usr/bin/curl -> any"], null],
    [[simple("dest.host", "www.Example.org")], ["allow any -> www.example.org"], null],
    [[simple("dest.ip", "192.0.2.1"), simple("dest.port", "23"), simple("user.id", "1000")], ["allow user:1000 -> 192.0.2.1 23"], null],
    [[{ type: "network", operand: "dest.network", data: "10.0.0.0/8" }], ["allow any -> 10.0.0.0/8"], null],
    [[{ type: "network", operand: "dest.network", data: "LAN" }], ["allow any -> local-net"], /became local-net/],
    [[{ type: "range", operand: "dest.port", data: "8000-8100" }, simple("protocol", "tcp")], ["allow any -> any tcp/8000-8100"], null],
    [[simple("protocol", "udp"), regexp("dest.port", "^(53|80|443)$")], ["allow any -> any udp/53,80,443"], null],
    [[regexp("dest.port", "^555[12-4]$")], ["allow any -> any 5551,5552,5553,5554"], null],
    [[simple("protocol", "tcp6")], ["allow any -> ::/0 tcp"], null],
    [[regexp("protocol", "^(tcp|tcp6)$")], ["allow any -> any tcp"], null],
    [[simple("protocol", "tcp6"), simple("dest.ip", "2001:db8::1")], ["allow any -> 2001:db8::1 tcp"], null],
    [[simple("user.name", "ann"), simple("iface.out", "lo")], ["allow user:ann -> loopback"], null],
    [[regexp("dest.host", "^(.*\\.)?example\\.org$")], ["allow any -> .example.org"], null],
    [[regexp("dest.host", "(^|\\.)example\\.org$")], ["allow any -> .example.org"], null],
    [[regexp("dest.host", "^.*\\.example\\.org$")], ["allow any -> *.example.org"], null],
    [[regexp("dest.host", "^(a|b)\\.example\\.org$")], ["allow any -> a.example.org,b.example.org"], null],
    [[regexp("dest.host", "(?i)^www\\.example\\.org$")], ["allow any -> www.example.org"], null],
    [[regexp("dest.host", ".*\\.github.com")], ["allow any -> *.github.com"], /dot that was not escaped.*it ends with the name/],
    [[regexp("dest.ip", "^(127\\.0\\.0\\.1|::1)$")], ["allow any -> 127.0.0.1,::1"], null],
    [[regexp("dest.ip", "^(127\\..*|192\\.168\\..*)$")], ["allow any -> 127.0.0.0/8,192.168.0.0/16"], null],
    [[regexp("process.path", "^/usr/bin/(curl|wget)$")], ["allow /usr/bin/curl -> any", "allow /usr/bin/wget -> any"], /became 2 rules/],
    [[regexp("process.path", "^/opt/app/.*")], ["allow /opt/app/** -> any"], null],
    [[regexp("process.path", "^/usr/lib/[^/]*/x$")], ["allow /usr/lib/*/x -> any"], null],
    [
      [simple("process.path", "/usr/bin/ssh"), simple("process.parent.path", "/usr/bin/git")],
      ["allow /usr/bin/git via /usr/bin/ssh -> any"],
      /A via B/,
    ],
    [[simple("process.command", "python3 /home/ann/sync.py")], ["allow script:/home/ann/sync.py -> any"], /whatever its arguments/],
  ];
  for (const [conditions, rules, sentence] of cases) {
    test(`readOpensnitch() reads ${rules.join(" and ")}`, () => {
      const result = open(conditions);
      assert.deepEqual([result.rules, result.outcome], [rules, sentence === null ? "carried" : "changed"], result.sentences);
      if (sentence !== null) assert.match(result.sentences, sentence);
    });
  }

  const left: [object[], RegExp][] = [
    [[simple("process.id", "12")], /a process is gone/],
    [[simple("process.env.HOME", "/root")], /environment/],
    [[simple("process.hash.md5", "abc")], /checksum/],
    [[simple("source.ip", "192.0.2.1")], /other side/],
    [[{ type: "lists", operand: "lists.domains", data: "/etc/lists/" }], /holdfast lists add/],
    [[simple("iface.out", "eth0")], /network interfaces/],
    [[simple("moon.phase", "full")], /no operand known/],
    [[simple("__proto__", "x")], /no operand known/],
    [[simple("process.command", "curl -s https://example.org")], /not about arguments/],
    [[simple("process.parent.path", "/usr/bin/git")], /parent alone/],
    [[regexp("process.path", "/tmp/.*")], /expected whole paths/],
    [[regexp("process.path", "^/tmp/[0-9A-Za-z]+/x$")], /more|list of texts/],
    [[regexp("dest.host", "example\\.org$")], /expected names/],
    [[regexp("dest.host", "^ads?[0-9]*\\.")], /list of texts/],
    [[regexp("dest.port", "^(80|443)")], /between \^ and \$/],
    [[regexp("dest.ip", "192\\.168\\..*")], /expected addresses/],
    [[regexp("dest.host", "(")], /list of texts/],
    [[regexp("dest.port", "^[0-9][0-9][0-9]$")], /list of texts/],
    [[simple("dest.ip", "192.0.2.1"), simple("dest.host", "a.org")], /two conditions about places/],
    [[simple("protocol", "tcp6"), simple("dest.host", "a.org")], /IPv6 alone/],
    [[simple("protocol", "icmp"), simple("dest.port", "80")], /it has none/],
  ];
  for (const [conditions, sentence] of left) {
    test(`readOpensnitch() leaves out ${JSON.stringify(conditions)}`, () => {
      const result = open(conditions);
      assert.deepEqual([result.rules, result.outcome], [[], "left-out"], JSON.stringify(result));
      assert.match(result.sentences, sentence);
    });
  }

  test("readOpensnitch() reads action, duration, precedence, nolog, enabled, name and description", () => {
    const curl = [simple("process.path", "/usr/bin/curl")];
    assert.deepEqual(open(curl, { action: "reject", nolog: true }).rules, ["deny /usr/bin/curl -> any quiet"]);
    assert.deepEqual(open(curl, { duration: "15m", enabled: false }).rules, ["allow /usr/bin/curl -> any for 15m disabled"]);
    assert.deepEqual(open(curl, { precedence: true }).rules, ["allow /usr/bin/curl -> any priority high"]);
    assert.deepEqual(open(curl, { duration: "until restart" }).rules, ["allow /usr/bin/curl -> any until restart"]);
    assert.deepEqual(open(curl, { name: "000-curl", description: "why" }).rules, ['allow /usr/bin/curl -> any note "000-curl: why"']);
    assert.match(open(curl, { duration: "once" }).sentences, /it is over/);
    assert.match(open(curl, { duration: "soon" }).sentences, /Cannot read duration/);
    assert.match(open(curl, { action: "ponder" }).sentences, /is not an action/);
    assert.equal(open(curl, { colour: "red" }).outcome, "changed");
  });

  test("readOpensnitch() reads the list of older versions, which is text, and several rules of one file", () => {
    const data = JSON.stringify([simple("dest.ip", "1.1.0.1"), simple("dest.port", "23")]);
    const rule = { name: "a", action: "deny", duration: "always", operator: { type: "list", operand: "list", data, list: null } };
    const result = imported([rule, { ...rule, operator: { type: "list", operand: "list", data: "", list: [] } }]);
    assert.deepEqual(texts(result), ['deny any -> 1.1.0.1 23 note "a"']);
    assert.deepEqual(
      result.report.lines.map(({ at, outcome }) => [at, outcome]),
      [
        ["[0]", "carried"],
        ["[1]", "left-out"],
      ],
    );
    assert.equal(result.report.remarks.length, 2);
  });
});

// SPDX-License-Identifier: Apache-2.0
/** Which format a file has, which rules become one, and that every entry is in the report. */
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import fc from "fast-check";
import { parseRule } from "../parse.ts";
import { printRule } from "../print.ts";
import { unsupported } from "../unsupported.ts";
import { formatOf, readJson } from "./foreign.ts";
import { imported, texts } from "./import.fixture.ts";

suite("formatOf()", () => {
  const formats: [string, string | null][] = [
    ['{"rules": []}', "lsrules"],
    ['\ufeff {"denied-remote-hosts": ["a.org"]}', "lsrules"],
    ['{"action": "deny", "operator": {"type": "simple"}}', "opensnitch"],
    ['[{"action": "deny", "operator": {"type": "simple"}}]', "opensnitch"],
    ['{"schema": 1}', null],
    ["[]", null],
    ["{", null],
    ["allow any -> any", null],
  ];
  for (const [text, format] of formats) test(`formatOf() says ${format} of ${text}`, () => assert.equal(formatOf(readJson(text)), format));
});

suite("joinAlike()", () => {
  const deny = (host: string, more: object = {}) => ({ process: "any", action: "deny", "remote-hosts": host, ...more });

  test("joinAlike() makes one rule with a list of tens of thousands, and the report still has a line for each", () => {
    const count = 30_000;
    const rules = Array.from({ length: count }, (_, i) => deny(`h${i}.example`));
    const result = imported({ name: "Huge List!", rules: [...rules, { process: "/usr/bin/curl", action: "allow", remote: "any" }] });
    assert.deepEqual(texts(result), ["deny any -> list:huge-list", "allow /usr/bin/curl -> any"]);
    assert.equal(result.lists[0]?.entries.length, count);
    assert.equal(result.lists[0]?.entries[7], "h7.example");
    assert.deepEqual([result.report.carried, result.report.lines.length], [count + 1, count + 1]);
  });

  test("joinAlike() makes one rule with several places of a few, and keeps notes apart", () => {
    const result = imported({ rules: [deny("a.org"), deny("b.org"), deny("c.org", { notes: "c" }), deny("a.org")] });
    assert.deepEqual(texts(result), ["deny any -> a.org,b.org", 'deny any -> c.org note "c"']);
  });

  test("joinAlike() does not join where another rule would win then", () => {
    const result = imported({
      rules: [
        { process: "/usr/bin/curl", action: "deny", "remote-hosts": "a.org" },
        { process: "/usr/bin/curl", action: "deny", "remote-hosts": "b.org" },
        { process: "any", action: "allow", "remote-hosts": "a.org" },
      ],
    });
    assert.deepEqual(texts(result), ["deny /usr/bin/curl -> a.org", "deny /usr/bin/curl -> b.org", "allow any -> a.org"]);
  });

  test("joinAlike() joins very many all the same, and says so", () => {
    const many = Array.from({ length: 300 }, (_, i) => deny(`h${i}.example`, { notes: `no. ${i}` }));
    const result = imported({ rules: [...many, { process: "any", action: "allow", "remote-domains": "example" }] });
    assert.deepEqual(texts(result), ["deny any -> list:sample", "allow any -> .example"]);
    assert.equal(result.report.changed, 300);
    assert.match(result.report.lines[5]?.sentences.join() ?? "", /comes later in the order.*note "no\. 5" is not kept/);
  });

  test("importForeign() leaves out what cannot be enforced yet, each with its sentence, and makes a list of the rest", () => {
    const addresses = Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`);
    const rule = { process: "any", action: "deny", "remote-domains": `${"a.".repeat(15)}b` };
    const result = imported({ "denied-remote-addresses": addresses, rules: [rule] }, unsupported);
    assert.equal(result.rules.length, 1);
    assert.deepEqual(result.rules[0]?.where, [{ kind: "list", name: "sample" }]);
    assert.deepEqual(result.lists, [{ name: "sample", entries: addresses }]);
    assert.match(result.report.lines.flatMap(({ sentences }) => sentences).join(), /more than 15 labels/);
    assert.deepEqual([result.report.carried, result.report.leftOut], [100, 1]);
  });
});

suite("lists of an import", () => {
  test("joinAlike() makes no list of what a list cannot have on it", () => {
    const addresses = Array.from({ length: 40 }, (_, i) => `192.0.2.${i}`);
    const result = imported({
      rules: [
        { process: "any", action: "deny", "remote-addresses": addresses },
        { process: "any", action: "deny", remote: "local-net" },
      ],
    });
    assert.deepEqual(result.lists, []);
    assert.equal(result.rules[0]?.where.length, 41);
  });
});

suite("importForeign()", () => {
  const name = fc.constantFrom("a.org", "B.example.", ".c.net", "bücher.example", "192.0.2.1", "bad name", "x_y.z", "");
  const path = fc.constantFrom("any", "/usr/bin/curl", '/Applications/A "b" #c.app/x', "/tmp/*", "rel/path", "/dir/", "/usr/bin/a\nb");
  const scalar = fc.oneof(
    name,
    fc.constantFrom("any", "tcp", "443", "1-2", "high", "allow", "deny", "incoming", "local-net"),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
  );
  const field = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }));
  const keys = [
    "process",
    "via",
    "remote",
    "remote-hosts",
    "remote-domains",
    "remote-addresses",
    "direction",
    "action",
    "priority",
    "ports",
    "protocol",
    "disabled",
    "notes",
  ];
  const little = fc.record(
    {
      ...Object.fromEntries(keys.map((key) => [key, field])),
      process: fc.oneof(path, field),
      action: fc.constantFrom("allow", "deny", "ask"),
      notes: fc.string(),
    },
    { requiredKeys: ["action"] },
  );
  const operand = fc.constantFrom(
    "true",
    "process.path",
    "process.command",
    "process.parent.path",
    "user.id",
    "dest.host",
    "dest.ip",
    "dest.port",
    "dest.network",
    "protocol",
    "iface.out",
  );
  const data = fc.oneof(
    path,
    name,
    fc.constantFrom("^(a|b)\\.org$", "^/opt/.*", "^(80|443)$", "tcp6", "^10\\..*", "10.0.0.0/8"),
    fc.string({ maxLength: 12 }),
  );
  const condition = fc.record({ type: fc.constantFrom("simple", "regexp", "network", "range"), operand, data });
  const opensnitch = fc.record({
    action: fc.constantFrom("allow", "deny", "reject"),
    name: fc.string(),
    operator: fc.oneof(
      condition,
      fc.record({ type: fc.constant("list"), operand: fc.constant("list"), list: fc.array(condition, { maxLength: 4 }) }),
    ),
  });
  const file = fc.oneof(
    fc.record({ rules: fc.array(little, { maxLength: 8 }), "denied-remote-domains": fc.array(name, { maxLength: 8 }) }),
    fc.array(opensnitch, { minLength: 1, maxLength: 8 }),
  );

  test("importForeign() makes rules that lose nothing in their text, and has a line for every entry", () => {
    let made = 0;
    fc.assert(
      fc.property(file, (value) => {
        const result = imported(value);
        for (const rule of result.rules) assert.deepEqual(parseRule(printRule(rule)), { ok: true, rule }, printRule(rule));
        made += result.rules.length;
        const entries = Array.isArray(value) ? value.length : value.rules.length + value["denied-remote-domains"].length;
        const { carried, changed, leftOut, lines } = result.report;
        assert.equal(lines.length, entries);
        assert.equal(carried + changed + leftOut, entries);
        for (const { outcome, rules, sentences } of lines) {
          assert.equal(rules.length === 0, outcome === "left-out");
          assert.equal(sentences.length === 0, outcome === "carried");
        }
      }),
      { numRuns: 2000 },
    );
    assert.ok(made > 1000, `${made} rules`);
  });
});

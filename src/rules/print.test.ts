// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import fc from "fast-check";
import { decodeBytes } from "../contract/bytes.ts";
import { Action, Direction, type PortSpec, Priority, type Program, Rule, type Where } from "../contract/rule.ts";
import { type Address, prefixRange, printAddress } from "./address.ts";
import { parseRule } from "./parse.ts";
import { printRule } from "./print.ts";

/** Any bytes but NUL, as paths have them; often with what the language itself is made of. */
const bytes = fc.oneof(
  fc.uint8Array({ min: 1, minLength: 1, maxLength: 12 }).map(decodeBytes),
  fc.string({ unit: "binary", minLength: 1, maxLength: 8 }).filter((text) => text.isWellFormed() && !text.includes("\0")),
  fc.constantFrom(
    "a b",
    'q"uote',
    "line\nbreak",
    "#no comment",
    "a -> b",
    "->",
    "via",
    "back\\slash\\x41",
    "a,b",
    "é\u202e",
    "any",
    "\udcff\udcfe",
  ),
);
const noStar = bytes.map((text) => text.replaceAll("*", "+"));
const path = fc.array(bytes, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join("/")}`.replace(/\/+$/, "/x"));
const glob = fc
  .array(fc.oneof(noStar, fc.constantFrom("*", "**", "*.so")), { minLength: 1, maxLength: 3 })
  .map((parts) => `/${parts.join("/")}/*`);

const program: fc.Arbitrary<Program> = fc.oneof(
  path.map((value): Program => ({ kind: "path", value })),
  glob.map((value): Program => ({ kind: "glob", value })),
  path.map((value): Program => ({ kind: "script", value })),
  fc.record({ kind: fc.constantFrom("pkg", "unit", "container", "flatpak", "snap", "appimage"), value: bytes }),
  fc.constant<Program>({ kind: "kernel", value: "" }),
);
const who = fc.oneof(
  fc.record({ user: fc.option(bytes), program: fc.constant<Program>({ kind: "any", value: "" }), via: fc.constant(null) }),
  fc.record({ user: fc.option(bytes), program, via: fc.option(program) }),
);

const mapped = ({ family, value }: Address): boolean => family === 6 && value >> 32n === 0xffffn;
const address: fc.Arbitrary<Address> = fc.oneof(
  fc.bigInt({ min: 0n, max: 0xffffffffn }).map((value): Address => ({ family: 4, value })),
  fc
    .oneof(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), fc.constantFrom(0n, 1n, 0x20010db8n << 96n, (0xffn << 120n) | 0xfbn))
    .map((value): Address => ({ family: 6, value }))
    .filter((a) => !mapped(a)),
);
const label = fc.stringMatching(/^[a-z_]([a-z0-9_-]{0,10}[a-z])?$/);
const name = fc.tuple(label, fc.constantFrom("example.org", "xn--bcher-kva.example", "net")).map((parts) => parts.join("."));

const where: fc.Arbitrary<Where> = fc.oneof(
  address.map((a): Where => ({ kind: "address", address: printAddress(a) })),
  fc
    .tuple(address, fc.nat(128))
    .map(([a, n]): Where => {
      const prefix = a.family === 4 ? n % 33 : n;
      return { kind: "cidr", address: printAddress({ ...a, value: prefixRange(a, prefix).first }), prefix };
    })
    .filter((entry) => entry.kind === "cidr" && !(entry.address.includes(".") && entry.prefix > 32)),
  fc.tuple(address, fc.bigInt({ min: 0n, max: 1000n })).map(([a, n]): Where => {
    const low = { ...a, value: a.value > n ? a.value - n : 0n };
    return { kind: "range", first: printAddress(mapped(low) ? a : low), last: printAddress(a) };
  }),
  fc.record({ kind: fc.constantFrom("host", "domain", "subdomains"), name }),
  fc.record({ kind: fc.constant("list"), name: bytes }),
  fc.record({ kind: fc.constant("asn"), number: fc.nat(4294967295) }),
  fc.record({ kind: fc.constant("country"), code: fc.stringMatching(/^[A-Z]{2}$/) }),
  fc.record({ kind: fc.constantFrom("dns-servers", "loopback", "broadcast", "multicast", "local-net", "internet", "any") }),
);

const port = fc.nat(65535);
const range = fc.tuple(port, port).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }));
const ports: fc.Arbitrary<PortSpec> = fc.oneof(
  fc.record({ protocol: fc.constantFrom(null, 6, 17, 33, 132, 136), ports: range }),
  fc.record({ protocol: fc.nat(255), ports: fc.constant(null) }),
  fc.constant<PortSpec>({ protocol: "icmp", ports: null }),
);

const rule: fc.Arbitrary<Rule> = fc.record({
  action: fc.constantFrom(...Action.options),
  who,
  direction: fc.constantFrom(...Direction.options),
  where: fc.array(where, { minLength: 1, maxLength: 4 }),
  ports: fc.array(ports, { maxLength: 4 }),
  lifetime: fc.oneof(
    fc.record({ kind: fc.constantFrom("ever", "once", "quit", "restart") }),
    fc.record({ kind: fc.constant("for"), seconds: fc.integer({ min: 1, max: 10_000_000 }) }),
  ),
  priority: fc.constantFrom(...Priority.options),
  notify: fc.boolean(),
  quiet: fc.boolean(),
  disabled: fc.boolean(),
  note: fc.option(fc.oneof(bytes, fc.constant(""))),
});

suite("printRule()", () => {
  test("printRule() is read back by parseRule() as the same rule", () => {
    fc.assert(
      fc.property(rule, (made) => {
        assert.deepEqual(parseRule(printRule(made)), { ok: true, rule: Rule.parse(made) }, printRule(made));
      }),
      { numRuns: 5000 },
    );
  });

  test("printRule() writes nothing that is not safe to show", () => {
    const unsafe = /[\p{Cc}\p{Surrogate}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;
    fc.assert(
      fc.property(rule, (made) => {
        assert.doesNotMatch(printRule(made), unsafe);
      }),
      { numRuns: 2000 },
    );
  });

  const canonical = [
    "deny any -> .doubleclick.net",
    "allow /usr/bin/curl -> api.github.com tcp/443",
    "allow /usr/bin/git via /usr/bin/ssh -> github.com tcp/22",
    "allow unit:nginx.service <- any tcp/80,443",
    "allow user:backup /usr/bin/rsync -> 10.20.0.0/16 tcp/873 until restart",
    'deny flatpak:com.example.App -> internet note "only the LAN"',
    "allow script:/home/ann/bin/sync.py -> .example.org for 2h",
    "deny any -> list:ads quiet",
    "allow /opt/firefox/firefox -> any tcp/80,443,udp/443",
    "ask user:ann <-> *.example.org,country:DE,asn:13335,192.0.2.1-192.0.2.9 443,tcp/80,any/53,icmp,ip/47,sctp priority highest notify disabled",
    'allow "/opt/a b/\\*" -> ::/0',
    "allow /opt/**/bin/* -> any",
    'allow "/tmp/\\xff\\x0a\\"\\\\" -> any',
  ];
  for (const text of canonical) {
    test(`printRule() gives back ${text}`, () => {
      const parsed = parseRule(text);
      assert.ok(parsed.ok, JSON.stringify(parsed));
      assert.equal(printRule(parsed.rule), text);
    });
  }
});

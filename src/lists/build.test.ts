// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import fc from "fast-check";
import { knownAddress } from "../contract/address.ts";
import { buildLists, type ListTables } from "./build.ts";
import { listOf, testKey } from "./lists.fixture.ts";
import { hitsOf, listMatcher, matchAddress, matchName } from "./match.ts";

const KEY = testKey(1);

/** "0 .ads.example" for each list a name or an address is on. */
function on(tables: ListTables, what: string): string[] {
  const matches = /^[\d.]+$|:/.test(what) ? matchAddress(tables, knownAddress(what)) : matchName(tables, what);
  return matches.map(({ list, entry }) => `${list} ${entry}`);
}

suite("buildLists()", () => {
  const tables = buildLists(
    [
      listOf(["host.example", ".domain.example", "*.below.example", "192.0.2.0/24", "2001:db8::/32"]),
      listOf(
        ["www.domain.example", ".example.org", "192.0.2.128/25", "192.0.3.1"],
        ["good.example.org", ".better.example.org", "192.0.2.200"],
      ),
    ],
    KEY,
  );

  /** What each name and address is on, and by which entry. */
  const cases: [string, string[]][] = [
    ["host.example", ["0 host.example"]],
    ["www.host.example", []],
    ["example", []],
    ["domain.example", ["0 .domain.example"]],
    ["mydomain.example", []],
    ["www.domain.example", ["0 .domain.example", "1 www.domain.example"]],
    ["a.www.domain.example", ["0 .domain.example"]],
    ["below.example", []],
    ["x.below.example", ["0 *.below.example"]],
    ["y.x.below.example", ["0 *.below.example"]],
    ["example.org", ["1 .example.org"]],
    ["good.example.org", []],
    ["x.good.example.org", ["1 .example.org"]],
    ["better.example.org", []],
    ["x.better.example.org", []],
    ["192.0.2.1", ["0 192.0.2.0/24"]],
    ["192.0.2.199", ["0 192.0.2.0/24", "1 192.0.2.128-192.0.2.199"]],
    ["192.0.2.200", ["0 192.0.2.0/24"]],
    ["192.0.2.255", ["0 192.0.2.0/24", "1 192.0.2.201-192.0.2.255"]],
    ["192.0.3.0", []],
    ["192.0.3.1", ["1 192.0.3.1"]],
    ["2001:db8:1::1", ["0 2001:db8::/32"]],
    ["2001:db9::", []],
  ];
  for (const [what, lists] of cases)
    test(`buildLists() has ${what} on [${lists.join("; ")}]`, () => assert.deepEqual(on(tables, what), lists));

  test("listMatcher() answers as rules ask", () => {
    const matcher = listMatcher(tables, 0);
    assert.equal(matcher.has("a.domain.example"), ".domain.example");
    assert.equal(matcher.has("good.example.org"), null);
    assert.equal(matcher.hasAddress("192.0.2.7"), "192.0.2.0/24");
    assert.equal(matcher.hasAddress("192.0.9.7"), null);
  });

  test("hitsOf() gives class and length of each suffix, longest first", () => {
    const hits = hitsOf(tables, "www.domain.example");
    assert.deepEqual(
      hits.map(({ length, whole }) => ({ length, whole })),
      [
        { length: 18, whole: true },
        { length: 14, whole: false },
      ],
    );
    assert.deepEqual(tables.classes.get(hits[0]?.class ?? 0), { self: 2n, below: 0n, final: false });
  });

  test("buildLists() takes exceptions out of their own list only, also above and below holes", () => {
    const [first, second] = [listOf([".a.b.c", ".b.c", "x.a.b.c"], [".a.b.c", "*.z.b.c", ".n.o"]), listOf([".c", "x.a.b.c"], ["b.c"])];
    const built = buildLists([first, second], KEY);
    assert.deepEqual(on(built, "x.a.b.c"), ["1 x.a.b.c"]);
    assert.deepEqual(on(built, "a.b.c"), ["1 .c"]);
    assert.deepEqual(on(built, "y.b.c"), ["0 .b.c", "1 .c"]);
    assert.deepEqual(on(built, "b.c"), ["0 .b.c"]);
    assert.deepEqual(on(built, "z.b.c"), ["0 .b.c", "1 .c"]);
    assert.deepEqual(on(built, "q.z.b.c"), ["1 .c"]);
  });

  test("buildLists() builds nothing from nothing", () => {
    const empty = buildLists([], KEY);
    assert.equal(empty.names.bytes, 64);
    assert.deepEqual(on(empty, "a.example"), []);
    assert.deepEqual(on(empty, "0.0.0.0"), []);
    assert.deepEqual(on(empty, "::"), []);
  });

  test("buildLists() holds the whole of both families", () => {
    const all = buildLists([listOf(["0.0.0.0/0", "::/0", "255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"])], KEY);
    for (const address of ["0.0.0.0", "255.255.255.255"]) assert.deepEqual(on(all, address), ["0 0.0.0.0/0"]);
    assert.deepEqual(on(all, "ffff::"), ["0 ::/0"]);
    assert.equal(all.v4.count, 1);
  });
});

suite("buildLists(), any lists", () => {
  const label = fc.constantFrom("a", "b", "c", "d");
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
  const entry = fc.tuple(fc.constantFrom("", ".", "*."), name).map((parts) => parts.join(""));
  const list = fc.tuple(fc.array(entry, { maxLength: 8 }), fc.array(entry, { maxLength: 4 }));

  const takes = (pattern: string, asked: string): boolean =>
    (!pattern.startsWith("*") && asked === pattern.replace(/^\./, "")) ||
    (/^[.*]/.test(pattern) && asked.endsWith(`.${pattern.replace(/^\*?\./, "")}`));

  test("a name is on a list exactly when an entry takes it and no exception does", () => {
    fc.assert(
      fc.property(fc.array(list, { maxLength: 4 }), fc.array(name, { minLength: 1, maxLength: 20 }), (lists, names) => {
        const tables = buildLists(
          lists.map(([entries, exceptions]) => listOf(entries, exceptions)),
          KEY,
        );
        for (const asked of names) {
          const expected = lists.flatMap(([entries, exceptions], i) =>
            entries.some((e) => takes(e, asked)) && !exceptions.some((e) => takes(e, asked)) ? [i] : [],
          );
          const matches = matchName(tables, asked);
          assert.deepEqual(
            matches.map((match) => match.list),
            expected,
            asked,
          );
          for (const match of matches) assert.ok(takes(match.entry, asked), `${asked} by ${match.entry}`);
        }
      }),
      { numRuns: 1500 },
    );
  });

  const longName = fc
    .array(fc.stringMatching(/^[a-z0-9]{1,12}$/), { minLength: 1, maxLength: 5 })
    .map((labels) => `${labels.join(".")}.example`);

  test("every name is found, and no other", () => {
    fc.assert(
      fc.property(fc.uniqueArray(longName, { maxLength: 200 }), fc.array(longName, { maxLength: 50 }), (members, others) => {
        const tables = buildLists([listOf(members)], KEY);
        for (const member of members) assert.deepEqual(on(tables, member), [`0 ${member}`]);
        for (const other of others) if (!members.includes(other)) assert.deepEqual(on(tables, other), []);
      }),
      { numRuns: 200 },
    );
  });

  test("an address is on a list exactly when a range takes it and no exception does", () => {
    const last = fc.integer({ min: 0, max: 40 });
    const range = fc.tuple(fc.constantFrom("192.0.2.", "2001:db8::", "2001:db8:0:1::"), last, fc.integer({ min: 0, max: 9 }));
    const text = ([base, first, more]: readonly [string, number, number]): string => {
      const write = (n: number): string => (base.includes(":") ? n.toString(16) : `${n}`);
      return `${base}${write(first)}-${base}${write(first + more)}`;
    };
    const inside = ([base, first, more]: readonly [string, number, number], [asked, n]: readonly [string, number, number]): boolean =>
      base === asked && first <= n && n <= first + more;
    const ranges = fc.array(range, { maxLength: 6 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(ranges, ranges), { maxLength: 4 }),
        fc.array(range, { minLength: 1, maxLength: 20 }),
        (lists, points) => {
          const tables = buildLists(
            lists.map(([entries, exceptions]) => listOf(entries.map(text), exceptions.map(text))),
            KEY,
          );
          for (const point of points) {
            const expected = lists.flatMap(([entries, exceptions], i) =>
              entries.some((e) => inside(e, point)) && !exceptions.some((e) => inside(e, point)) ? [i] : [],
            );
            const [address = ""] = text(point).split("-");
            assert.deepEqual(
              matchAddress(tables, knownAddress(address)).map((match) => match.list),
              expected,
              address,
            );
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

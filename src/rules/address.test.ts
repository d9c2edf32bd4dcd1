// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import test, { suite } from "node:test";
import fc from "fast-check";
import { type Address, knownAddress, parseAddress, prefixRange, printAddress } from "./address.ts";

suite("addresses", () => {
  /** RFC 5952, 4 and 5; the last two are one address in two forms. */
  const canonical: [string, string][] = [
    ["2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:DB8:0:0:1:0:0:0", "2001:db8:0:0:1::"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["1::", "1::"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:201", "192.0.2.1"],
  ];
  for (const [text, printed] of canonical) {
    test(`printAddress() writes ${text} as ${printed}`, () => assert.equal(printAddress(knownAddress(text)), printed));
  }

  const wrong = [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "256.1.1.1",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    ":1::",
    "::1.2.3.4:5",
    "1.2.3.4::",
    "fe80::1%lo",
    "g::",
  ];
  for (const text of wrong) test(`parseAddress() refuses "${text}"`, () => assert.equal(parseAddress(text), null));

  const address = fc.oneof(
    fc.bigInt({ min: 0n, max: 0xffffffffn }).map((value): Address => ({ family: 4, value })),
    fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((value): Address => ({ family: 6, value })),
  );

  test("parseAddress() reads what printAddress() writes, and Node takes it for an address of that family", () => {
    fc.assert(
      fc.property(address, (a) => {
        assert.deepEqual(parseAddress(printAddress(a)), a);
        assert.equal(isIP(printAddress(a)), a.family);
      }),
    );
  });

  test("parseAddress() takes no text that Node does not take for an address", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f:.]{1,20}$/), (text) => {
        assert.equal(parseAddress(text) !== null, isIP(text) !== 0, text);
      }),
      { numRuns: 5000 },
    );
  });

  test("prefixRange() holds what Node's BlockList holds", () => {
    fc.assert(
      fc.property(address, fc.nat(128), (a, n) => {
        const prefix = a.family === 4 ? n % 33 : n;
        const { first, last, family } = prefixRange(a, prefix);
        const list = new BlockList();
        const kind = family === 4 ? "ipv4" : "ipv6";
        list.addSubnet(printAddress(a), prefix, kind);
        const holds = (value: bigint): boolean => list.check(printAddress({ family, value }), kind);
        assert.ok(holds(first) && holds(last));
        if (first > 0n) assert.ok(!holds(first - 1n));
      }),
    );
  });
});

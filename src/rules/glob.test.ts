// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import fc from "fast-check";
import { globMatches } from "./glob.ts";

/** The same meaning, said as a regular expression. */
function asExpression(glob: string): RegExp {
  const source = glob.replace(/\*+|[^*]/g, (part) =>
    part === "*" ? "[^/]*" : part.startsWith("*") ? "[^]*" : `\\x${part.charCodeAt(0).toString(16)}`,
  );
  return new RegExp(`^${source}$`);
}

suite("globMatches()", () => {
  const cases: [string, string, boolean][] = [
    ["/usr/bin/*", "/usr/bin/curl", true],
    ["/usr/bin/*", "/usr/bin/a/b", false],
    ["/opt/**", "/opt/a/b", true],
    ["/opt/**", "/optional", false],
    ["/opt/**/bin/*", "/opt/bin/x/bin/a", true],
    ["/opt/*/b", "/opt//b", true],
    ["/a*", "/a\n\udcff", true],
  ];
  for (const [glob, path, holds] of cases) {
    test(`globMatches() says ${holds} for ${JSON.stringify([glob, path])}`, () => assert.equal(globMatches(glob, path), holds));
  }

  test("globMatches() agrees with a regular expression", () => {
    const unit = fc.constantFrom("a", "b", "/", "*", "**");
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 8 }), fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 12 }), (glob, path) => {
        assert.equal(globMatches(glob, path), asExpression(glob).test(path));
      }),
      { numRuns: 20_000 },
    );
  });

  test("globMatches() gives up on a long path without trying every split", () => {
    assert.equal(globMatches(`/${"*a".repeat(40)}*b`, `/${"a".repeat(4000)}`), false);
  });
});

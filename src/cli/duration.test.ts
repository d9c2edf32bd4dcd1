// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDuration } from "./duration.ts";

test("parseDuration() reads a number and a unit, in seconds", () => {
  for (const [text, seconds] of [
    ["90s", 90],
    ["15m", 900],
    ["2h", 7200],
    ["1d", 86400],
  ] as const)
    assert.equal(parseDuration(text), seconds);
  for (const text of ["", "5", "s", "0s", "-1s", "1.5h", "5x", "1h30m", "99999999999999999999d"]) {
    assert.throws(() => parseDuration(text), { code: "bad-input", message: new RegExp(`^Cannot read duration "${text}": `) });
  }
});

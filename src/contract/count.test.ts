// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { count, countIs } from "./count.ts";

test("count() says one of a thing as one", () => {
  assert.deepEqual(
    [0, 1, 2, 4096].map((n) => count(n, "rule")),
    ["0 rules", "1 rule", "2 rules", "4096 rules"],
  );
  assert.deepEqual(
    [count(1, "entry", { many: "entries" }), count(4096, "entry", { many: "entries", grouped: true })],
    ["1 entry", "4,096 entries"],
  );
  assert.deepEqual([countIs(1, "line"), countIs(3, "line")], ["1 line is", "3 lines are"]);
});

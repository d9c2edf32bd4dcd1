// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { PRESETS } from "./presets.ts";

test("PRESETS can be added as they are printed: names apart, encrypted, and nothing that a shell would read", () => {
  const names = PRESETS.map(({ name }) => name);
  assert.deepEqual(names, [...new Set(names)]);
  assert.ok(names.length >= 10);
  for (const { name, url, home, licence } of PRESETS) {
    assert.match(name, /^[a-z0-9][a-z0-9-]{0,63}$/);
    for (const each of [url, home]) assert.equal(new URL(each).protocol, "https:", each);
    assert.ok(!url.includes("'"), url);
    assert.match(licence, /^(https:\/\/.+|[A-Z][A-Za-z0-9.-]+)$/);
  }
});

// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { ruleSchemaText } from "./schema.ts";

test("ruleSchemaText() is what docs/rule.schema.json holds", () => {
  assert.equal(readFileSync(join(import.meta.dirname, "../../docs/rule.schema.json"), "utf8"), ruleSchemaText());
});

// SPDX-License-Identifier: Apache-2.0
/** Writes docs/rule.schema.json from contract/rule.ts. `--check`: writes nothing, exits 1 when the file is not what would be written. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ruleSchemaText } from "../src/rules/schema.ts";

const FILE = join(import.meta.dirname, "../docs/rule.schema.json");

function current(): string | null {
  try {
    return readFileSync(FILE, "utf8");
  } catch {
    return null;
  }
}

if (!process.argv.includes("--check")) writeFileSync(FILE, ruleSchemaText());
else if (current() !== ruleSchemaText()) {
  console.error("docs/rule.schema.json is not up to date: run node tools/gen-schema.ts");
  process.exitCode = 1;
}

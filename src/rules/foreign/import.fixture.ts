// SPDX-License-Identifier: Apache-2.0
/** Foreign files given as JSON values, imported on a machine with a few programs. */
import assert from "node:assert/strict";
import type { Rule } from "../../contract/rule.ts";
import { printRule } from "../print.ts";
import { type ForeignImport, formatOf, importForeign, readJson } from "./foreign.ts";

const INSTALLED = ["/usr/bin/curl", "/usr/bin/git", "/usr/bin/ssh", "/opt/firefox/firefox", "/usr/lib/git-core/git-remote-http"];

/** What `file` comes to; `refused` as ImportOptions has it. */
export function imported(file: unknown, refused: (rule: Rule) => string | null = () => null): ForeignImport {
  const value = readJson(JSON.stringify(file));
  const format = formatOf(value);
  assert.ok(format !== null);
  return importForeign(value, format, { machine: { exists: (path) => INSTALLED.includes(path) }, refused, fileName: "sample" });
}

/** The rules of an import as text. */
export const texts = (result: ForeignImport): string[] => result.rules.map(printRule);

/** What became of the first entry: its rules, the outcome, and what is said about it. */
export function firstEntry(file: unknown): { rules: string[]; outcome: string; sentences: string } {
  const result = imported(file);
  const [line] = result.report.lines;
  return { rules: texts(result), outcome: line?.outcome ?? "", sentences: line?.sentences.join("; ") ?? "" };
}

// SPDX-License-Identifier: Apache-2.0
/** A rule group: a file of rules with its name and description in the comments at its head. Refused whole, with everything that is wrong in it. */
import type { Problem, Rule } from "../contract/rule.ts";
import { parseLine } from "./parse.ts";

export type ParsedFile =
  | {
      readonly ok: true;
      /** `name` is the file's without its folder and ".rules" when no header says it. */
      readonly group: { readonly name: string; readonly description: string | null };
      readonly rules: readonly { readonly rule: Rule; readonly line: number }[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const HEADER = /^[ \t]*#[ \t]*(group|description):[ \t]*(.*?)[ \t]*$/;

/** The rules of a file's text; `fileName` may be a path. Bytes that are not UTF-8 are expected as contract/bytes.ts keeps them. */
export function parseFile(text: string, fileName: string): ParsedFile {
  const headers = new Map<string, string>();
  const rules: { rule: Rule; line: number }[] = [];
  const problems: Problem[] = [];
  for (const [index, raw] of text
    .replace(/^\ufeff/, "")
    .split("\n")
    .entries()) {
    const content = raw.replace(/\r$/, "");
    const line = index + 1;
    const header = HEADER.exec(content);
    if (header !== null && rules.length === 0) {
      const [, key = "", said = ""] = header;
      if (headers.has(key)) problems.push({ line, column: 1, message: `The ${key} is said twice: expected one "# ${key}:" in a file` });
      else if (said !== "") headers.set(key, said);
    }
    const parsed = parseLine(content, line);
    if (parsed === null) continue;
    if (parsed.ok) rules.push({ rule: parsed.rule, line });
    else problems.push(...parsed.problems);
  }
  if (problems.length > 0) return { ok: false, problems };
  const name = headers.get("group") ?? fileName.replace(/^.*\//, "").replace(/\.rules$/, "");
  return { ok: true, group: { name, description: headers.get("description") ?? null }, rules };
}

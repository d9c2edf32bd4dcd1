// SPDX-License-Identifier: Apache-2.0
/** What a rule names that is not on this machine: most often a slip of the pen, and else something that comes later. */
import { readFileSync, statSync } from "node:fs";
import { encodeBytes } from "../contract/bytes.ts";
import type { Rule } from "../contract/rule.ts";

/** Whether there is no such file for certain: what the caller may not see may well be there. */
function noFile(path: string): boolean {
  try {
    statSync(Buffer.from(encodeBytes(path)));
    return false;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    return code === "ENOENT" || code === "ENOTDIR";
  }
}

/** Whether there is no such user where the daemon looks for users; a number is always one. */
function noUser(name: string, passwd: string): boolean {
  if (/^\d+$/.test(name)) return false;
  try {
    return !readFileSync(passwd, "utf8")
      .split("\n")
      .some((line) => line.startsWith(`${name}:`));
  } catch {
    return false;
  }
}

/** The lists a rule is about. */
export function listsOf({ where }: Rule): string[] {
  return where.flatMap((place) => (place.kind === "list" ? [place.name] : []));
}

/**
 * A sentence for each program file, script and user of `rule` that is not there, and for each of its lists that is not among `lists`.
 * Globs, packages and services are not looked for.
 */
export function absentWords(rule: Rule, lists: readonly string[], passwd = "/etc/passwd"): string[] {
  const { who } = rule;
  const files = [who.program, who.via].flatMap((program) =>
    (program?.kind === "path" || program?.kind === "script") && noFile(program.value) ? [program.value] : [],
  );
  const words = files.map((path) => `There is no file "${path}" here: until there is, the rule matches no program`);
  if (who.user !== null && noUser(who.user, passwd)) words.push(`There is no user "${who.user}" here: the rule matches nobody`);
  for (const name of listsOf(rule))
    if (!lists.includes(name)) words.push(`There is no list "${name}" here: until "holdfast lists add" makes it, nothing is on it`);
  return words;
}

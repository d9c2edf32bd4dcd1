// SPDX-License-Identifier: Apache-2.0
/** Rule -> text: one line, safe to show whatever is in it, and read back by parse.ts as the same rule. */
import type { Rule } from "../contract/rule.ts";
import { printOptions } from "./options.ts";
import { printPorts } from "./ports.ts";
import { printWhere } from "./where.ts";
import { printWho } from "./who.ts";

const ARROWS = { out: "->", in: "<-", both: "<->" } as const;

/** The rule as rules.md writes it. */
export function printRule(rule: Rule): string {
  const ports = printPorts(rule.ports);
  return [
    rule.action,
    printWho(rule.who),
    ARROWS[rule.direction],
    printWhere(rule.where),
    ...(ports === "" ? [] : [ports]),
    ...printOptions(rule),
  ].join(" ");
}

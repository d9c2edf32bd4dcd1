// SPDX-License-Identifier: Apache-2.0
/** What the language has and this version cannot enforce yet. A rule that would silently never match is refused instead. */
import type { Rule } from "../contract/rule.ts";
import { suggestPlace } from "./where.ts";

/** A sentence why `rule` cannot be used yet, or null when it can. */
export function unsupported(rule: Rule): string | null {
  for (const entry of rule.where) {
    switch (entry.kind) {
      case "host": {
        return `Host names in rules come with the next version: expected an address in place of "${entry.name}"${suggestPlace(entry.name)}`;
      }
      case "domain":
      case "subdomains":
        return `Domains in rules come with the next version: expected addresses in place of "${entry.kind === "domain" ? "." : "*."}${entry.name}"`;
      case "list":
        return "Lists in rules come with a later version: expected addresses, up to 4,096 rules of them";
      case "asn":
      case "country":
        return "Networks and countries in rules come with a later version: expected addresses or prefixes";
    }
  }
  if (rule.lifetime.kind === "once")
    return 'A rule cannot be valid once: "once" is an answer to a question; expected for 15m, until restart or no lifetime';
  return null;
}

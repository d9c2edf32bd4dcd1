// SPDX-License-Identifier: Apache-2.0
/** What the language has and this version cannot enforce yet. A rule that would silently never match is refused instead. */
import { CANDIDATE_LABELS } from "../contract/layout.gen.ts";
import type { Rule } from "../contract/rule.ts";
import { suggestPlace } from "./where.ts";

/** A sentence why `rule` cannot be used yet, or null when it can. */
export function unsupported(rule: Rule): string | null {
  for (const entry of rule.where) {
    switch (entry.kind) {
      case "host": {
        const meant = suggestPlace(entry.name);
        if (meant === "") break;
        return `Cannot tell whether "${entry.name}" is a host${meant}; a host of that name is written .${entry.name}`;
      }
      case "domain":
      case "subdomains":
        if (entry.name.split(".").length < CANDIDATE_LABELS) break;
        return `Cannot use domain "${entry.name}": it has more than ${CANDIDATE_LABELS - 1} labels; expected fewer, or a host name`;
      case "asn":
      case "country":
        return "Networks and countries in rules come with a later version: expected addresses or prefixes";
    }
  }
  if (rule.lifetime.kind === "once")
    return 'A rule cannot be valid once: "once" is an answer to a question; expected for 15m, until restart or no lifetime';
  return null;
}

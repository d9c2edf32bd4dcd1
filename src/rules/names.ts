// SPDX-License-Identifier: Apache-2.0
/** Names a connection is known by (rules.md, Names): which of its candidates are decided, and which place of a rule holds for a name. */
import type { Candidate, Connection } from "../contract/connection.ts";
import type { Where } from "../contract/rule.ts";

/** How many candidates are decided; a connection with more is ambiguous (rules.md). */
export const DECIDED_CANDIDATES = 4;

/** The names that count in one look-up. Without `trusted` they count for rules that deny or ask, not for those that allow. */
export type Named = Pick<Candidate, "names" | "trusted">;

/** An address is just an address. */
export const NAMELESS: Named = { names: [], trusted: true };

/** Whether a host, domain or `*.` entry takes `name`; entries of other kinds take none. */
export function nameMatches(entry: Where, name: string): boolean {
  switch (entry.kind) {
    case "host":
      return name === entry.name;
    case "domain":
      return name === entry.name || name.endsWith(`.${entry.name}`);
    case "subdomains":
      return name.endsWith(`.${entry.name}`);
    default:
      return false;
  }
}

/**
 * The candidates that are decided: its own process's first, newest first. Names that the program may have made up come after all
 * others, so that making up more of them hides none.
 */
export function decidedCandidates({ candidates }: Pick<Connection, "candidates">): Candidate[] {
  const rank = ({ own, trusted }: Candidate): number => (trusted ? 0 : 2) + (own ? 0 : 1);
  return candidates.toSorted((a, b) => rank(a) - rank(b)).slice(0, DECIDED_CANDIDATES);
}

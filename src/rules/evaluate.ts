// SPDX-License-Identifier: Apache-2.0
/** The reference: rules in order and a connection -> the decision. Written to be read; bpf/decide.h over compiled tables must agree with it. */
import type { Candidate, Connection, Decision, Mode, Verdict } from "../contract/connection.ts";
import type { Environment } from "../contract/environment.ts";
import type { PlacedRule } from "../contract/rule.ts";
import { appMatches, restMatches, type Seen, seenAs } from "./match.ts";
import { decidedCandidates, NAMELESS, type Named } from "./names.ts";

const UNIDENTIFIED: Decision = { by: "unidentified", verdict: "identify", rule: null };

/** The most restrictive first; the unidentified meet no *deny* and no *ask*. */
const RESTRICTIVE: readonly Verdict[] = ["deny", "ask", "identify", "allow"];

/** Why a connection's names leave it open what it is: their verdicts differ, or there are more of them than are decided. */
export type Ambiguity = "verdicts" | "number";

/** `candidates` holds what each decided one comes to by itself, in the order in which they were decided; `deciding` is what decided. */
export type Judgement = {
  readonly decision: Decision;
  readonly deciding: Named;
  readonly candidates: readonly { readonly candidate: Candidate; readonly decision: Decision }[];
  readonly ambiguous: Ambiguity | null;
};

/** The enabled rules of `ordered` that match by `named`, first to decide first. With an unidentified app: those about any program. */
export function matchingRules(
  ordered: readonly PlacedRule[],
  connection: Connection,
  environment: Environment,
  named: Named = NAMELESS,
): PlacedRule[] {
  const seen = seenAs(connection, named);
  return ordered.filter(
    ({ rule, enabled }) =>
      enabled &&
      restMatches(rule, seen, environment) &&
      (connection.app === null
        ? rule.who.program.kind === "any" && rule.who.via === null
        : appMatches(rule.who, connection.app, environment)),
  );
}

/**
 * Not knowing the app: what allows any program still allows it, unless a rule before it denies or asks, of any program or of one
 * that this may turn out to be. Then it has to be identified first.
 */
function decideUnidentified(ordered: readonly PlacedRule[], seen: Seen, mode: Mode, environment: Environment): Decision {
  for (const { id, rule, enabled } of ordered) {
    if (!enabled || !restMatches(rule, seen, environment)) continue;
    if (rule.action !== "allow") return UNIDENTIFIED;
    if (rule.who.program.kind === "any" && rule.who.via === null) return { by: "rule", verdict: "allow", rule: id };
  }
  return mode === "allow" ? { by: "mode", verdict: "allow", rule: null } : UNIDENTIFIED;
}

/** One look-up: the first rule in the order that matches, else the mode. */
function decide(ordered: readonly PlacedRule[], seen: Seen, mode: Mode, environment: Environment): Decision {
  const { app } = seen.connection;
  if (app === null) return decideUnidentified(ordered, seen, mode, environment);
  const winner = ordered.find(
    ({ rule, enabled }) => enabled && restMatches(rule, seen, environment) && appMatches(rule.who, app, environment),
  );
  if (winner === undefined) return { by: "mode", verdict: mode, rule: null };
  return { by: "rule", verdict: winner.rule.action, rule: winner.id };
}

const restrictiveness = ({ verdict }: Decision): number => RESTRICTIVE.indexOf(verdict);

/**
 * What happens to `connection`, and what its names have to do with it. `ordered` comes from orderRules. Where no name counts for allow the
 * address by itself is decided too, so that a name the program made up can only deny or ask. Throws RangeError when an address is none.
 */
export function judge(ordered: readonly PlacedRule[], connection: Connection, mode: Mode, environment: Environment): Judgement {
  const chosen = decidedCandidates(connection);
  const by = (named: Named): Decision => decide(ordered, seenAs(connection, named), mode, environment);
  const candidates = chosen.map((candidate) => ({ candidate, decision: by(candidate) }));
  const views: { readonly named: Named; readonly decision: Decision }[] = candidates.map(({ candidate, decision }) => ({
    named: candidate,
    decision,
  }));
  if (!chosen.some(({ trusted }) => trusted)) views.unshift({ named: NAMELESS, decision: by(NAMELESS) });
  const deciding = views.reduce((most, view) => (restrictiveness(view.decision) < restrictiveness(most.decision) ? view : most));
  const differ = candidates.some(({ decision }) => decision.verdict !== candidates[0]?.decision.verdict);
  return {
    decision: deciding.decision,
    deciding: deciding.named,
    candidates,
    ambiguous: differ ? "verdicts" : connection.candidates.length > chosen.length ? "number" : null,
  };
}

/** What happens to `connection`. `ordered` comes from orderRules. Throws RangeError when an address is none. */
export function evaluate(ordered: readonly PlacedRule[], connection: Connection, mode: Mode, environment: Environment): Decision {
  return judge(ordered, connection, mode, environment).decision;
}

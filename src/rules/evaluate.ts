// SPDX-License-Identifier: Apache-2.0
/** The reference: rules in order and a connection -> the decision. Written to be read; bpf/decide.h over compiled tables must agree with it. */
import type { Connection, Decision, Mode } from "../contract/connection.ts";
import type { Environment } from "../contract/environment.ts";
import type { PlacedRule } from "../contract/rule.ts";
import { knownAddress } from "./address.ts";
import { appMatches, restMatches } from "./match.ts";

const UNIDENTIFIED: Decision = { by: "unidentified", verdict: "identify", rule: null };

/** The enabled rules of `ordered` that match, first to decide first. With an unidentified app: those about any program. */
export function matchingRules(ordered: readonly PlacedRule[], connection: Connection, environment: Environment): PlacedRule[] {
  const peer = knownAddress(connection.address);
  return ordered.filter(
    ({ rule, enabled }) =>
      enabled &&
      restMatches(rule, connection, peer, environment) &&
      (connection.app === null
        ? rule.who.program.kind === "any" && rule.who.via === null
        : appMatches(rule.who, connection.app, environment)),
  );
}

/**
 * Not knowing the app: what allows any program still allows it, unless a rule before it denies or asks, of any program or of one
 * that this may turn out to be. Then it has to be identified first.
 */
function evaluateUnidentified(ordered: readonly PlacedRule[], connection: Connection, mode: Mode, environment: Environment): Decision {
  const peer = knownAddress(connection.address);
  for (const { id, rule, enabled } of ordered) {
    if (!enabled || !restMatches(rule, connection, peer, environment)) continue;
    if (rule.action !== "allow") return UNIDENTIFIED;
    if (rule.who.program.kind === "any" && rule.who.via === null) return { by: "rule", verdict: "allow", rule: id };
  }
  return mode === "allow" ? { by: "mode", verdict: "allow", rule: null } : UNIDENTIFIED;
}

/** What happens to `connection`. `ordered` comes from orderRules. Throws RangeError when an address is none. */
export function evaluate(ordered: readonly PlacedRule[], connection: Connection, mode: Mode, environment: Environment): Decision {
  const { app } = connection;
  if (app === null) return evaluateUnidentified(ordered, connection, mode, environment);
  const peer = knownAddress(connection.address);
  const winner = ordered.find(
    ({ rule, enabled }) => enabled && restMatches(rule, connection, peer, environment) && appMatches(rule.who, app, environment),
  );
  if (winner === undefined) return { by: "mode", verdict: mode, rule: null };
  return { by: "rule", verdict: winner.rule.action, rule: winner.id };
}

// SPDX-License-Identifier: Apache-2.0
/** Why a connection is judged as it is: the rule that decides, the one that comes next, and what put the first before it. */
import type { App } from "../contract/app.ts";
import type { Connection, Mode } from "../contract/connection.ts";
import type { Environment } from "../contract/environment.ts";
import type { PlacedRule } from "../contract/rule.ts";
import { type Ambiguity, judge, matchingRules } from "./evaluate.ts";
import { DECIDED_CANDIDATES } from "./names.ts";
import { compareRules, STEP_NAMES, type Step } from "./order.ts";
import { printRule } from "./print.ts";

/**
 * `position` 1 is the first of the enabled rules; `rule`, `text` and `position` are null when no rule matches and the mode decides.
 * `candidates`: what each name that was asked for comes to by itself (its rule null: the mode).
 */
export type Explanation = {
  readonly verdict: "allow" | "deny" | "ask";
  readonly by: "rule" | "factory" | "mode";
  readonly rule: number | null;
  readonly text: string | null;
  readonly position: number | null;
  readonly next: { readonly rule: number; readonly text: string; readonly step: Step; readonly stepName: string } | null;
  readonly candidates: readonly {
    readonly name: string;
    readonly verdict: "allow" | "deny" | "ask";
    readonly rule: number | null;
  }[];
  readonly ambiguous: Ambiguity | null;
};

/** What decides about `connection`, whose app is known. `ordered` comes from orderRules. */
export function explain(
  ordered: readonly PlacedRule[],
  connection: Connection & { readonly app: App },
  mode: Mode,
  environment: Environment,
): Explanation {
  const { deciding, ambiguous, candidates: judged } = judge(ordered, connection, mode, environment);
  const candidates = judged.flatMap(({ candidate, decision }) =>
    decision.by === "unidentified" ? [] : [{ name: candidate.names[0] ?? "", verdict: decision.verdict, rule: decision.rule }],
  );
  const [winner, second] = matchingRules(ordered, connection, environment, deciding);
  if (winner === undefined) return { verdict: mode, by: "mode", rule: null, text: null, position: null, next: null, candidates, ambiguous };
  const enabled = ordered.filter((placed) => placed.enabled);
  const step = second === undefined ? null : compareRules(winner, second).step;
  return {
    verdict: winner.rule.action,
    by: winner.author === "factory" ? "factory" : "rule",
    rule: winner.id,
    text: printRule(winner.rule),
    position: enabled.indexOf(winner) + 1,
    next:
      second === undefined || step === null ? null : { rule: second.id, text: printRule(second.rule), step, stepName: STEP_NAMES[step] },
    candidates,
    ambiguous,
  };
}

/** What each step says of the rule that won. */
const REASONS: readonly string[] = [
  "it is mandatory",
  "its priority is higher",
  "its where is of a more specific kind",
  "its where is narrower",
  "it is more specific about who",
  "it names the user",
  "it is more specific about ports",
  "its author comes first",
  "deny comes before allow, and allow before ask",
  "it is newer",
];

function decisionLines({ verdict, rule, text, position, next }: Explanation): string[] {
  if (rule === null) return [`No rule matches: the mode decides, ${verdict}.`];
  const decides = `Rule ${rule}, number ${position} in the order, decides: ${text}`;
  if (next === null) return [decides, "No other rule matches."];
  return [
    decides,
    `Next would be rule ${next.rule}: ${next.text}`,
    `Rule ${rule} comes first because ${REASONS[next.step]} (step ${next.step}, ${next.stepName}).`,
  ];
}

function ambiguityLines({ candidates, ambiguous }: Explanation): string[] {
  if (ambiguous === null) return [];
  if (ambiguous === "number")
    return [`The address has more names than are decided (${DECIDED_CANDIDATES}): which one is meant is not certain.`];
  const each = candidates.map(({ name, verdict }) => `${name} (${verdict})`).join(", ");
  return [`The address has several names with different verdicts: ${each}. The most restrictive one wins.`];
}

/** The explanation in sentences, one a line. */
export function explanationText(explanation: Explanation): string {
  return [...decisionLines(explanation), ...ambiguityLines(explanation)].join("\n");
}

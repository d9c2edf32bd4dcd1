// SPDX-License-Identifier: Apache-2.0
/** An answer becomes a rule, or "once", a word on the held flows; it returns when held packets have been sent or refused. */
import { getDomain } from "tldts";
import type { RequestOf } from "../contract/api.ts";
import { visible } from "../contract/bytes.ts";
import { Failure } from "../contract/failure.ts";
import { Action, DecidedBy } from "../contract/layout.gen.ts";
import type { Question } from "../contract/shapes.ts";
import { TableFullError } from "../kernel/kernel.ts";
import { type Asked, answerRule, offeredScopes } from "../rules/answer.ts";
import { printRule } from "../rules/print.ts";
import { addressText } from "./address.ts";
import { closeAnswered, type OpenQuestion, reconsider } from "./ask.ts";
import type { BackendReply } from "./backend.ts";
import { edit, newRule } from "./down.ts";
import { forFlow } from "./each.ts";
import type { Engine } from "./engine.ts";
import { askerOf, onceKey, unreadable } from "./holds.ts";
import { judged } from "./judged.ts";
import { programRuns } from "./lifetimes.ts";

/** By the Public Suffix List, the private part included: everybody's pages of one host are not one's own. */
function domainOf(name: string): string | null {
  return getDomain(name, { allowPrivateDomains: true });
}

/** What rules/answer.ts asks of a question. */
function asked(engine: Engine, { app, flow, flows, askRule }: OpenQuestion): Asked {
  /* Incoming questions may be about several peers, and a frame that cannot be read about any. */
  const single = !unreadable(flow) && (flow.direction === 0 || flows === 1);
  const address = single ? addressText({ high: flow.peerHigh, low: flow.peerLow }) : null;
  return {
    app,
    direction: flow.direction === 0 ? "out" : "in",
    protocol: flow.protocol,
    address,
    port: flow.direction === 0 ? flow.peerPort : flow.localPort,
    own: flow.own !== 0,
    ask: askRule?.rule ?? null,
    candidates: address === null ? [] : engine.names.candidates(address, askerOf(flow), Date.now()),
    domainOf,
  };
}

/** The scopes a question offers, narrowest first; none when only "once" is left. */
export function scopesOf(engine: Engine, question: OpenQuestion): Question["scopes"] {
  return offeredScopes(asked(engine, question), engine.environment);
}

/** What a plain `allow` would add, as text; why there is no such rule when nothing but "once" is left. */
export function resultingRule(engine: Engine, question: OpenQuestion): string {
  const answer = { action: "allow", scope: null, anyPort: unreadable(question.flow), lifetime: { kind: "ever" } } as const;
  const made = answerRule(asked(engine, question), answer, engine.environment);
  return made.ok ? printRule(made.rule) : made.problem;
}

/** Answers "once": every flow the question waits for is let go or refused, and no rule is made. */
function answerOnce(engine: Engine, question: OpenQuestion, allow: boolean): { released: number; refused: number } {
  const counts = { released: 0, refused: 0 };
  for (const hold of engine.holds.all()) {
    if (!question.holds.has(hold.key)) continue;
    try {
      engine.kernel.putOnce(onceKey(hold.flow), allow);
      engine.holds.answer(hold.flow, allow);
    } catch (error) {
      if (error instanceof TableFullError)
        throw new Failure("failed", `${error.message}: answer with a rule instead, for example --for 15m`);
      throw error;
    }
    forFlow(engine, () => (allow ? engine.holds.release(hold) : engine.holds.refuse(hold)));
    const action = allow ? Action.ALLOW : Action.DENY;
    const { generation } = engine;
    judged(engine, hold.flow, { action, by: DecidedBy.ONCE, rule: 0, generation, looked: true, timeMs: Date.now() });
    counts[allow ? "released" : "refused"] += 1;
  }
  return counts;
}

/** `ask answer`. */
export async function answerQuestion(engine: Engine, request: RequestOf<"answer">): Promise<BackendReply<"answer">> {
  const question = engine.questions.get(request.id);
  if (question === null)
    throw new Failure("not-found", `Cannot answer question ${request.id}: it is not open; "holdfast ask ls" lists those that are`);
  const { action, scope, lifetime } = request;
  const anyPort = request.anyPort || unreadable(question.flow);
  const made = answerRule(asked(engine, question), { action, scope, anyPort, lifetime }, engine.environment);
  if (lifetime.kind === "once") {
    const counts = answerOnce(engine, question, action === "allow");
    closeAnswered(engine, { question, answer: action, rule: null });
    return { rule: null, text: made.ok ? printRule(made.rule) : `${action} once`, ...counts };
  }
  if (!made.ok) throw new Failure("bad-input", `Cannot answer question ${request.id} so. ${made.problem}`);
  const { rule } = made;
  const program = rule.who.program.value;
  if (lifetime.kind === "quit" && !programRuns(engine, program))
    throw new Failure(
      "conflict",
      `Cannot answer question ${request.id} until "${visible(program)}" quits: it has ended already; answer with another --for`,
    );
  const before = new Set(question.holds);
  const done = await edit(engine, (store) => store.edit([{ kind: "add", rule: newRule(rule, program) }], Date.now()));
  closeAnswered(engine, { question, answer: action, rule: done.rules[0]?.id ?? null });
  /* An edit settles everything that waits; what this question still waits for now is another rule's doing. */
  for (const hold of engine.holds.all()) if (before.has(hold.key)) forFlow(engine, () => reconsider(engine, hold));
  return { rule: done.rules[0]?.id ?? null, text: printRule(rule), released: done.settled.released, refused: done.settled.refused };
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Questions to the person, and what becomes of the flows that wait for their answers. Flows that share program, place and port are one
 * question; incoming ones share program and our port. An answer is a rule (or, "once", a word written on the held flows).
 */
import { splitZeros } from "../apps/proc.ts";
import type { App } from "../contract/app.ts";
import type { QuestionId } from "../contract/ids.ts";
import { Action, DecidedBy } from "../contract/layout.gen.ts";
import type { Rule } from "../contract/rule.ts";
import type { Question } from "../contract/shapes.ts";
import type { DecisionFields } from "../kernel/kernel.ts";
import { addressText } from "./address.ts";
import { forFlow } from "./each.ts";
import type { Engine } from "./engine.ts";
import { askerOf, connOf, type FlowFields, type Hold } from "./holds.ts";
import { judged } from "./judged.ts";
import { shownQuestion } from "./shown.ts";

/** Open questions for one program (architecture.md, Ask); what is over it waits unasked until one is answered. */
const MAX_QUESTIONS_PER_APP = 64;

export type OpenQuestion = {
  readonly id: QuestionId;
  readonly key: string;
  readonly sinceMs: number;
  readonly app: App;
  readonly classId: number;
  /** The first flow; for incoming questions the peers differ. */
  readonly flow: FlowFields;
  /** The ask rule that raised it, or null: the mode did. */
  readonly askRule: { readonly id: number; readonly rule: Rule } | null;
  /** Of the process that asked first; none until they have been read, which may take as long as the process likes. */
  args: readonly string[];
  /** Waiting flows by hold key; a flow whose asker gave up is not in here, its count is. */
  readonly holds: Set<string>;
  flows: number;
  packets: number;
};

function questionKey(flow: FlowFields): string {
  const { class: classId, direction, protocol, peerHigh, peerLow, peerPort, localPort, uid } = flow;
  return direction === 0
    ? `out:${classId}:${uid}:${protocol}:${peerHigh}:${peerLow}:${peerPort}`
    : `in:${classId}:${uid}:${protocol}:${localPort}`;
}

export class Questions {
  readonly #byKey = new Map<string, OpenQuestion>();
  readonly #byId = new Map<number, OpenQuestion>();
  /** Programs with more questions than are asked: class -> flows waiting unasked. */
  readonly unasked = new Map<number, number>();

  get size(): number {
    return this.#byId.size;
  }

  all(): OpenQuestion[] {
    return [...this.#byId.values()];
  }

  get(id: number): OpenQuestion | null {
    return this.#byId.get(id) ?? null;
  }

  find(flow: FlowFields): OpenQuestion | null {
    return this.#byKey.get(questionKey(flow)) ?? null;
  }

  countOf(classId: number): number {
    let count = 0;
    for (const question of this.#byId.values()) if (question.classId === classId) count += 1;
    return count;
  }

  open(question: Omit<OpenQuestion, "key">): OpenQuestion {
    const entry = { ...question, key: questionKey(question.flow) };
    this.#byKey.set(entry.key, entry);
    this.#byId.set(entry.id, entry);
    return entry;
  }

  close(question: OpenQuestion): void {
    this.#byKey.delete(question.key);
    this.#byId.delete(question.id);
  }
}

/** What the kernel decides about a flow now: by its rules, and by an answer "once", which stands in for ask. */
export function decisionOn(engine: Engine, flow: FlowFields): DecisionFields {
  const decision = engine.kernel.decide(connOf(flow), askerOf(flow));
  const once = decision.action === Action.ASK ? engine.holds.answerOf(flow) : null;
  return once === null ? decision : { ...decision, action: once ? Action.ALLOW : Action.DENY, by: DecidedBy.ONCE, rule: 0 };
}

/** Looks at a waiting flow again: by what the kernel decides now, it is sent, refused, or asked about. Null: nothing waits. */
export function reconsider(engine: Engine, hold: Hold | null): "released" | "refused" | "waits" {
  if (hold === null || !engine.holds.has(hold)) return "waits";
  if (hold.flow.class === 0) {
    const classId = engine.kernel.classOf(hold.image);
    /* What was kept back of its program comes first, and the hold is looked at with it. */
    if (classId !== 0 && engine.unnamed.has(hold.image)) return "waits";
    if (classId !== 0) engine.holds.identified(hold, classId);
  }
  const decision = decisionOn(engine, hold.flow);
  const report = (): void => {
    const ambiguous = decision.ambiguous !== 0;
    judged(engine, hold.flow, { ...decision, ambiguous, generation: engine.generation, looked: true, timeMs: Date.now() });
  };
  if (decision.action === Action.ALLOW) {
    engine.holds.release(hold);
    report();
    return "released";
  }
  if (decision.action === Action.DENY) {
    engine.holds.refuse(hold);
    report();
    return "refused";
  }
  if (decision.action === Action.ASK && hold.gone) engine.holds.forget(hold);
  else if (decision.action === Action.ASK) ask(engine, hold, decision.rule);
  return "waits";
}

function ask(engine: Engine, hold: Hold, ruleId: number): void {
  const { flow } = hold;
  const known = engine.questions.find(flow);
  if (known) {
    if (!known.holds.has(hold.key)) {
      known.holds.add(hold.key);
      known.flows += 1;
    }
    return;
  }
  const app = engine.registry.app(flow.class);
  if (app === null) return;
  if (engine.questions.countOf(flow.class) >= MAX_QUESTIONS_PER_APP) {
    engine.questions.unasked.set(flow.class, (engine.questions.unasked.get(flow.class) ?? 0) + 1);
    engine.health.set(
      "questions-full",
      "info",
      `"${app.name}" has more questions than are asked at once: the others wait until some are answered`,
    );
    return;
  }
  const placed = ruleId === 0 ? undefined : engine.rulebook.book.byId.get(ruleId);
  const sinceMs = Date.now();
  const record = JSON.stringify({
    app: { name: app.name, path: app.path },
    direction: flow.direction === 0 ? "out" : "in",
    protocol: flow.protocol,
    address: addressText({ high: flow.peerHigh, low: flow.peerLow }),
    port: flow.direction === 0 ? flow.peerPort : flow.localPort,
  });
  const question = engine.questions.open({
    id: engine.remember((store) => store.ask(record, sinceMs)) ?? engine.nextQuestionId(),
    sinceMs,
    app,
    classId: flow.class,
    flow,
    askRule: placed ? { id: placed.id, rule: placed.rule } : null,
    args: [],
    holds: new Set([hold.key]),
    flows: 1,
    packets: hold.seen,
  });
  engine.publish({ kind: "question", question: shownQuestion(engine, question) });
  if (app.args.length === 0) void readArgs(engine, question);
}

async function readArgs(engine: Engine, question: OpenQuestion): Promise<void> {
  const bytes = await engine.proc.cmdline(question.flow.tgid);
  if (bytes !== null) question.args = splitZeros(bytes);
}

/** Looks at everything that waits. Due after each policy, and once a second for what was missed. */
export function reconsiderAll(engine: Engine): { readonly released: number; readonly refused: number } {
  let released = 0;
  let refused = 0;
  for (const hold of engine.holds.all()) {
    const outcome = forFlow(engine, () => reconsider(engine, hold));
    if (outcome === "released") released += 1;
    if (outcome === "refused") refused += 1;
  }
  forFlow(engine, () => closeAnswered(engine, null));
  return { released, refused };
}

/** Closes questions that the rules answer by now. */
export function closeAnswered(
  engine: Engine,
  by: { readonly question: OpenQuestion; readonly answer: "allow" | "deny"; readonly rule: number | null } | null,
): void {
  for (const question of engine.questions.all()) {
    const mine = by?.question === question;
    const decision = engine.kernel.decide(connOf(question.flow), askerOf(question.flow));
    if (!mine && decision.action === Action.ASK) continue;
    engine.questions.close(question);
    const answer = mine ? by.answer : decision.action === Action.ALLOW ? "allow" : decision.action === Action.DENY ? "deny" : null;
    const rule = mine ? by.rule : decision.rule || null;
    engine.remember((store) => store.answer(question.id, JSON.stringify({ answer, rule }), Date.now()));
    engine.publish({ kind: "question-closed", id: question.id, answer, rule });
    engine.questions.unasked.delete(question.classId);
    engine.health.clear("questions-full");
  }
}

export type { Question };

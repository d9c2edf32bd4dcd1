// SPDX-License-Identifier: Apache-2.0
/**
 * The journey down: an edit becomes a verdict. When a function here returns, the edit is in force, and on the disk twice. In this order:
 *
 * 1. validate, and keep it in the store: one transaction, on the disk when it ends. What cannot be kept is refused, and nothing happened.
 * 2. put it into its place among the rules, and compile. Meanwhile the disk takes the text that will be STATE/rules.last.
 * 3. write the idle half of the tables, flip, read back. If 2 or 3 fail, the store takes the edit back, and rules.last stays.
 *
 * Now it is in force, and nothing takes it back any more. What fails from here on is told in health:
 *
 * 4. held packets are sent or refused: each by what the tables in force say about it now, asked of the kernel.
 * 5. running connections that are denied now are cut.
 * 6. the text becomes rules.last.
 */

import { join } from "node:path";
import type { App } from "../contract/app.ts";
import { countIs } from "../contract/count.ts";
import type { Environment } from "../contract/environment.ts";
import { Failure } from "../contract/failure.ts";
import { Action, SOCKET_OLDER } from "../contract/layout.gen.ts";
import type { PlacedRule, Rule } from "../contract/rule.ts";
import type { SocketFields } from "../kernel/kernel.ts";
import { PROTOCOL_TCP } from "../kernel/packet.ts";
import { type Compiled, compile } from "../rules/compile.ts";
import { parseRule } from "../rules/parse.ts";
import { printRule } from "../rules/print.ts";
import { unsupported } from "../rules/unsupported.ts";
import type { Beside } from "../store/durable.ts";
import { beginLastGood } from "../store/lastgood.ts";
import { messageOf, StoreFailure } from "../store/problem.ts";
import type { EditDone, EditResult, LastGood, RuleEnd, RuleStep, Store } from "../store/store.ts";
import { reconsiderAll } from "./ask.ts";
import { FLOW_FAILED, forFlow } from "./each.ts";
import type { Engine } from "./engine.ts";
import { environmentWith, readEnvironment } from "./facts.ts";
import { askerOf, connOf } from "./holds.ts";
import { bootId, endedNow, endOf } from "./lifetimes.ts";
import { settingIn } from "./settings.ts";

/** A rule from text somebody gave; throws `Failure` with what would be right. */
export function readRule(text: string): Rule {
  const parsed = parseRule(text);
  if (!parsed.ok) {
    const problems = parsed.problems.map((problem) => ({ file: null, ...problem }));
    const [first] = problems;
    throw new Failure("bad-input", first ? `Cannot read the rule at column ${first.column}: ${first.message}` : "Cannot read the rule", {
      problems,
    });
  }
  const not = unsupported(parsed.rule);
  if (not !== null) throw new Failure("bad-input", not);
  return parsed.rule;
}

/** One edit after the other: each sees what the one before left. */
export function serially<T>(engine: Engine, work: () => Promise<T>): Promise<T> {
  const next = engine.edits.then(work, work);
  engine.edits = next.catch(() => {});
  return next;
}

/** Changes the store; a database that cannot keep the change refuses it, and what is in force stays. */
export function kept<T>(engine: Engine, change: (store: Store) => T): T {
  try {
    return change(engine.store());
  } catch (error) {
    if (error instanceof StoreFailure) throw new Failure("failed", `Cannot keep the edit, so it is refused: ${error.problem.message}`);
    throw error;
  }
}

/** Edits the rules in the store, then everything that follows from it. */
export function edit(engine: Engine, change: (store: Store) => EditResult): Promise<EditDone & { readonly settled: Settled }> {
  return serially(engine, async () => {
    const { before, done } = kept(engine, (store) => ({ before: store.revision(), done: change(store) }));
    if (!done.ok) throw new Failure("conflict", done.message);
    const back = () => {
      if (done.revision !== before) engine.store().withdraw(done.revision);
    };
    const text = await orTakenBack(engine, back, () => follow(engine, done.steps));
    return { ...done, settled: await afterwards(engine, text) };
  });
}

/** Changes a setting or a group in the store, then everything that follows from it. `change` returns what takes it back. */
export function reconfigure(engine: Engine, change: (store: Store) => () => void): Promise<Settled> {
  return serially(engine, async () => {
    const back = kept(engine, change);
    return afterwards(engine, await orTakenBack(engine, back, () => flipAnew(engine)));
  });
}

/** What cannot be in force must not be kept either: the store takes it back, and what was in force still is. */
async function orTakenBack<T>(engine: Engine, back: () => void, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    engine.remember(back);
    engine.remember(() => engine.rulebook.rebuild(Date.now()));
    throw error;
  }
}

export type Settled = { readonly released: number; readonly refused: number; readonly cut: number };

/** Adds a rule of one's own; `end` where its lifetime is not what its text says. */
export function newRule(rule: Rule, program: string, end?: RuleEnd): { text: string; enabled: boolean; ends: RuleEnd } {
  return { text: printRule(rule), enabled: true, ends: end ?? endOf(rule.lifetime, Date.now(), bootId(), program) };
}

/** Reads everything anew that decides, and puts it in force. */
export async function putInForce(engine: Engine, mayLeaveOut = engine.leftOut): Promise<Settled> {
  return afterwards(engine, await flipAnew(engine, mayLeaveOut));
}

function flipAnew(engine: Engine, mayLeaveOut = engine.leftOut): Promise<Beside> {
  engine.rulebook.rebuild(Date.now());
  const rules = engine.rulebook.book.ordered.map(({ rule }) => rule);
  return flip(engine, readEnvironment(rules, engine.lists.matchers), { mayLeaveOut });
}

/** Puts in force what an edit changed in the store. */
function follow(engine: Engine, steps: readonly RuleStep[]): Promise<Beside> {
  engine.rulebook.follow(steps, Date.now());
  const { byId } = engine.rulebook.book;
  const added = steps.flatMap(({ after }) => byId.get(after?.id ?? 0)?.rule ?? []);
  return flip(engine, environmentWith(engine.environment, added, engine.lists.matchers));
}

type FlipOptions = {
  /** How many rules may have no room; an edit may not make them more. */
  readonly mayLeaveOut?: number;
  /** What the store says beside the rules. */
  readonly decided?: LastGood;
};

/** Compiles the rules of the book and flips. When it throws, what was in force still is. Returns the text that is to be rules.last. */
async function flip(engine: Engine, environment: Environment, options: FlipOptions = {}): Promise<Beside> {
  const { mayLeaveOut = engine.leftOut, decided = engine.store().lastGood() } = options;
  tellHealth(engine);
  await engine.kernel.settled();
  const text = beginLastGood(join(engine.stateDir, "rules.last"), decided, Date.now());
  try {
    install(engine, environment, { mayLeaveOut, decided });
    return text;
  } catch (error) {
    await text.leave();
    throw error;
  }
}

/** What runs, waits or is kept as text follows the rules in force. */
async function afterwards(engine: Engine, text: Beside): Promise<Settled> {
  tellLeftOut(engine);
  const settled = settle(engine);
  const problem = await text.place();
  engine.health.keep("rules-last", "warning", problem && `Cannot keep the rules as text: ${problem.message}`);
  engine.publish({ kind: "rules", revision: engine.revision, generation: engine.generation, inForce: true });
  return settled;
}

function tellHealth({ rulebook, health }: Engine): void {
  const { unreadable, groups } = rulebook.book;
  health.keep(
    "rules-unreadable",
    "error",
    unreadable[0]
      ? `${unreadable.length} of your rules cannot be read by this version, so ${unreadable.length === 1 ? "it is" : "they are"} not in force: ${unreadable[0].text}`
      : null,
  );
  const refused = groups.find(({ problems }) => problems.length > 0);
  const [problem] = refused?.problems ?? [];
  health.keep(
    "rule-files",
    "warning",
    problem
      ? `Rule group "${refused?.name}" is refused, and ${refused?.rules ? "its last good text" : "none of its rules"} is in force: line ${problem.line}: ${problem.message}`
      : null,
  );
}

function tellLeftOut({ health, leftOut }: Engine): void {
  health.keep(
    "rules-left-out",
    "error",
    leftOut === 0
      ? null
      : `There is no room for ${leftOut} of your rules, the last in the order of "holdfast rules ls", so ${leftOut === 1 ? "it is" : "they are"} not in force: remove or disable rules or groups`,
  );
}

/** Compiles as many rules as have room, the first in precedence; null and why when more than `mayLeaveOut` have none. */
function fitting(compiledOf: (rules: readonly PlacedRule[]) => Compiled, ordered: readonly PlacedRule[], mayLeaveOut: number) {
  const whole = compiledOf(ordered);
  if (whole.ok || mayLeaveOut === 0) return { compiled: whole, leftOut: 0 };
  const rules = ordered.filter(({ enabled }) => enabled);
  const compileFirst = (count: number): Compiled => compiledOf(rules.slice(0, count));
  let [fits, tooMany] = [0, rules.length];
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >>> 1;
    if (compileFirst(middle).ok) fits = middle;
    else tooMany = middle;
  }
  const leftOut = rules.length - fits;
  return leftOut > mayLeaveOut ? { compiled: whole, leftOut: 0 } : { compiled: compileFirst(fits), leftOut };
}

/** Compiles and flips. Nothing waits in here: a program identified in between would have no row in the new tables. */
function install(engine: Engine, environment: Environment, { mayLeaveOut, decided }: Required<FlipOptions>): void {
  const apps = new Map<number, App>(engine.registry.all());
  const settings = {
    mode: settingIn(decided.settings, "mode") as "allow" | "deny" | "ask",
    whenAway: settingIn(decided.settings, "when-away") as "allow" | "deny",
    whenUnknown: settingIn(decided.settings, "when-unknown") as "allow" | "deny",
  };
  const { ordered } = engine.rulebook.book;
  const compiledOf = (rules: readonly PlacedRule[]): Compiled => compile(rules, apps, environment, settings, engine.workspace);
  const { compiled, leftOut } = fitting(compiledOf, ordered, mayLeaveOut);
  if (!compiled.ok) throw new Failure("bad-input", compiled.problem);
  engine.generation = engine.kernel.install(compiled.policy);
  engine.leftOut = leftOut;
  engine.classRow = compiled.classRow;
  engine.placed = new Set(apps.keys());
  engine.health.clear("rows-full");
  engine.environment = environment;
  engine.decided = decided;
  engine.revision = decided.revision;
}

/** Reads rule files that changed, and puts them in force; when that cannot be, they are read again and health says why. Due every second. */
export async function followFiles(engine: Engine): Promise<void> {
  try {
    await serially(engine, async () => {
      if (engine.rulebook.readFiles()) await putInForce(engine);
    });
    engine.health.clear("rule-files-wait");
  } catch (error) {
    engine.rulebook.forgetFiles();
    engine.health.set(
      "rule-files-wait",
      "error",
      `A change of the rule files is not in force yet, and what was before still is: ${messageOf(error)}`,
    );
  }
}

/** Whether a connection is older than the programs and has had no packet, so no verdict, since. */
export function isUnjudged({ verdict, flags }: SocketFields): boolean {
  return verdict === Action.NONE && (flags & SOCKET_OLDER) !== 0;
}

/** Ends a connection whose program is denied by now. */
export function cutIfDenied(engine: Engine, socket: SocketFields): boolean {
  if (socket.flow.protocol !== PROTOCOL_TCP) return false;
  const flow = { ...socket.flow, class: socket.flow.class || engine.kernel.classOf(socket.key) };
  const denied = (): boolean => engine.kernel.decide(connOf(flow), askerOf(flow)).action === Action.DENY;
  return forFlow(engine, () => denied() && engine.holds.cut(flow)) ?? false;
}

/** Brings what is running in line with the rules in force: answered holds end, denied connections are cut. */
export function settle(engine: Engine): Settled {
  engine.health.clear(FLOW_FAILED);
  const ended = reconsiderAll(engine);
  let cut = 0;
  for (const socket of forFlow(engine, () => engine.kernel.sockets()) ?? []) {
    const runs = socket.verdict === Action.ALLOW || isUnjudged(socket);
    if (!runs || socket.generation === engine.generation) continue;
    if (cutIfDenied(engine, socket)) cut += 1;
  }
  return { ...ended, cut };
}

/**
 * Takes away the rules whose time is over: out of force first, whether the store can be told so yet or not. Due every second.
 * It may leave out more than before: what is over must not stay in force for the sake of other rules.
 */
export function expire(engine: Engine): Promise<void> {
  const { rulebook, health } = engine;
  return serially(engine, async () => {
    const ended = [...rulebook.book.stored.values()].filter(endedNow(engine));
    if (ended.length === 0 && rulebook.over.size === 0) return;
    rulebook.end(ended);
    const told = engine.remember((store) => store.expire(Date.now(), ({ id }) => rulebook.over.has(id)));
    health.keep(
      "expired-kept",
      "warning",
      told ? null : `${countIs(rulebook.over.size, "rule")} over and not in force any more, but the database cannot forget them yet`,
    );
    if (ended.length > 0 || told) {
      const decided = engine.remember((store) => store.lastGood()) ?? engine.decided;
      const options = { mayLeaveOut: Number.POSITIVE_INFINITY, ...(decided && { decided }) };
      await afterwards(engine, await flip(engine, environmentWith(engine.environment, [], engine.lists.matchers), options));
    }
    if (told) rulebook.over.clear();
  });
}

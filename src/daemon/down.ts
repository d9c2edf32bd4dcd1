// SPDX-License-Identifier: Apache-2.0
/**
 * The journey down: an edit becomes a verdict. When a function here returns, the edit is in force, and on the disk twice. In this order:
 *
 * 1. validate, and keep it in the store: one transaction, on the disk when it ends. What cannot be kept is refused, and nothing happened.
 * 2. put it into its place among the rules, and compile. Meanwhile the disk takes the text that will be STATE/rules.last.
 * 3. write the idle half of the tables, flip, read back. If 2 or 3 fail, the store takes the edit back, and rules.last stays.
 * 4. held packets are sent or refused: each by what the tables in force say about it now, asked of the kernel.
 * 5. running connections that are denied now are cut.
 * 6. the text becomes rules.last. What prevents this is a warning: the edit is kept and in force.
 */

import { join } from "node:path";
import type { App } from "../contract/app.ts";
import type { Environment } from "../contract/environment.ts";
import { Failure } from "../contract/failure.ts";
import { Action } from "../contract/layout.gen.ts";
import type { Rule } from "../contract/rule.ts";
import { compile } from "../rules/compile.ts";
import { parseRule } from "../rules/parse.ts";
import { printRule } from "../rules/print.ts";
import { unsupported } from "../rules/unsupported.ts";
import { beginLastGood } from "../store/lastgood.ts";
import { StoreFailure } from "../store/problem.ts";
import type { EditDone, EditResult, RuleEnd, RuleStep, Store, StoredRule } from "../store/store.ts";
import { reconsiderAll } from "./ask.ts";
import type { Engine } from "./engine.ts";
import { environmentWith, readEnvironment } from "./facts.ts";
import { connOf } from "./holds.ts";
import { bootId, endOf, hasEnded } from "./lifetimes.ts";
import { settingOf } from "./settings.ts";

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
    const done = kept(engine, change);
    if (!done.ok) throw new Failure("conflict", done.message);
    try {
      return { ...done, settled: await follow(engine, done.steps) };
    } catch (error) {
      /* What cannot be in force must not be kept either. */
      if (done.steps.length > 0) engine.store().undo(Date.now(), () => false);
      await putInForce(engine);
      throw error;
    }
  });
}

export type Settled = { readonly released: number; readonly refused: number; readonly cut: number };

/** Adds a rule of one's own; `end` where its lifetime is not what its text says. */
export function newRule(rule: Rule, program: string, end?: RuleEnd): { text: string; enabled: boolean; ends: RuleEnd } {
  return { text: printRule(rule), enabled: true, ends: end ?? endOf(rule.lifetime, Date.now(), bootId(), program) };
}

/** Reads everything anew that decides, and puts it in force. */
export function putInForce(engine: Engine): Promise<Settled> {
  engine.rulebook.rebuild(Date.now());
  return enforce(engine, readEnvironment(engine.rulebook.book.ordered.map(({ rule }) => rule)));
}

/** Puts in force what an edit changed in the store. */
function follow(engine: Engine, steps: readonly RuleStep[]): Promise<Settled> {
  engine.rulebook.follow(steps, Date.now());
  const { byId } = engine.rulebook.book;
  const added = steps.flatMap(({ after }) => byId.get(after?.id ?? 0)?.rule ?? []);
  return enforce(engine, environmentWith(engine.environment, added));
}

/** Compiles the rules of the book and puts them in force; what runs, waits or is kept as text follows. */
async function enforce(engine: Engine, environment: Environment): Promise<Settled> {
  tellHealth(engine);
  await engine.kernel.settled();
  const text = beginLastGood(join(engine.stateDir, "rules.last"), engine.store().lastGood(), Date.now());
  try {
    install(engine, environment);
  } catch (error) {
    await text.leave();
    throw error;
  }
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
    unreadable[0] ? `${unreadable.length} of your rules cannot be read by this version and are not in force: ${unreadable[0].text}` : null,
  );
  const refused = groups.find(({ problems }) => problems.length > 0);
  const [problem] = refused?.problems ?? [];
  health.keep(
    "rule-files",
    "warning",
    problem
      ? `Rule group "${refused?.name}" is refused, and its last good text is in force: line ${problem.line}: ${problem.message}`
      : null,
  );
}

/** Compiles and flips. Nothing waits in here: a program identified in between would have no row in the new tables. */
function install(engine: Engine, environment: Environment): void {
  const store = engine.store();
  const apps = new Map<number, App>(engine.registry.all());
  const settings = {
    mode: settingOf(store, "mode") as "allow" | "deny" | "ask",
    whenAway: settingOf(store, "when-away") as "allow" | "deny",
    whenUnknown: settingOf(store, "when-unknown") as "allow" | "deny",
  };
  const compiled = compile(engine.rulebook.book.ordered, apps, environment, settings, engine.workspace);
  if (!compiled.ok) throw new Failure("bad-input", compiled.problem);
  engine.generation = engine.kernel.install(compiled.policy);
  engine.classRow = compiled.classRow;
  engine.placed = new Set(apps.keys());
  engine.health.clear("rows-full");
  engine.environment = environment;
  engine.revision = store.revision();
}

/** The same after a rule file changed; when that cannot be, the files are read again and health says why. */
export async function putFilesInForce(engine: Engine): Promise<void> {
  try {
    await putInForce(engine);
    engine.health.clear("rule-files-wait");
  } catch (error) {
    engine.rulebook.forgetFiles();
    const reason = error instanceof Error ? error.message : String(error);
    engine.health.set(
      "rule-files-wait",
      "error",
      `A change of the rule files is not in force yet, and what was before still is: ${reason}`,
    );
  }
}

/** Brings what is running in line with the rules in force: answered holds end, denied connections are cut. */
export function settle(engine: Engine): Settled {
  const ended = reconsiderAll(engine);
  let cut = 0;
  for (const socket of engine.kernel.sockets()) {
    if (socket.verdict !== Action.ALLOW || socket.generation === engine.generation || socket.flow.protocol !== 6) continue;
    if (engine.kernel.decide(connOf(socket.flow)).action === Action.DENY && engine.holds.cut(socket.flow)) cut += 1;
  }
  return { ...ended, cut };
}

/** Takes away the rules whose time is over. Due every second. */
export function expire(engine: Engine, programRuns: (program: string) => boolean): Promise<void> {
  const ended = (rule: StoredRule): boolean => hasEnded(rule.ends, { nowMs: Date.now(), boot: bootId(), programRuns });
  if (![...engine.rulebook.book.stored.values()].some(ended)) return Promise.resolve();
  return serially(engine, async () => {
    await follow(engine, engine.store().expire(Date.now(), ended));
  });
}

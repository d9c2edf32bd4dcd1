// SPDX-License-Identifier: Apache-2.0
/** What the API asks, answered from the engine. Edits go down (down.ts); everything else only looks. */

import { release as kernelRelease } from "node:os";
import { countIs } from "../contract/count.ts";
import { Failure } from "../contract/failure.ts";
import type { FlowRecord } from "../contract/flow.ts";
import { MAX_RULES } from "../contract/layout.gen.ts";
import type { PlacedRule } from "../contract/rule.ts";
import type { AppSummary, Group, ListedRule, Setting } from "../contract/shapes.ts";
import { appMatches, flowFilter } from "../flows/filter.ts";
import { placeIn } from "../rules/order.ts";
import { printRule } from "../rules/print.ts";
import { configurationOf, exportBackup } from "../store/backup.ts";
import type { EditDone, StoredRule } from "../store/store.ts";
import { answerQuestion } from "./answers.ts";
import type { Backend, BackendReply } from "./backend.ts";
import { coveredBy, coverOfRule } from "./covered.ts";
import { edit, newRule, readRule, reconfigure } from "./down.ts";
import type { Engine } from "./engine.ts";
import type { Events } from "./events.ts";
import { explain } from "./explained.ts";
import { DAEMON_TABLE_FULL, HELPER_FAILED, TABLE_FULL } from "./health.ts";
import { endedNow } from "./lifetimes.ts";
import { makeListService } from "./list-service.ts";
import { FACTORY, readRuleFile } from "./rulebook.ts";
import { SETTINGS, settingKey, settingOf, settingValue } from "./settings.ts";
import { shownApp, shownFlow, shownQuestion } from "./shown.ts";
import { VERSION } from "./version.ts";

/** The newest flows a list gives (cli.md has no limit; a reply must have one). */
const MAX_FLOWS_LISTED = 10_000;

export type ServiceFacts = {
  readonly scope: string;
  readonly state: string;
  readonly socket: string;
  readonly rulesDir: string;
  readonly clients: () => number;
};

const isoOrNull = (ms: number | null | undefined): string | null => (ms === null || ms === undefined ? null : new Date(ms).toISOString());

/** Position in precedence order, from 1, of the enabled rules. */
function positions(engine: Engine): Map<number, number> {
  return new Map(engine.rulebook.book.ordered.filter(({ enabled }) => enabled).map(({ id }, i) => [id, i + 1]));
}

/** The same for one rule; null when it is disabled or gone. */
function positionOf(engine: Engine, id: number): number | null {
  const { byId, ordered } = engine.rulebook.book;
  const placed = byId.get(id);
  if (!placed?.enabled) return null;
  let position = 1;
  for (let i = placeIn(ordered, placed); i > 0; i--) if (ordered[i - 1]?.enabled) position += 1;
  return position;
}

function edited(engine: Engine, done: EditDone): BackendReply<"addRule"> {
  const [only] = done.rules.length === 1 ? done.rules : [];
  return {
    id: only?.id ?? null,
    text: only?.text ?? null,
    position: only ? positionOf(engine, only.id) : null,
    revision: engine.revision,
    generation: engine.generation,
    coveredBy: only ? coverOfRule(engine, only.id) : null,
  };
}

function ownRule(engine: Engine, id: number, verb: string): StoredRule {
  const stored = engine.rulebook.book.stored.get(id);
  if (!stored) throw new Failure("not-found", `Cannot ${verb} rule ${id}: there is no such rule; "holdfast rules ls" lists them`);
  return stored;
}

/** Every running program's words for "until quit": rules name a class by the path and script of its app. */
function listed(
  engine: Engine,
  placed: PlacedRule,
  position: number | null,
  hits: ReturnType<ReturnType<Engine["store"]>["hits"]>,
): ListedRule {
  const stored = engine.rulebook.book.stored.get(placed.id);
  const pending = engine.hits.get(placed.id);
  const kept = hits.get(placed.id);
  const end = stored?.ends ?? { kind: "ever" };
  return {
    id: placed.id,
    position,
    text: printRule(placed.rule),
    action: placed.rule.action,
    priority: placed.rule.priority,
    author: placed.author,
    group: placed.group,
    enabled: placed.enabled,
    protected: placed.protected,
    lifetime:
      end.kind === "at" ? { kind: "until", until: isoOrNull(end.atMs) } : { kind: end.kind === "boot" ? "restart" : end.kind, until: null },
    coveredBy: coveredBy(engine).get(placed.id) ?? null,
    hits: (kept?.hits ?? 0) + (pending?.hits ?? 0),
    lastUsed: isoOrNull(pending?.lastUsedMs ?? kept?.lastUsedMs),
    created: isoOrNull(stored?.createdMs),
    note: placed.rule.note,
  };
}

async function flowsOf(engine: Engine, matches: (flow: FlowRecord) => boolean, sinceMs: number | null): Promise<FlowRecord[]> {
  engine.kernel.catchUp();
  flushFlows(engine);
  return (await engine.store().flows({ matches, sinceMs, limit: MAX_FLOWS_LISTED })) ?? [];
}

/** Hands the store what it does not have yet. */
export function flushFlows(engine: Engine): void {
  const dirty = engine.flows.dirty();
  if (dirty.flows.length > 0 || dirty.removed.length > 0) {
    if (engine.remember((store) => store.appendFlows(dirty)) !== null) engine.flows.stored(dirty.sequence);
  }
  if (engine.hits.size === 0) return;
  const hits = [...engine.hits].map(([rule, { hits, lastUsedMs }]) => ({ rule, hits, lastUsedMs }));
  if (engine.remember((store) => store.addHits(hits)) !== null) engine.hits.clear();
}

async function summaries(engine: Engine, wanted: (flow: FlowRecord) => boolean): Promise<AppSummary[]> {
  const byApp = new Map<string, AppSummary>();
  for (const flow of await flowsOf(engine, wanted, null)) {
    if (flow.app === null) continue;
    const key = JSON.stringify([
      flow.app.path,
      flow.app.name,
      flow.app.script,
      flow.app.unit,
      flow.app.container,
      flow.app.via?.path,
      flow.app.via?.name,
    ]);
    const before = byApp.get(key);
    const first = new Date(flow.firstMs).toISOString();
    const last = new Date(flow.lastMs).toISOString();
    byApp.set(key, {
      app: before?.app ?? shownApp(engine, flow.app, { pid: null, uid: null }),
      flows: (before?.flows ?? 0) + 1,
      denied: (before?.denied ?? 0) + (flow.verdict === "deny" ? flow.attempts : 0),
      bytesOut: (before?.bytesOut ?? 0) + flow.bytesOut,
      bytesIn: (before?.bytesIn ?? 0) + flow.bytesIn,
      first: before?.first && before.first < first ? before.first : first,
      last: before?.last && before.last > last ? before.last : last,
    });
  }
  return [...byApp.values()];
}

/** The backend over a running engine. */
export function makeService(engine: Engine, facts: ServiceFacts, events: Events): Backend {
  const setting = (key: keyof typeof SETTINGS): Setting => ({
    key,
    value: settingOf(engine.store(), key),
    default: SETTINGS[key].default,
    text: SETTINGS[key].text,
  });
  const changeSetting = (key: keyof typeof SETTINGS, value: string | number | boolean): Promise<unknown> => {
    const wanted = settingValue(key, value);
    return reconfigure(engine, (store) => {
      const before = store.settings().get(key) ?? null;
      store.setSetting(key, wanted);
      return () => store.setSetting(key, before);
    });
  };
  const groups = (): Group[] =>
    engine.rulebook.book.groups.map((group) => ({
      ...group,
      enabled: !engine.store().disabledGroups().includes(group.name),
      problems: [...group.problems],
    }));
  const group = (name: string): Group => {
    const found = groups().find((each) => each.name === name);
    if (!found) throw new Failure("not-found", `Cannot find rule group "${name}"; "holdfast groups ls" lists them`);
    return found;
  };

  return {
    status: async () => {
      engine.kernel.catchUp();
      const { ordered } = engine.rulebook.book;
      const counters = engine.kernel.counters();
      const { released, refused, dropped } = engine.holds.counters;
      const named = (names: Readonly<Record<string, string>>): Record<string, number> =>
        Object.fromEntries(Object.entries(names).map(([counter, name]) => [name, counters[counter] ?? 0]));
      return {
        version: VERSION,
        pid: process.pid,
        mode: settingOf(engine.store(), "mode") as "allow",
        whenAway: settingOf(engine.store(), "when-away") as "deny",
        scope: facts.scope,
        state: facts.state,
        socket: facts.socket,
        rulesDir: facts.rulesDir,
        revision: engine.revision,
        generation: engine.generation,
        inForce: engine.kernel.generation() === engine.generation && engine.kernel.pinned(),
        rules: { total: ordered.length, enabled: ordered.filter(({ enabled }) => enabled).length, limit: MAX_RULES },
        questions: engine.questions.size,
        clients: facts.clients(),
        kernel: { release: kernelRelease(), missing: [] },
        health: engine.health.list(),
        counters: {
          eventsLost: counters.eventsLost ?? 0,
          heldFlows: engine.holds.size,
          heldDropped: dropped + (counters.heldLost ?? 0),
          released,
          refused: refused + (counters.refused ?? 0),
          unknownHeld: counters.unknownHeld ?? 0,
          tableFull: named({ ...TABLE_FULL, ...DAEMON_TABLE_FULL }),
          helperFailed: named(HELPER_FAILED),
        },
      };
    },
    setMode: async ({ mode }) => {
      await changeSetting("mode", mode);
      return { mode, revision: engine.revision, generation: engine.generation };
    },
    listRules: async () => {
      engine.kernel.catchUp();
      const places = positions(engine);
      const hits = engine.store().hits();
      return {
        revision: engine.revision,
        limit: MAX_RULES,
        rules: engine.rulebook.book.ordered.map((placed) => listed(engine, placed, places.get(placed.id) ?? null, hits)),
      };
    },
    addRule: async ({ text }) => {
      const rule = readRule(text);
      if (rule.lifetime.kind === "once")
        throw new Failure(
          "bad-input",
          'Cannot add a rule that lasts "once": that is an answer to a question, given with "holdfast ask answer ID --for once"',
        );
      const program = rule.who.program.value;
      return edited(engine, await edit(engine, (store) => store.edit([{ kind: "add", rule: newRule(rule, program) }], Date.now())));
    },
    removeRule: async ({ id }) => {
      const stored = ownRule(engine, id, "remove");
      if (stored.group !== null)
        throw new Failure(
          "conflict",
          stored.group === FACTORY
            ? `Cannot remove rule ${id}: it is a protected factory rule; a narrower rule with "priority highest" overrules it`
            : `Cannot remove rule ${id}: it is in group "${stored.group}"; disable it with "holdfast rules disable ${id}"`,
        );
      return { ...edited(engine, await edit(engine, (store) => store.edit([{ kind: "remove", id }], Date.now()))), id, text: stored.text };
    },
    setRuleEnabled: async ({ id, enabled }) => {
      const stored = ownRule(engine, id, enabled ? "enable" : "disable");
      if (stored.group === FACTORY && !enabled)
        throw new Failure(
          "conflict",
          `Cannot disable rule ${id}: it is a protected factory rule; a narrower rule with "priority highest" overrules it`,
        );
      const done = await edit(engine, (store) => store.edit([{ kind: enabled ? "enable" : "disable", id }], Date.now()));
      return { ...edited(engine, done), id, text: stored.text };
    },
    undo: async () => edited(engine, await edit(engine, (store) => store.undo(Date.now(), endedNow(engine)))),
    importRules: async ({ file, text }) => {
      const read = readRuleFile(text, file);
      if (read.problems.length > 0) {
        throw new Failure("bad-input", `Cannot import "${file}": ${countIs(read.problems.length, "line")} wrong; nothing was added`, {
          problems: read.problems,
        });
      }
      const changes = read.rules.map(({ rule }) => ({ kind: "add" as const, rule: newRule(rule, rule.who.program.value) }));
      const done = await edit(engine, (store) => store.edit(changes, Date.now()));
      const places = positions(engine);
      const covers = coveredBy(engine);
      return {
        revision: engine.revision,
        generation: engine.generation,
        rules: done.rules.map((rule, i) => ({
          id: rule.id,
          line: read.rules[i]?.line ?? 1,
          text: rule.text,
          position: places.get(rule.id) ?? null,
          coveredBy: covers.get(rule.id) ?? null,
        })),
      };
    },
    exportRules: async () => {
      const rules = engine.store().rules();
      return {
        rules: rules.length,
        text: rules.map(({ text, enabled }) => `${text}${enabled || / disabled( |$)/.test(text) ? "" : " disabled"}\n`).join(""),
      };
    },
    listQuestions: async () => ({ questions: engine.questions.all().map((question) => shownQuestion(engine, question)) }),
    answer: async (request) => answerQuestion(engine, request),
    listFlows: async (filter) => ({
      flows: (await flowsOf(engine, flowFilter(filter), filter.since === null ? null : Date.parse(filter.since))).map((flow) =>
        shownFlow(engine, flow),
      ),
    }),
    listApps: async () => ({ apps: await summaries(engine, () => true) }),
    showApp: async ({ name }) => {
      for (const [, app] of engine.registry.all()) if (appMatches(app, name)) await engine.digest(app);
      const apps = await summaries(engine, (flow) => flow.app !== null && appMatches(flow.app, name));
      if (apps.length === 0) throw new Failure("not-found", `Cannot find program "${name}"; "holdfast apps ls" lists those seen`);
      const rules = engine.rulebook.book.ordered.filter(({ rule }) => rule.who.program.kind !== "any");
      return {
        apps: apps.map((summary) => ({
          ...summary,
          rules: rules
            .filter(({ rule }) =>
              [rule.who.program.value, rule.who.via?.value].some(
                (value) => value !== undefined && (value === summary.app.path || value === summary.app.script),
              ),
            )
            .map(({ id, rule }) => ({ id, text: printRule(rule) })),
        })),
      };
    },
    explain: async (request) => explain(engine, request),
    listSettings: async () => ({ settings: (Object.keys(SETTINGS) as (keyof typeof SETTINGS)[]).map(setting) }),
    getSetting: async ({ key }) => setting(settingKey(key)),
    setSetting: async ({ key, value }) => {
      const known = settingKey(key);
      await changeSetting(known, value);
      return setting(known);
    },
    listGroups: async () => ({ groups: groups() }),
    setGroupEnabled: async ({ name, enabled }) => {
      const found = group(name);
      if (found.file === null && !enabled) throw new Failure("conflict", `Cannot disable group "${name}": factory rules are protected`);
      await reconfigure(engine, (store) => {
        const before = !store.disabledGroups().includes(name);
        store.setGroupEnabled(name, enabled);
        return () => store.setGroupEnabled(name, before);
      });
      return { name, enabled, revision: engine.revision, generation: engine.generation };
    },
    ...makeListService(engine),
    backup: async () => {
      const { schema: _, ...document } = exportBackup(engine.store(), engine.lists.all(), Date.now());
      return document;
    },
    restore: async (document) => {
      for (const { text } of document.rules) readRule(text);
      const configuration = configurationOf(document, Date.now());
      for (const [key, value] of configuration.settings) settingValue(settingKey(key), value);
      await edit(engine, (store) => store.restore(configuration, Date.now()));
      return {
        rules: configuration.rules.length,
        settings: configuration.settings.size,
        groups: configuration.disabledGroups.length,
        revision: engine.revision,
        generation: engine.generation,
      };
    },
    subscribe: events.subscribe,
  };
}

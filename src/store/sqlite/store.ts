// SPDX-License-Identifier: Apache-2.0
/** The store on SQLite: which statement answers which method. */
import type { QuestionId } from "../../contract/ids.ts";
import { type EditResult, RETENTION, type Store, type StoredQuestion } from "../store.ts";
import { disabledGroups, putGroup, putSetting, replaceConfiguration, settings } from "./configuration.ts";
import type { Database } from "./database.ts";
import { applyAll, currentRevision, edit, expire, revisions, undo, withdraw } from "./edits.ts";
import { appendFlows, closeFlows, flows, prune, reserveFlowIds } from "./flows.ts";
import { RememberedRules } from "./remembered.ts";
import { lastRuleId, placeGroup, putRule } from "./rules.ts";

type QuestionRow = { id: number; asked_ms: number; question: string; answered_ms: number | null; answer: string | null };

const toQuestion = (row: QuestionRow): StoredQuestion => ({
  id: row.id as QuestionId,
  askedMs: row.asked_ms,
  question: row.question,
  answeredMs: row.answered_ms,
  answer: row.answer,
});

/** The store in a database that has been checked and brought to the newest form. */
export function sqliteStore(database: Database): Store {
  const remembered = new RememberedRules(database);
  const followed = (result: EditResult): EditResult => {
    if (result.ok) remembered.follow(result.steps);
    return result;
  };

  return {
    revision: () => currentRevision(database),
    rules: () => remembered.own(),
    edit: (changes, timeMs) => followed(edit(database, changes, timeMs)),
    undo: (timeMs, ended) => followed(undo(database, timeMs, ended)),
    withdraw: (revision) => remembered.follow(withdraw(database, revision)),
    expire: (timeMs, ended) => {
      const steps = expire(database, remembered.own().filter(ended), timeMs);
      remembered.follow(steps);
      return steps;
    },
    revisions: (limit) => revisions(database, limit),
    placeGroup: (group, rules, timeMs) => {
      remembered.forgetGroups();
      return database.durably(() => placeGroup(database, group, rules, timeMs));
    },
    disabledGroups: () => disabledGroups(database),
    setGroupEnabled: (group, enabled) => database.durably(() => putGroup(database, group, enabled)),

    lastGood: () => ({
      revision: currentRevision(database),
      lastRuleId: lastRuleId(database),
      rules: remembered.all(),
      settings: settings(database),
      disabledGroups: disabledGroups(database),
    }),
    takeOver: (lastGood, timeMs) => {
      remembered.forget();
      database.durably(() => {
        if (currentRevision(database) > 0) throw new RangeError("Cannot take over rules.last: expected a store without a revision");
        for (const rule of lastGood.rules) putRule(database, rule);
        database.run("DELETE FROM sqlite_sequence WHERE name = 'rules'");
        database.run("INSERT INTO sqlite_sequence (name, seq) VALUES ('rules', ?)", lastGood.lastRuleId);
        for (const name of lastGood.disabledGroups) putGroup(database, name, false);
        for (const [key, value] of lastGood.settings) putSetting(database, key, value);
        if (lastGood.revision === 0) return;
        database.run("INSERT INTO revisions (revision, time_ms, kind) VALUES (?, ?, 'takeover')", lastGood.revision, timeMs);
      });
    },
    restore: (configuration, timeMs) =>
      followed(
        database.durably(() => {
          const beside = replaceConfiguration(database, configuration);
          const changes = [
            ...remembered.own().map(({ id }) => ({ kind: "remove", id }) as const),
            ...configuration.rules.map((rule) => ({ kind: "add", rule, createdMs: rule.createdMs }) as const),
          ];
          return applyAll(database, changes, timeMs, { kind: "restore", beside });
        }),
      ),

    addHits: (hits) =>
      database.transaction(() => {
        for (const hit of hits) {
          database.run(
            `INSERT INTO rule_hits VALUES (?, ?, ?) ON CONFLICT (rule) DO UPDATE
             SET hits = hits + excluded.hits, last_used_ms = max(last_used_ms, excluded.last_used_ms)`,
            ...[hit.rule, hit.hits, hit.lastUsedMs],
          );
        }
      }),
    hits: () =>
      new Map(
        database
          .all<{ rule: number; hits: number; last_used_ms: number }>("SELECT * FROM rule_hits")
          .map((row) => [row.rule, { hits: row.hits, lastUsedMs: row.last_used_ms }]),
      ),

    settings: () => settings(database),
    setSetting: (key, value) => database.durably(() => putSetting(database, key, value)),
    document: (name) => database.get<{ json: string }>("SELECT json FROM documents WHERE name = ?", name)?.json ?? null,
    keepDocument: (name, json) => {
      database.run("INSERT OR REPLACE INTO documents VALUES (?, ?)", name, json);
    },

    ask: (question, timeMs) => database.run("INSERT INTO questions (asked_ms, question) VALUES (?, ?)", timeMs, question).id as QuestionId,
    answer: (id, answer, timeMs) =>
      database.run("UPDATE questions SET answered_ms = ?, answer = ? WHERE id = ? AND answered_ms IS NULL", timeMs, answer, id).changes > 0,
    openQuestions: () => database.all<QuestionRow>("SELECT * FROM questions WHERE answered_ms IS NULL ORDER BY id").map(toQuestion),
    questions: (limit) => database.all<QuestionRow>("SELECT * FROM questions ORDER BY id DESC LIMIT ?", limit).map(toQuestion),

    reserveFlowIds: (count) => reserveFlowIds(database, count),
    appendFlows: (batch) => appendFlows(database, batch),
    flows: (query) => flows(database, query),
    closeFlows: () => closeFlows(database),
    prune: (nowMs, retention = RETENTION) => prune(database, nowMs, retention),
    close: () => database.sqlite.close(),
  };
}

// SPDX-License-Identifier: Apache-2.0
/** What every store must do, whatever it keeps things in. Run by the tests of each implementation. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { App } from "../contract/app.ts";
import type { FlowRecord } from "../contract/flow.ts";
import type { FlowId, Revision, RuleId } from "../contract/ids.ts";
import { configurationOf, exportBackup, parseBackup } from "./backup.ts";
import type { EditDone, EditResult, FlowQuery, NewRule, RuleChange, Store, StoredRule } from "./store.ts";

const T0 = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;
const never = (): boolean => false;
const everything = (): boolean => true;

const rule = (text: string, ends: NewRule["ends"] = { kind: "ever" }): NewRule => ({ text, enabled: true, ends });
const adding = (text: string, ends?: NewRule["ends"]): RuleChange => ({ kind: "add", rule: rule(text, ends) });
const texts = (rules: readonly StoredRule[]): string[] => rules.map((r) => r.text);

function done(result: EditResult): EditDone {
  if (!result.ok) assert.fail(result.message);
  return result;
}

function add(store: Store, text: string, ends?: NewRule["ends"]): StoredRule {
  const added = done(store.edit([adding(text, ends)], T0)).rules[0];
  assert.ok(added !== undefined);
  return added;
}

export const CURL: App = {
  path: "/usr/bin/curl",
  claimedPath: "/usr/bin/curl",
  name: "curl",
  script: null,
  args: ["curl", "caf\udce9"],
  package: "curl",
  packageIntact: true,
  unit: null,
  container: null,
  flatpak: null,
  snap: null,
  appimage: null,
  kernel: false,
  changedSince: null,
  via: null,
};

export function flow(id: number, more: Partial<FlowRecord> = {}): FlowRecord {
  return {
    ...{
      id: id as FlowId,
      app: CURL,
      pid: 10,
      uid: 1000,
      direction: "out",
      protocol: 6,
      address: "192.0.2.1",
      names: [{ name: "www.example", source: "dns", own: true }],
      port: 443,
      localPort: 40000,
    },
    ...{ own: false, verdict: "allow", by: "mode", rule: null, reason: null, generation: 1, undecided: false, state: "open" },
    ...{ bytesOut: 1, bytesIn: 2, packetsOut: 3, packetsIn: 4, attempts: 1, firstMs: T0, lastMs: T0 + id },
    ...more,
  };
}

/** `open` gives an empty store; it is closed here. */
export function storeCases(name: string, open: () => Store): void {
  const check = (what: string, body: (store: Store) => void | Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const store = open();
      try {
        await body(store);
      } finally {
        store.close();
      }
    });
  };

  check("edit() adds rules, each with an id of its own, as one revision", (store) => {
    assert.equal(store.revision(), 0);
    const result = done(store.edit([adding("allow a -> any"), adding("deny b -> any", { kind: "at", atMs: T0 + 5 })], T0));
    assert.equal(result.revision, 1);
    assert.equal(store.revision(), 1);
    assert.deepEqual(store.rules(), [
      { id: 1, group: null, text: "allow a -> any", enabled: true, createdMs: T0, ends: { kind: "ever" } },
      { id: 2, group: null, text: "deny b -> any", enabled: true, createdMs: T0, ends: { kind: "at", atMs: T0 + 5 } },
    ]);
    assert.deepEqual(store.rules(), result.rules);
  });

  check("edit() never gives an id twice", (store) => {
    const first = add(store, "allow a -> any");
    done(store.edit([{ kind: "remove", id: first.id }], T0));
    assert.equal(add(store, "allow b -> any").id, first.id + 1);
  });

  check("edit() does all changes or none", (store) => {
    const result = store.edit([adding("allow a -> any"), { kind: "remove", id: 99 }], T0);
    assert.ok(!result.ok);
    assert.match(result.message, /^Cannot find rule "99"/);
    assert.deepEqual(store.rules(), []);
    assert.equal(store.revision(), 0);
  });

  check("edit() makes no revision of what changes nothing", (store) => {
    const { id } = add(store, "allow a -> any");
    const result = done(store.edit([{ kind: "enable", id }], T0));
    assert.deepEqual([result.revision, result.rules], [1, []]);
  });

  check("undo() takes back each kind of edit, newest first, as revisions of their own", (store) => {
    const a = add(store, "allow a -> any");
    const b = add(store, "deny b -> any", { kind: "boot", boot: "x" });
    const states = [store.rules()];
    const changes: RuleChange[] = [
      { kind: "disable", id: a.id },
      { kind: "replace", id: a.id, rule: { text: "allow c -> any", enabled: false, ends: { kind: "quit", program: "c" } } },
      { kind: "enable", id: a.id },
      { kind: "remove", id: b.id },
      adding("ask d -> any"),
    ];
    for (const change of changes) {
      done(store.edit([change], T0));
      states.push(store.rules());
    }
    for (const expected of states.slice(0, -1).reverse()) {
      const before = store.revision();
      const result = done(store.undo(T0, never));
      assert.deepEqual(store.rules(), expected);
      assert.equal(result.revision > before, true);
    }
    assert.deepEqual(store.revisions(1)[0]?.kind, "undo");
  });

  check("undo() takes back an edit made after an undo, and then the one before", (store) => {
    add(store, "allow a -> any");
    add(store, "allow b -> any");
    done(store.undo(T0, never));
    add(store, "allow c -> any");
    done(store.undo(T0, never));
    assert.deepEqual(texts(store.rules()), ["allow a -> any"]);
    done(store.undo(T0, never));
    assert.deepEqual(store.rules(), []);
    const nothing = store.undo(T0, never);
    assert.ok(!nothing.ok);
    assert.match(nothing.message, /^Cannot undo/);
    assert.equal(store.revision(), 6);
  });

  check("undo() brings back no rule that has ended", (store) => {
    const { id } = add(store, "allow a -> any", { kind: "quit", program: "a" });
    done(store.edit([{ kind: "remove", id }], T0));
    assert.deepEqual(done(store.undo(T0, (ended) => ended.ends.kind === "quit")).rules, []);
    assert.deepEqual(store.rules(), []);
  });

  check("undo() passes over what ended by itself", (store) => {
    const a = add(store, "allow a -> any");
    const b = add(store, "allow b -> any", { kind: "at", atMs: T0 + 1 });
    done(
      store.edit(
        [
          { kind: "disable", id: b.id },
          { kind: "disable", id: a.id },
        ],
        T0,
      ),
    );
    assert.deepEqual(
      store.expire(T0 + 2, (r) => r.ends.kind === "at").map(({ before, after }) => [before?.text, after]),
      [["allow b -> any", null]],
    );
    assert.equal(store.revisions(1)[0]?.kind, "expire");
    done(store.undo(T0 + 3, never));
    assert.deepEqual(store.rules(), [a]);
  });

  check("expire() makes no revision when nothing has ended", (store) => {
    add(store, "allow a -> any");
    assert.deepEqual(store.expire(T0, never), []);
    assert.equal(store.revision(), 1);
  });

  check("placeGroup() keeps id and state of a text that was there before", (store) => {
    const own = add(store, "allow a -> any");
    const file = [
      { text: "deny x -> any", enabled: true },
      { text: "deny y -> any", enabled: false },
      { text: "deny x -> any", enabled: true },
    ];
    const placed = store.placeGroup("work", file, T0);
    assert.deepEqual(
      placed.map((r) => [r.id - own.id, r.text, r.enabled, r.group]),
      [
        [1, "deny x -> any", true, "work"],
        [2, "deny y -> any", false, "work"],
        [3, "deny x -> any", true, "work"],
      ],
    );
    const second = placed[2];
    assert.ok(second !== undefined);
    done(store.edit([{ kind: "disable", id: second.id }], T0));
    assert.deepEqual(store.placeGroup("work", [], T0), []);
    assert.deepEqual(
      store.placeGroup("work", file, T0).map((r) => [r.id, r.enabled]),
      placed.map((r) => [r.id, r.text === "deny x -> any" && r.id !== second.id]),
    );
    assert.notEqual(store.placeGroup("home", file.slice(0, 1), T0)[0]?.id, placed[0]?.id);
    assert.deepEqual(texts(store.rules()), ["allow a -> any"]);
  });

  check("edit() enables and disables rules of groups, and removes none", (store) => {
    const placed = store.placeGroup("work", [{ text: "deny x -> any", enabled: true }], T0)[0];
    assert.ok(placed !== undefined);
    for (const change of [
      { kind: "remove", id: placed.id },
      { kind: "replace", id: placed.id, rule: rule("allow x -> any") },
    ] as const) {
      const refused = store.edit([change], T0);
      assert.ok(!refused.ok);
      assert.match(refused.message, /group "work"/);
    }
    done(store.edit([{ kind: "disable", id: placed.id }], T0));
    done(store.undo(T0, never));
    assert.deepEqual(store.placeGroup("work", [{ text: "deny x -> any", enabled: true }], T0), [placed]);
  });

  check("setGroupEnabled() and setSetting() remember", (store) => {
    store.setGroupEnabled("work", false);
    store.setGroupEnabled("work", false);
    store.setGroupEnabled("home", false);
    store.setGroupEnabled("work", true);
    assert.deepEqual(store.disabledGroups(), ["home"]);
    store.setSetting("mode", "allow");
    store.setSetting("mode", "ask");
    store.setSetting("limit", 5);
    store.setSetting("quiet", false);
    store.setSetting("limit", null);
    assert.deepEqual(Array.from(store.settings()), [
      ["mode", "ask"],
      ["quiet", false],
    ]);
    assert.equal(store.document("apps"), null);
    store.keepDocument("apps", "[1]");
    store.keepDocument("apps", "[2]");
    assert.equal(store.document("apps"), "[2]");
  });

  check("addHits() adds up", (store) => {
    store.addHits([
      { rule: 1, hits: 2, lastUsedMs: T0 + 9 },
      { rule: 2, hits: 1, lastUsedMs: T0 },
    ]);
    store.addHits([{ rule: 1, hits: 3, lastUsedMs: T0 + 5 }]);
    assert.deepEqual(Array.from(store.hits()), [
      [1, { hits: 5, lastUsedMs: T0 + 9 }],
      [2, { hits: 1, lastUsedMs: T0 }],
    ]);
  });

  check("ask() and answer() keep the history of questions", (store) => {
    const first = store.ask('{"n":1}', T0);
    const second = store.ask('{"n":2}', T0 + 1);
    assert.deepEqual(
      store.openQuestions().map((q) => q.id),
      [first, second],
    );
    assert.equal(store.answer(first, '"deny"', T0 + 2), true);
    assert.equal(store.answer(first, '"allow"', T0 + 3), false);
    assert.equal(store.answer(99, '"allow"', T0 + 3), false);
    assert.deepEqual(
      store.openQuestions().map((q) => q.id),
      [second],
    );
    assert.deepEqual(store.questions(9), [
      { id: second, askedMs: T0 + 1, question: '{"n":2}', answeredMs: null, answer: null },
      { id: first, askedMs: T0, question: '{"n":1}', answeredMs: T0 + 2, answer: '"deny"' },
    ]);
    while (store.prune(T0 + 100 * DAY));
    assert.deepEqual(
      store.questions(9).map((q) => q.id),
      [second],
    );
  });

  check("appendFlows() keeps the newest state of each record and forgets those that went into others", async (store) => {
    const a = flow(1, { reason: "no rule matched" });
    const held = flow(2, { app: null, verdict: "held", by: null, state: "held" });
    store.appendFlows({ flows: [a, held], removed: [] });
    assert.deepEqual(await store.flows({ matches: everything, sinceMs: null, limit: 9 }), [a, held]);
    const later = { ...a, state: "closed", bytesOut: 7, lastMs: T0 + 9 } as const;
    store.appendFlows({ flows: [later], removed: [held.id] });
    assert.deepEqual(await store.flows({ matches: everything, sinceMs: null, limit: 9 }), [later]);
  });

  check("flows() gives the newest that match, oldest first", async (store) => {
    store.appendFlows({ flows: [1, 2, 3, 4, 5].map((id) => flow(id, { port: id % 2 })), removed: [] });
    const ids = async (query: Partial<FlowQuery>): Promise<number[]> =>
      (await store.flows({ matches: everything, sinceMs: null, limit: 9, ...query })).map((f) => f.id);
    assert.deepEqual(await ids({ limit: 2 }), [4, 5]);
    assert.deepEqual(await ids({ limit: 0 }), []);
    assert.deepEqual(await ids({ matches: (f) => f.port === 1, limit: 2 }), [3, 5]);
    assert.deepEqual(await ids({ sinceMs: T0 + 4 }), [4, 5]);
  });

  check("closeFlows() closes what an earlier daemon left", async (store) => {
    store.appendFlows({ flows: [flow(1), flow(2, { verdict: "held", state: "held" })], removed: [] });
    store.closeFlows();
    assert.deepEqual(
      (await store.flows({ matches: everything, sinceMs: null, limit: 9 })).map((f) => f.state),
      ["closed", "closed"],
    );
  });

  check("reserveFlowIds() never gives an id twice", (store) => {
    const first = store.reserveFlowIds(100);
    assert.equal(store.reserveFlowIds(1), first + 100);
    assert.equal(store.reserveFlowIds(1), first + 101);
  });

  check("prune() keeps so many of the newest, in slices", async (store) => {
    const all = Array.from({ length: 5000 }, (_, i) => flow(i + 1));
    store.appendFlows({ flows: all, removed: [] });
    const left = async (): Promise<number> => (await store.flows({ matches: everything, sinceMs: null, limit: 9999 })).length;
    assert.equal(store.prune(T0, { maxFlows: 10, maxAgeMs: DAY }), true);
    assert.equal((await left()) > 10 && (await left()) < 5000, true);
    while (store.prune(T0, { maxFlows: 10, maxAgeMs: DAY }));
    assert.deepEqual(await store.flows({ matches: everything, sinceMs: null, limit: 99 }), all.slice(-10));
    while (store.prune(T0 + 2 * DAY, { maxFlows: 10, maxAgeMs: DAY }));
    assert.equal(await left(), 0);
  });

  check("prune() forgets hits of rules that are gone for good, and rules their file no longer has", (store) => {
    const placed = store.placeGroup("work", [{ text: "deny x -> any", enabled: true }], T0)[0];
    const kept = add(store, "allow a -> any");
    store.placeGroup("work", [], T0);
    store.addHits([
      { rule: 77, hits: 1, lastUsedMs: T0 },
      { rule: kept.id, hits: 1, lastUsedMs: T0 },
    ]);
    store.prune(T0 + 100 * DAY);
    assert.deepEqual(Array.from(store.hits().keys()), [kept.id]);
    assert.notEqual(store.placeGroup("work", [{ text: "deny x -> any", enabled: true }], T0)[0]?.id, placed?.id);
  });

  check("takeOver() puts a fresh store where another one was", (store) => {
    const before: Parameters<Store["takeOver"]>[0] = {
      revision: 12 as Revision,
      lastRuleId: 40,
      rules: [
        { id: 7 as RuleId, group: null, text: "allow a -> any", enabled: false, createdMs: T0, ends: { kind: "ever" } },
        { id: 9 as RuleId, group: "work", text: "allow x -> any", enabled: false, createdMs: T0, ends: { kind: "ever" } },
      ],
      settings: new Map([["mode", "ask"]]),
      disabledGroups: ["home"],
    };
    store.takeOver(before, T0 + 1);
    assert.deepEqual(store.lastGood(), before);
    assert.deepEqual(store.placeGroup("work", [{ text: "allow x -> any", enabled: true }], T0), before.rules.slice(1));
    assert.equal(store.undo(T0, never).ok, false);
    assert.equal(add(store, "allow b -> any").id, 41);
    assert.equal(store.revision(), 13);
    assert.throws(() => store.takeOver(before, T0), RangeError);
  });

  check("restore() brings a backup back, under new ids", (store) => {
    add(store, "allow a -> any");
    add(store, "deny b -> any", { kind: "at", atMs: T0 + 50 });
    add(store, "deny c -> any", { kind: "boot", boot: "x" });
    done(store.edit([{ kind: "disable", id: 1 }], T0));
    store.setSetting("mode", "ask");
    store.setGroupEnabled("work", false);
    const backup = exportBackup(store, [], T0 + 1);
    const parsed = parseBackup(JSON.stringify(backup));
    assert.ok(parsed.ok);

    store.setSetting("mode", "allow");
    store.setSetting("other", 1);
    store.setGroupEnabled("work", true);
    add(store, "allow d -> any");
    const beforeRestore = store.rules();
    done(store.restore(configurationOf(parsed.backup, T0 + 2), T0 + 2));
    assert.deepEqual(
      store.rules().map(({ text, enabled, ends, createdMs }) => ({ text, enabled, ends, createdMs })),
      [
        { text: "allow a -> any", enabled: false, ends: { kind: "ever" }, createdMs: T0 },
        { text: "deny b -> any", enabled: true, ends: { kind: "at", atMs: T0 + 50 }, createdMs: T0 },
      ],
    );
    assert.deepEqual(
      store.rules().map((r) => r.id),
      [5, 6],
    );
    assert.deepEqual(Array.from(store.settings()), [["mode", "ask"]]);
    assert.deepEqual(store.disabledGroups(), ["work"]);
    assert.deepEqual(exportBackup(store, [], T0 + 1), backup);
    done(store.undo(T0, never));
    assert.deepEqual(store.rules(), beforeRestore);
    assert.deepEqual(Array.from(store.settings()), [
      ["mode", "allow"],
      ["other", 1],
    ]);
    assert.deepEqual(store.disabledGroups(), []);
  });

  check("undo() of a restore leaves settings and groups that were changed since", (store) => {
    store.setSetting("mode", "allow");
    done(
      store.restore(
        {
          rules: [],
          settings: new Map<string, string | number>([
            ["mode", "ask"],
            ["limit", 5],
          ]),
          disabledGroups: ["home", "work"],
        },
        T0,
      ),
    );
    store.setSetting("mode", "deny");
    store.setGroupEnabled("home", true);
    done(store.undo(T0, never));
    assert.deepEqual(Array.from(store.settings()), [["mode", "deny"]]);
    assert.deepEqual(store.disabledGroups(), []);
  });

  check("withdraw() takes back the newest revision of any kind, as if it had never been", (store) => {
    add(store, "allow a -> any");
    add(store, "allow b -> any");
    store.setSetting("mode", "allow");
    const configuration = { rules: [], settings: new Map([["mode", "deny"]]), disabledGroups: ["work"] };
    const changes: (() => EditResult)[] = [
      () => store.edit([{ kind: "remove", id: 1 }, { kind: "disable", id: 2 }, adding("deny c -> any")], T0),
      () => store.undo(T0, never),
      () => store.restore(configuration, T0),
    ];
    for (const change of changes) {
      const before = store.lastGood();
      store.withdraw(done(change()).revision);
      assert.deepEqual({ ...store.lastGood(), lastRuleId: before.lastRuleId }, before);
    }
    assert.throws(() => store.withdraw(1 as Revision), RangeError);
    done(store.undo(T0, never));
    assert.deepEqual(texts(store.rules()), ["allow a -> any"]);
  });

  check("edit() refuses text that is not UTF-8 and changes nothing", (store) => {
    assert.throws(() => store.edit([adding("allow /a\udcff -> any")], T0), RangeError);
    assert.deepEqual(store.rules(), []);
  });
}

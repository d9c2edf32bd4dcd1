// SPDX-License-Identifier: Apache-2.0
/** An edit is in force whole, or nothing happened; and what cannot be done beside it keeps nothing else from being done. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { Action, MAX_RULES } from "../contract/layout.gen.ts";
import type { ImageKeyFields, SocketFields } from "../kernel/kernel.ts";
import type { NewRule } from "../store/store.ts";
import { edit, expire, followFiles, putInForce, readRule } from "./down.ts";
import { FakeEngine } from "./engine.fixture.ts";
import { watchCounters } from "./health.ts";
import type { FlowFields } from "./holds.ts";

const rule = (text: string, ends: NewRule["ends"] = { kind: "ever" }): NewRule => ({ text, enabled: true, ends });
const manyTexts = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `deny any -> 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);

function check(what: string, body: (fake: FakeEngine) => Promise<void>): void {
  test(what, async () => {
    const fake = new FakeEngine();
    try {
      await body(fake);
    } finally {
      fake.remove();
    }
  });
}

/** A database with these rules, whatever the limit is; nothing is in force yet. */
function given(fake: FakeEngine, rules: readonly NewRule[]): void {
  const done = fake.store.edit(
    rules.map((each) => ({ kind: "add", rule: each })),
    Date.now(),
  );
  assert.ok(done.ok);
}

const flow = {
  protocol: 6,
  direction: 0,
  cookie: 7n,
  class: 2,
  peerHigh: 0n,
  peerLow: 1n,
  peerPort: 443,
} as Partial<FlowFields> as FlowFields;

check("restore() that cannot be in force changes nothing: rules, settings and groups are what they were", async (fake) => {
  const { service, store } = fake;
  await service.addRule({ text: "deny any -> 192.0.2.1" });
  await service.setMode({ mode: "allow" });
  const backup = await service.backup({});
  const before = store.lastGood();
  const rules = manyTexts(MAX_RULES + 1).map((text) => ({ text, enabled: true, until: null, created: null }));
  const other = { ...backup, schema: 1 as const, rules, settings: { mode: "deny" }, groups: [{ name: "work", enabled: false }] };
  await assert.rejects(service.restore(other), /limit is 4,096/);
  assert.deepEqual({ ...store.lastGood(), lastRuleId: before.lastRuleId }, before);
  await service.addRule({ text: "deny any -> 192.0.2.2" });
  assert.deepEqual([fake.rulesInForce, fake.policy?.half.mode], [2, Action.ALLOW]);
});

check("undo() of a restore is a whole one", async (fake) => {
  const { service } = fake;
  await service.setMode({ mode: "allow" });
  const backup = await service.backup({});
  await service.restore({ ...backup, schema: 1, settings: { mode: "deny" }, groups: [] });
  assert.equal(fake.policy?.half.mode, Action.DENY);
  await service.undo({});
  assert.equal(fake.policy?.half.mode, Action.ALLOW);
});

check("undo() that cannot be in force is taken back itself, and not an edit before it", async (fake) => {
  const { service, store } = fake;
  await service.addRule({ text: "deny any -> 192.0.2.1" });
  await service.addRule({ text: "deny any -> 192.0.2.2" });
  const before = store.lastGood();
  fake.refuses = "no memory";
  await assert.rejects(service.undo({}), /no memory/);
  assert.deepEqual(store.lastGood(), before);
  fake.refuses = null;
  await service.undo({});
  assert.deepEqual(
    store.rules().map(({ text }) => text),
    ["deny any -> 192.0.2.1"],
  );
});

check("setMode() that cannot be in force leaves the mode there was", async (fake) => {
  const { service } = fake;
  await service.setMode({ mode: "ask" });
  fake.refuses = "no memory";
  await assert.rejects(service.setMode({ mode: "deny" }), /no memory/);
  fake.refuses = null;
  await service.addRule({ text: "deny any -> 192.0.2.1" });
  assert.equal(fake.policy?.half.mode, Action.ASK);
});

check("setGroupEnabled() that cannot be in force leaves the group disabled, and edits go on", async (fake) => {
  const { engine, service } = fake;
  fake.store.setGroupEnabled("work", false);
  writeFileSync(join(fake.rulesDir, "work.rules"), manyTexts(MAX_RULES).join("\n"));
  await followFiles(engine);
  await service.addRule({ text: "deny any -> 192.0.2.1" });
  await assert.rejects(service.setGroupEnabled({ name: "work", enabled: true }), /limit is 4,096/);
  assert.deepEqual(fake.store.disabledGroups(), ["work"]);
  await service.addRule({ text: "deny any -> 192.0.2.2" });
  assert.equal(fake.rulesInForce, 2);
});

check("putInForce() at a start puts what has room in force and says so; edits that make it worse are refused", async (fake) => {
  const { engine, service } = fake;
  given(
    fake,
    manyTexts(MAX_RULES + 2).map((text) => rule(text)),
  );
  await assert.rejects(putInForce(engine), /limit is 4,096/);
  await putInForce(engine, Number.POSITIVE_INFINITY);
  assert.deepEqual([fake.rulesInForce, fake.health], [MAX_RULES, ["rules-left-out"]]);
  await assert.rejects(service.addRule({ text: "deny any -> 192.0.2.1" }), /limit is 4,096/);
  for (const id of [1, 2]) await service.removeRule({ id });
  assert.deepEqual([fake.rulesInForce, fake.health], [MAX_RULES, []]);
});

check("expire() takes a rule out of force though the database cannot be written, and tells it later", async (fake) => {
  const { engine, store } = fake;
  given(fake, [rule("allow any -> 192.0.2.1", { kind: "at", atMs: Date.now() + 60_000 }), rule("deny any -> 192.0.2.2")]);
  given(fake, [rule("allow any -> 192.0.2.3", { kind: "quit", program: "/usr/bin/curl" })]);
  await putInForce(engine);
  assert.equal(fake.rulesInForce, 3);
  fake.full = true;
  await expire(engine);
  assert.deepEqual([fake.rulesInForce, fake.health, store.rules().length], [2, ["expired-kept"], 3]);
  fake.full = false;
  await edit(engine, (each) => each.edit([{ kind: "disable", id: 2 }], Date.now()));
  assert.equal(fake.rulesInForce, 1, "an edit meanwhile does not bring it back");
  await expire(engine);
  assert.deepEqual([fake.health, store.rules().map(({ id }) => id)], [[], [1, 2]]);
});

check("expire() takes a rule out of force though the database cannot even be read", async (fake) => {
  const { engine } = fake;
  fake.store.setSetting("mode", "deny");
  given(fake, [rule("allow any -> 192.0.2.1", { kind: "quit", program: "/usr/bin/curl" })]);
  await putInForce(engine);
  fake.damaged = true;
  await expire(engine);
  assert.deepEqual([fake.rulesInForce, fake.policy?.half.mode, fake.health], [0, Action.DENY, ["expired-kept"]]);
});

check("putInForce() at a start leaves out what ended meanwhile", async (fake) => {
  given(fake, [
    rule("allow any -> 192.0.2.1", { kind: "boot", boot: "another boot" }),
    rule("allow any -> 192.0.2.2", { kind: "at", atMs: Date.now() - 1 }),
    rule("deny any -> 192.0.2.3"),
  ]);
  await putInForce(fake.engine);
  assert.equal(fake.rulesInForce, 1);
  await expire(fake.engine);
  assert.equal(fake.store.rules().length, 1);
});

check("undo() does not bring back a rule whose time is over", async (fake) => {
  given(fake, [rule("allow any -> 192.0.2.1", { kind: "at", atMs: Date.now() - 1 })]);
  assert.ok(fake.store.edit([{ kind: "remove", id: 1 }], Date.now()).ok);
  await putInForce(fake.engine);
  await fake.service.undo({});
  assert.deepEqual([fake.rulesInForce, fake.store.rules()], [0, []]);
});

check("followFiles() takes a removed file's rules away once the database can be written again", async (fake) => {
  const file = join(fake.rulesDir, "work.rules");
  writeFileSync(file, "allow any -> 192.0.2.1\n");
  await followFiles(fake.engine);
  assert.equal(fake.rulesInForce, 1);
  rmSync(file);
  fake.full = true;
  await followFiles(fake.engine);
  assert.deepEqual(fake.health, ["rule-files-wait"]);
  fake.full = false;
  await followFiles(fake.engine);
  assert.deepEqual([fake.rulesInForce, fake.health], [0, []]);
});

check("an edit stays in force though a held flow cannot be refused and a connection cannot be cut", async (fake) => {
  const { engine, service } = fake;
  const running = { verdict: Action.ALLOW, generation: 0, flow } as Partial<SocketFields> as SocketFields;
  fake.sockets = [running, running];
  engine.holds.note({ ...flow, cookie: 8n }, {} as ImageKeyFields, 0);
  fake.action = Action.DENY;
  const { id } = await service.addRule({ text: "deny any -> 192.0.2.1" });
  assert.deepEqual([fake.rulesInForce, fake.store.rules().map((each) => each.id), fake.health], [1, [id], ["flow-failed"]]);
  fake.sockets = [];
  await service.addRule({ text: "deny any -> 192.0.2.2" });
  assert.deepEqual(fake.health, []);
});

check("removeRule() of a rule that is not one's own says what to do instead", async (fake) => {
  const { service, engine, rulesDir } = fake;
  fake.factory = [readRule("allow any -> loopback priority highest")];
  writeFileSync(join(rulesDir, "work.rules"), "deny any -> 192.0.2.7\n");
  await followFiles(engine);
  const removing = (group: string) => {
    const [placed] = engine.rulebook.book.ordered.filter((each) => each.group === group);
    assert.ok(placed);
    return service.removeRule({ id: placed.id });
  };
  await assert.rejects(removing("work"), /it is in group "work"; disable it with "holdfast rules disable \d+"$/);
  await assert.rejects(removing("factory"), /it is a protected factory rule; a narrower rule with "priority highest" overrules it$/);
});

check("listGroups() says in a sentence why a folder named like a rule file is none", async (fake) => {
  const { service, engine, rulesDir } = fake;
  mkdirSync(join(rulesDir, "d.rules"));
  await followFiles(engine);
  const { groups } = await service.listGroups({});
  const messages = groups.flatMap(({ problems }) => problems.map(({ message }) => message));
  assert.deepEqual(messages, [`Cannot read "${join(rulesDir, "d.rules")}": it is a folder`]);
});

check("watchCounters() says of one event that it was lost", async ({ engine: { health } }) => {
  watchCounters(health, { eventsLost: 1, peersFull: 1, syncntFailed: 2 });
  const texts = health.list().map(({ text }) => text.split(/ because|:/)[0]);
  assert.deepEqual(texts, ["1 event was lost", `The kernel's "setsockopt" failed 2 times`, `The kernel's table "peers" was full 1 time`]);
});

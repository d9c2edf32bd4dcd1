// SPDX-License-Identifier: Apache-2.0
/** What is left of the firewall when something breaks (architecture.md, "When things go wrong"): real packets, counted at the peer. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ReplyOf } from "../src/contract/api.ts";
import { LAYOUT_VERSION } from "../src/contract/layout.gen.ts";
import { OBJECT_FILE } from "../src/daemon/object-file.ts";
import { lockFile, scopeOf } from "../src/kernel/pins.ts";
import { smallDisk } from "./survive/disk.ts";
import { Holdfast, until, withHoldfast } from "./survive/holdfast.ts";
import { linkOf, seemPresent, setLayoutVersion } from "./survive/pinned.ts";
import { CONNECTS, DATAGRAMS, Prober, Stream, TALKS } from "./survive/traffic.ts";
import { outcomesOf, type Running } from "./world.ts";

const options = { timeout: 60_000, skip: process.getuid?.() === 0 ? false : "needs root" };

/** Ports of the peer. */
const STREAM = 443;
const ASKED = 444;
const REFUSED = 445;
const DENIED = 9;
/** Longer than the kernel waits for a heartbeat (AWAY_AFTER_NS). */
const AWAY_MS = 2500;

/** An allowed connection that talks, and a program that sends what is denied, all the time. */
async function traffic(holdfast: Holdfast): Promise<{ stream: Stream; prober: Prober }> {
  const { world } = holdfast;
  await world.peer.serve({ tcp: [STREAM, ASKED], sink: [DENIED] });
  await holdfast.rule(`allow ${world.probe} -> ${world.peer.address4} tcp/${STREAM}`);
  await holdfast.rule(`deny ${world.probe} -> ${world.peer.address4} udp/${DENIED}`);
  return { stream: await Stream.start(world, STREAM), prober: await Prober.start(world, DENIED) };
}

/** Nothing of what is denied has come through, and the stream goes on; then, as a control, what was denied is allowed and arrives. */
async function nothingGotThrough(holdfast: Holdfast, { stream, prober }: Awaited<ReturnType<typeof traffic>>): Promise<void> {
  const { world } = holdfast;
  await prober.more(100);
  await stream.more(10);
  assert.equal(await world.peer.count({ protocol: "udp", port: DENIED }), 0);
  await holdfast.rule(`allow ${world.probe} -> ${world.peer.address4} udp/${DENIED} priority high`);
  await world.peer.arrived({ protocol: "udp", port: DENIED }, 10);
  await prober.stop();
}

function connect(holdfast: Holdfast, port: number): Running {
  const { world } = holdfast;
  return world.start([world.probe, "tcp", "--to", world.peer.address4, "--port", String(port)]);
}

test("a daemon killed while idle leaves its rules in force, and the next takes them over", options, () =>
  withHoldfast(async (holdfast) => {
    const daemon = await holdfast.up("--mode", "allow");
    const running = await traffic(holdfast);
    const { generation } = await holdfast.status();
    await daemon.kill("SIGKILL");
    await running.prober.more(100);
    const next = await holdfast.up();
    const status = await holdfast.status();
    assert.equal(status.pid, next.pid);
    assert.ok(Number(status.generation) > Number(generation) && status.inForce);
    assert.deepEqual(await holdfast.conditions(), []);
    await nothingGotThrough(holdfast, running);
  }),
);

test("a daemon killed with a question open: the next asks again, and the held connection gets its answer", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const daemon = await holdfast.up("--mode", "ask");
    const running = await traffic(holdfast);
    const held = connect(holdfast, ASKED);
    const [before] = await holdfast.questions(1);
    await daemon.kill("SIGKILL");
    await running.prober.more(2500); // until the daemon counts as away
    assert.equal(held.ended, null);

    await holdfast.up();
    const [again] = await holdfast.questions(1);
    assert.ok(before && again);
    assert.deepEqual([again.app.path, again.address, again.port], [before.app.path, before.address, before.port]);
    assert.equal(await world.peer.count({ protocol: "tcp", port: ASKED }), 0);
    await holdfast.answer(again, "allow");
    assert.equal(outcomesOf((await held.exited).stdout)[0]?.result, 0);
    await nothingGotThrough(holdfast, running);
  }),
);

/** Says a word on a connection of TALKS; what came of it. */
async function talk(process: Running): Promise<string | undefined> {
  const before = process.lines().length;
  process.write("\n");
  while (process.lines().length === before) await process.changed();
  return process.lines().at(-1);
}

test(
  "without a daemon, what is running goes on where its rule asks: older and silent so far, or allowed by rules that are gone",
  options,
  () =>
    withHoldfast(async (holdfast) => {
      const { world } = holdfast;
      await world.peer.serve({ tcp: [STREAM, ASKED] });
      const start = (port: number): Running => world.start(["perl", "-e", TALKS, world.peer.address4, String(port)], { timeoutMs: null });
      const older = start(ASKED);
      await older.line((line) => line === "connected");
      const daemon = await holdfast.up("--mode", "ask");
      const { id } = await holdfast.rule(`allow any -> ${world.peer.address4} tcp/${STREAM}`);
      const allowed = start(STREAM);
      await allowed.line((line) => line === "connected");
      assert.equal(await talk(allowed), "echo");
      await holdfast.client.removeRule({ id: Number(id) });
      await daemon.kill("SIGKILL");
      await sleep(AWAY_MS);
      const late = start(STREAM);
      await late.exited;
      assert.deepEqual(late.lines(), ["Connection refused"], "the daemon is away, and what is new is refused");
      for (const running of [older, allowed]) assert.deepEqual([await talk(running), await talk(running)], ["echo", "echo"]);

      await holdfast.up();
      for (const running of [older, allowed]) assert.equal(await talk(running), "echo");
      await holdfast.rule(`deny any -> ${world.peer.address4} tcp/${STREAM},${ASKED}`);
      for (const running of [older, allowed]) assert.match((await talk(running)) ?? "", /^broke/);
    }),
);

test("an upgrade puts new programs behind the running links", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const daemon = await holdfast.up("--mode", "ask");
    const running = await traffic(holdfast);
    const held = connect(holdfast, ASKED);
    await holdfast.questions(1);
    await daemon.kill("SIGTERM");
    await running.prober.more(100);
    const before = linkOf(holdfast, "on_egress");
    const objectFile = join(world.dir, "other.bpf.o");
    copyFileSync(OBJECT_FILE, objectFile);
    appendFileSync(objectFile, "the same layout, another file");

    await holdfast.upWith({ mode: "ask", objectFile });
    const after = linkOf(holdfast, "on_egress");
    assert.equal(after.link, before.link);
    assert.notEqual(after.program, before.program);
    assert.notEqual(linkOf(holdfast, "on_exec").program, before.program);
    const [question] = await holdfast.questions(1);
    assert.equal(await world.peer.count({ protocol: "tcp", port: ASKED }), 0);
    await holdfast.answer(question, "allow");
    assert.equal(outcomesOf((await held.exited).stdout)[0]?.result, 0);
    await nothingGotThrough(holdfast, running);
  }),
);

test("a ring that nobody reads loses events and changes no verdict; what is held meanwhile is asked about later", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const daemon = await holdfast.up("--mode", "ask");
    const running = await traffic(holdfast);
    await holdfast.rule(`deny any -> ${world.peer.address4} tcp/${REFUSED}`);
    const many = world.start(["perl", "-e", CONNECTS, world.peer.address4, String(REFUSED), "8000"], { timeoutMs: null });
    await many.line((line) => line === "ready");

    process.kill(daemon.pid, "SIGSTOP");
    seemPresent(holdfast);
    many.write("\n");
    await many.line((line) => line === "refused 8000 of 8000");
    const held = connect(holdfast, ASKED);
    await running.prober.more(500);
    assert.equal(held.ended, null);
    assert.equal(await world.peer.count({ protocol: "tcp", port: REFUSED }), 0);
    assert.equal(await world.peer.count({ protocol: "tcp", port: ASKED }), 0);
    process.kill(daemon.pid, "SIGCONT");

    assert.match(await holdfast.health("events-lost"), /^\d+ events were lost .* Verdicts are not affected$/);
    assert.ok((await holdfast.counters()).eventsLost > 0);
    const [question] = await holdfast.questions(1);
    await holdfast.answer(question, "allow");
    assert.equal(outcomesOf((await held.exited).stdout)[0]?.result, 0);
    await nothingGotThrough(holdfast, running);
  }),
);

test("a full table of processes lets nothing through, and is counted", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await holdfast.upWith({ mode: "ask", bounds: { processes: 1 } });
    const running = await traffic(holdfast);
    const held = connect(holdfast, ASKED);
    const [question] = await holdfast.questions(1);
    assert.equal(question?.app.path, world.probe);
    assert.equal(await world.peer.count({ protocol: "tcp", port: ASKED }), 0);
    assert.ok(((await holdfast.counters()).tableFull.processes ?? 0) > 0);
    assert.match(await holdfast.health("full-processes"), /table "processes" was full/);
    await holdfast.answer(question, "deny");
    assert.equal(outcomesOf((await held.exited).stdout)[0]?.errno, "ECONNREFUSED");
    await nothingGotThrough(holdfast, running);
  }),
);

test("a full table of images holds the program that has no room, though a rule allows it", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await holdfast.upWith({ mode: "deny", bounds: { images: 1 } });
    await world.peer.serve({ tcp: [ASKED], sink: [DENIED] });
    const prober = await Prober.start(world, DENIED);
    const late = world.app("late");
    await holdfast.rule(`allow ${late} -> ${world.peer.address4} tcp/${ASKED}`);
    const held = world.start([late, "tcp", "--to", world.peer.address4, "--port", String(ASKED)]);
    assert.match(await holdfast.health("images-full"), /"images": it is full: programs that are new stay unidentified and held/);
    assert.ok(((await holdfast.counters()).tableFull.images ?? 0) > 0);
    await prober.more(1500);
    assert.equal(held.ended, null);
    assert.equal(await world.peer.count(), 0);
    await holdfast.remove();
    assert.equal(outcomesOf((await held.exited).stdout)[0]?.result, 0);
    await world.peer.arrived({ protocol: "udp", port: DENIED }, 10);
    await prober.stop();
  }),
);

test("a full table of peers judges what it forgot anew", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await holdfast.upWith({ mode: "allow", bounds: { peers: 16 } });
    await world.peer.serve({ sink: [DENIED] });
    await holdfast.rule(`deny any -> ${world.peer.address4} udp/${DENIED}`);
    await world.run(["perl", "-e", DATAGRAMS, world.peer.address4, String(DENIED), "512"]);
    assert.equal(await world.peer.count({ protocol: "udp", port: DENIED }), 0);
    assert.equal(await world.peer.count({ protocol: "udp" }), 512);
    assert.equal(typeof (await holdfast.counters()).tableFull.peers, "number");
  }),
);

test("a full disk refuses edits and nothing else", options, () =>
  withHoldfast(async (holdfast) => {
    const { state } = holdfast.place;
    using disk = smallDisk(state);
    const daemon = await holdfast.up("--mode", "allow");
    const running = await traffic(holdfast);
    const { revision } = await holdfast.status();
    disk.fill();
    const refused = await holdfast.run("rules", "add", "deny any -> 192.0.2.1");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Cannot keep the edit, so it is refused: Cannot write ".*": no space is left/);
    const mode = await holdfast.run("mode", "deny");
    assert.equal(mode.code, 1);
    assert.match(mode.stderr, /no space is left/);
    assert.match(await holdfast.health("database"), /no space is left/);
    const status = await holdfast.status();
    assert.deepEqual([status.revision, status.mode, status.inForce], [revision, "allow", true]);
    await running.prober.more(200);
    await running.stream.more(10);

    disk.empty();
    await holdfast.rule("deny any -> 192.0.2.1");
    await until("good health", async () => ((await holdfast.conditions()).length === 0 ? true : null));

    disk.fill();
    await daemon.kill("SIGKILL");
    const next = await holdfast.up();
    assert.match(await holdfast.health("database"), /no space is left.*edits are refused/);
    assert.equal((await holdfast.run("rules", "add", "deny any -> 192.0.2.1")).code, 1);
    await running.prober.more(200);
    await running.stream.more(10);
    assert.equal(await holdfast.world.peer.count({ protocol: "udp", port: DENIED }), 0);

    disk.empty();
    await next.kill("SIGTERM");
    await holdfast.up();
    assert.deepEqual(await holdfast.conditions(), []);
    await nothingGotThrough(holdfast, running);
  }),
);

/** Damaged databases set aside; their -wal and -shm go with them. */
const setAside = (folder: string): number =>
  readdirSync(folder).filter((name) => name.startsWith("holdfast.db.damaged-") && !/-(wal|shm)$/.test(name)).length;

for (const [how, end, damage] of [
  ["truncated", "SIGTERM", (path: string) => truncateSync(path, 5000)],
  ["garbage", "SIGKILL", (path: string) => writeFileSync(path, randomBytes(8192))],
] as const)
  test(`a database that is ${how} is set aside, and the rules come from rules.last`, options, () =>
    withHoldfast(async (holdfast) => {
      const { world, place } = holdfast;
      const database = join(place.state, "holdfast.db");
      const daemon = await holdfast.up("--mode", "allow");
      const running = await traffic(holdfast);
      await daemon.kill(end);
      damage(database);

      const next = await holdfast.up();
      assert.match(await holdfast.health("database"), /set aside as "(.*)"; the rules come from rules\.last/);
      assert.equal(setAside(place.state), 1);
      await running.prober.more(200);
      await running.stream.more(10);
      assert.equal(await world.peer.count({ protocol: "udp", port: DENIED }), 0);
      const own = async (): Promise<string[]> =>
        (await holdfast.client.listRules({})).rules.filter(({ author }) => author === "own").map(({ text }) => text);
      assert.equal((await own()).length, 2);
      await holdfast.rule("deny any -> 192.0.2.1"); // a fresh database takes edits

      await next.kill(end);
      await holdfast.remove();
      damage(database);
      await holdfast.up();
      assert.equal((await own()).length, 3);
      assert.equal(setAside(place.state), 2);
      await world.peer.clear();
      await nothingGotThrough(holdfast, running);
    }),
  );

test("a database that another process has locked: the rules come from rules.last, and edits are refused", options, () =>
  withHoldfast(async (holdfast) => {
    const { world, place } = holdfast;
    const daemon = await holdfast.up("--mode", "allow");
    const running = await traffic(holdfast);
    await daemon.kill("SIGTERM");
    await holdfast.remove();
    const other = new DatabaseSync(join(place.state, "holdfast.db"));
    try {
      other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
      const next = await holdfast.up();
      await world.peer.clear();
      assert.match(await holdfast.health("database"), /another process has it locked.*edits are refused/);
      for (const args of [
        ["rules", "add", "deny any -> 192.0.2.1"],
        ["mode", "deny"],
        ["settings", "set", "when-away", "allow"],
      ]) {
        const refused = await holdfast.run(...args);
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /Cannot keep the edit.*another process has it locked/);
      }
      await next.kill("SIGTERM");
    } finally {
      other.close();
    }
    await holdfast.up();
    assert.deepEqual(await holdfast.conditions(), []);
    await nothingGotThrough(holdfast, running);
  }),
);

test("a broken rule file is refused whole, and what it said before stays in force", options, () =>
  withHoldfast(async (holdfast) => {
    const { world, place } = holdfast;
    const file = join(place.rules, "work.rules");
    mkdirSync(place.rules);
    const deny = `deny ${world.probe} -> ${world.peer.address4} udp/${DENIED}\n`;
    writeFileSync(file, deny);
    const daemon = await holdfast.up("--mode", "allow");
    await world.peer.serve({ sink: [DENIED] });
    const prober = await Prober.start(world, DENIED);
    const group = async () => {
      const reply = await holdfast.json<ReplyOf<"listGroups">>("groups", "ls");
      return reply.groups.find(({ name }) => name === "work");
    };
    writeFileSync(file, `# the rule is gone, and another is wrong\nallow any -> any\nallow any => any\n`);
    assert.match(await holdfast.health("rule-files"), /group "work" is refused, and its last good text is in force: line 3/);
    const broken = await group();
    assert.equal(broken?.rules, 1);
    assert.deepEqual(
      broken?.problems.map(({ file, line, column }) => [file, line, column]),
      [[file, 3, 11]],
    );
    await prober.more(100);
    await daemon.kill("SIGKILL");
    await holdfast.up(); // also for a daemon that never saw the good text
    await prober.more(1500);
    assert.equal(await world.peer.count({ port: DENIED }), 0);

    writeFileSync(file, `allow ${world.probe} -> ${world.peer.address4} udp/${DENIED}\n`);
    await world.peer.arrived({ port: DENIED }, 10);
    await until("good health", async () => ((await holdfast.conditions()).length === 0 ? true : null));
    assert.deepEqual((await group())?.problems, []);
    rmSync(file);
    await until("the group to go", async () => ((await group()) === undefined ? true : null));
    writeFileSync(file, "alow any -> any\n");
    assert.match(await holdfast.health("rule-files"), /group "work" is refused, and none of its rules is in force: line 1/);
  }),
);

test("pinned tables of another layout are replaced without a moment unfiltered", options, () =>
  withHoldfast(async (holdfast) => {
    const daemon = await holdfast.up("--mode", "allow");
    const running = await traffic(holdfast);
    await daemon.kill("SIGTERM");
    const before = linkOf(holdfast, "on_egress");
    setLayoutVersion(holdfast, LAYOUT_VERSION + 1);
    await holdfast.up();
    assert.notEqual(linkOf(holdfast, "on_egress").link, before.link);
    assert.equal(readdirSync(dirname(holdfast.pins)).includes(`${basename(holdfast.pins)}-new`), false);
    await nothingGotThrough(holdfast, running);
  }),
);

test("a second daemon for a scope is refused, and the first goes on", options, () =>
  withHoldfast(async (holdfast) => {
    const { world, place } = holdfast;
    const daemon = await holdfast.up("--mode", "allow");
    const running = await traffic(holdfast);
    const other = { state: join(world.dir, "state-2"), socket: join(world.dir, "second.sock") };
    const second = new Holdfast(world, other);
    for (const detach of [[], ["--detach"]]) {
      const refused = await second.run("up", "--scope", place.scope, "--state", other.state, "--rules", place.rules, ...detach);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, new RegExp(`Holdfast already runs for scope "${place.scope}" as process ${daemon.pid}`));
    }
    assert.equal((await holdfast.status()).pid, daemon.pid);
    await nothingGotThrough(holdfast, running);
  }),
);

test("daemons of nested scopes: a packet needs the consent of both, and each goes without the other", options, () =>
  withHoldfast(async (outer) => {
    const { world } = outer;
    const inner = new Holdfast(world, {
      scope: world.cgroup("sub"),
      state: join(world.dir, "state-sub"),
      socket: join(world.dir, "sub.sock"),
      rules: join(world.dir, "rules-sub"),
    });
    await world.peer.serve({ tcp: [STREAM, ASKED, REFUSED], sink: [DENIED] });
    await outer.up("--mode", "allow");
    await inner.up("--mode", "allow");
    const start = (port: number): Running =>
      world.start([world.probe, "tcp", "--to", world.peer.address4, "--port", String(port)], { cgroup: inner.place.scope });
    const result = async (port: number): Promise<string | null | undefined> => outcomesOf((await start(port).exited).stdout)[0]?.errno;

    assert.equal(await result(STREAM), null);
    const mine = await outer.rule(`deny any -> ${world.peer.address4} tcp/${STREAM}`);
    assert.equal(await result(STREAM), "ECONNREFUSED");
    await outer.client.removeRule({ id: Number(mine.id) });
    await inner.rule(`deny any -> ${world.peer.address4} tcp/${STREAM}`);
    assert.equal(await result(STREAM), "ECONNREFUSED");

    await outer.rule(`ask any -> ${world.peer.address4} tcp/${ASKED}`);
    await inner.rule(`ask any -> ${world.peer.address4} tcp/${ASKED}`);
    await world.peer.clear();
    const held = start(ASKED);
    const [first] = await outer.questions(1);
    const [second] = await inner.questions(1);
    await outer.answer(first, "allow");
    await outer.questions(0);
    assert.equal(await world.peer.count(), 0, "one consent is not enough");
    assert.equal(held.ended, null);
    await inner.answer(second, "allow");
    assert.equal(outcomesOf((await held.exited).stdout)[0]?.result, 0);

    await outer.remove();
    assert.equal(await result(STREAM), "ECONNREFUSED", "the inner one is still in force");
    assert.equal((await inner.status()).inForce, true);
    await inner.remove();
    assert.equal(await result(STREAM), null);
  }),
);

for (const [command, states] of [
  ["down", ["running", "killed"]],
  ["panic", ["running", "stopped", "killed"]],
] as const)
  for (const state of states)
    test(`${command} takes everything away when the daemon is ${state}`, options, () =>
      withHoldfast(async (holdfast) => {
        const { world } = holdfast;
        const daemon = await holdfast.up("--mode", "ask");
        const { stream, prober } = await traffic(holdfast);
        const held = connect(holdfast, ASKED);
        await holdfast.questions(1);
        if (state === "stopped") process.kill(daemon.pid, "SIGSTOP");
        if (state === "killed") await daemon.kill("SIGKILL");
        const { pid, links } = await holdfast.remove(command);
        assert.equal(pid, state === "killed" ? null : daemon.pid);
        assert.ok(links > 0);
        assert.equal(existsSync(holdfast.pins), false);
        await world.peer.arrived({ protocol: "udp", port: DENIED }, 10);
        await stream.more(10);
        assert.equal(outcomesOf((await held.exited).stdout)[0]?.result, 0);
        if (state === "stopped") process.kill(daemon.pid, "SIGCONT");
        if (state !== "killed") await daemon.exited;
        assert.equal(existsSync(holdfast.pins), false, "the daemon has not put anything back");
        const root = dirname(holdfast.pins);
        assert.ok(!existsSync(root) || readdirSync(root).length > 0, "no empty folder is left");
        assert.equal(existsSync(lockFile(scopeOf(world.scope))), false, "the lock's file is gone");
        assert.ok(existsSync(join(world.scope, "cgroup.procs")));
        assert.deepEqual(await holdfast.remove(command), { ...(await holdfast.remove(command)), pid: null, links: 0 });
        await prober.stop();
      }),
    );

for (const whenAway of ["deny", "allow"] as const)
  test(`without a daemon, what would be asked meets --when-away ${whenAway}`, options, () =>
    withHoldfast(async (holdfast) => {
      const { world } = holdfast;
      await world.peer.serve({ tcp: [STREAM, ASKED], sink: [DENIED] });
      const daemon = await holdfast.up("--mode", "ask", ...(whenAway === "allow" ? ["--when-away", "allow"] : []));
      await holdfast.rule(`deny ${world.probe} -> ${world.peer.address4} udp/${DENIED}`);
      await holdfast.rule(`allow ${world.probe} -> ${world.peer.address4} tcp/${STREAM}`);
      /* A program started by one the daemon has seen start is known without the daemon. */
      const script = `while read port; do ${world.probe} tcp --to ${world.peer.address4} --port $port; done`;
      const shell = world.start(["sh", "-c", script], { timeoutMs: null });
      const errno = async (port: number): Promise<string | null | undefined> => {
        const before = outcomesOf(shell.stdout).length;
        shell.write(`${port}\n`);
        while (outcomesOf(shell.stdout).length === before) await shell.changed();
        return outcomesOf(shell.stdout).at(-1)?.errno;
      };
      assert.equal(await errno(STREAM), null);
      const prober = await Prober.start(world, DENIED);
      const held = connect(holdfast, ASKED);
      await holdfast.questions(1);
      await prober.more(3000);
      assert.equal(held.ended, null, "a daemon whom nobody answers still holds");
      assert.equal(await world.peer.count({ protocol: "tcp", port: ASKED }), 0);
      held.destroy();

      await daemon.kill("SIGKILL");
      await prober.more(2500);
      assert.equal(await errno(STREAM), null, "a rule that allows is in force");
      assert.equal(await errno(ASKED), whenAway === "allow" ? null : "ECONNREFUSED");
      const came = await world.peer.count({ protocol: "tcp", port: ASKED });
      assert.ok(whenAway === "allow" ? came > 0 : came === 0);
      assert.equal(await world.peer.count({ protocol: "udp", port: DENIED }), 0, "a rule that denies, too");
      await prober.stop();
    }),
  );

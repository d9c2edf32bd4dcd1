// SPDX-License-Identifier: Apache-2.0
/** Packets that go elsewhere than their socket says, and sockets that are another program's by now: judged by where they go and whose they are. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Holdfast, until, withHoldfast } from "./survive/holdfast.ts";
import { Stream } from "./survive/traffic.ts";
import { outcomesOf, type PacketFilter, type Running } from "./world.ts";

const options = { timeout: 60_000, skip: process.getuid?.() === 0 ? false : "needs root" };
const SOURCE = join(import.meta.dirname, "native/escape.c");
const DENIED = 7001;
const ALLOWED = 7002;

/** escape.c as two programs of this world. */
function programs({ world }: Holdfast): { readonly first: string; readonly other: string } {
  const first = join(world.dir, "first");
  const other = join(world.dir, "other");
  execFileSync("cc", ["-Wall", "-Wextra", "-Werror", "-o", first, SOURCE]);
  copyFileSync(first, other);
  return { first, other };
}

/** Runs `argv` under the rules, then with everything allowed: nothing of it may arrive the first time, and something must the second. */
async function onlyWhenAllowed(holdfast: Holdfast, argv: readonly string[], rules: readonly string[], filter: PacketFilter): Promise<void> {
  const { world } = holdfast;
  const ids: number[] = [];
  for (const rule of rules) {
    const { id } = await holdfast.rule(rule);
    assert.ok(id !== null);
    ids.push(id);
  }
  /* Once to be known: a program that is new is held first. */
  for (let i = 0; i < 2; i++) await world.run(argv);
  assert.deepEqual(await world.peer.packets(filter), []);
  for (const id of ids) await holdfast.client.removeRule({ id });
  await world.peer.clear();
  await world.run(argv);
  await world.peer.arrived(filter);
  await world.peer.clear();
}

test("a source route leads no packet past the rules, whatever its socket is connected to", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const { first } = programs(holdfast);
    await holdfast.up("--mode", "allow");
    const { address4, address6 } = world.peer;
    await onlyWhenAllowed(holdfast, [first, "route4", address4, "80"], ["deny any -> any"], { protocol: "tcp" });
    await onlyWhenAllowed(holdfast, [first, "route6", address6, "80"], ["deny any -> any"], {});
  }),
);

test("a datagram begun for one port and sent when the socket is connected to another needs both allowed", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const { first } = programs(holdfast);
    await holdfast.up("--mode", "allow");
    /* IPv4 sends under the newer header, IPv6 under the one it was begun with. */
    const argv = [first, "more", world.peer.address6, String(DENIED), String(ALLOWED)];
    for (const denied of [DENIED, ALLOWED]) await onlyWhenAllowed(holdfast, argv, [`deny any -> any udp/${denied}`], { protocol: "udp" });
  }),
);

for (const mode of ["send", "connect"])
  test(`a socket in the hands of another program by exec is that one's when it ${mode}s`, options, () =>
    withHoldfast(async (holdfast) => {
      const { world } = holdfast;
      const { first, other } = programs(holdfast);
      /* A closed port would end the second datagram with ECONNREFUSED. */
      await world.peer.serve({ sink: [DENIED] });
      await holdfast.up("--mode", "allow");
      const argv = [first, "exec", other, mode, world.peer.address4, String(DENIED)];
      await onlyWhenAllowed(holdfast, argv, [`deny ${other} -> any`], { protocol: "udp", payload: "other" });
    }),
  );

test("an edit is about the next datagram of a connected socket, whatever the last ones were allowed", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const { first } = programs(holdfast);
    await world.peer.serve({ sink: [DENIED] });
    await holdfast.up("--mode", "allow");
    for (const address of [world.peer.address4, world.peer.address6]) {
      const sender = world.start([first, "every", address, String(DENIED)], { timeoutMs: null });
      const say = async (outcome: string, times: number): Promise<void> => {
        const before = sender.lines().length;
        while (
          sender
            .lines()
            .slice(before)
            .filter((line) => line === outcome).length < times
        )
          await sender.changed();
      };
      await say("ok", 20);
      await world.peer.arrived({ protocol: "udp", payload: "every" });
      /* What runs goes on until its program is known. */
      await until("its program's name", async () => {
        const { flows } = await holdfast.client.listFlows({ app: null, to: address, verdict: null, undecided: false, since: null });
        return flows.some(({ app }) => app?.path === first) || null;
      });
      const { id } = await holdfast.rule(`deny any -> any udp/${DENIED}`);
      assert.ok(id !== null);
      await world.peer.clear();
      await say("EPERM", 20);
      assert.equal(await world.peer.count({ protocol: "udp", payload: "every" }), 0);
      await holdfast.client.removeRule({ id });
      await world.peer.arrived({ protocol: "udp", payload: "every" });
      sender.destroy();
    }
  }),
);

test("a connection older than the daemon goes on under ask; its socket's next one is asked about", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const { first } = programs(holdfast);
    await world.peer.serve({ tcp: [DENIED, ALLOWED] });
    const older = world.start([first, "again", world.peer.address4, String(ALLOWED), String(DENIED)]);
    await older.line((line) => line === "connected");
    await holdfast.up("--mode", "ask");
    older.write("\n");
    const [question] = await holdfast.questions(1);
    await sleep(1500);
    assert.equal(await world.peer.count({ protocol: "tcp", port: DENIED }), 0);
    await holdfast.answer(question, "allow");
    assert.match((await older.exited).stdout, /ok/);
  }),
);

test("a connection older than the daemon goes on under ask, however long the daemon's start takes", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await world.peer.serve({ tcp: [ALLOWED] });
    const stream = await Stream.start(world, ALLOWED);
    /* So long that the kernel would take it for away. */
    await holdfast.upWith({ mode: "ask", slowMs: 2500 });
    await stream.more(50);
    assert.deepEqual((await holdfast.client.listQuestions({})).questions, []);
  }),
);

test("a raw socket's packets are no replies to what others have received", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const { first, other } = programs(holdfast);
    const { address4 } = world.peer;
    await holdfast.up("--mode", "allow");
    await holdfast.rule(`deny ${other} -> any`);
    const sender = world.start([other, "raw-after", address4]);
    await sender.line((line) => line === "listening");
    /* The peer's reply goes to every raw ICMP socket; the denied one's among them. */
    await world.run([first, "raw", address4]);
    await world.peer.arrived({ protocol: "icmp" });
    await world.peer.clear();
    sender.write("\n");
    await sender.exited;
    assert.deepEqual(await world.peer.packets({ protocol: "icmp" }), []);
  }),
);

test("a rule about the program of an older connection counts from the moment at which the firewall is there", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await world.peer.serve({ tcp: [ALLOWED] });
    const older = world.start([world.probe, "tcp", "--to", world.peer.address4, "--port", String(ALLOWED), "--wait-stdin"]);
    await older.line((line) => line.includes('"connected"'));
    await holdfast.up("--mode", "allow");
    await world.peer.clear();
    await holdfast.rule(`deny ${world.probe} -> any`);
    older.write("\n");
    assert.match((await older.exited).stdout, /ECONNABORTED/);
    assert.deepEqual(await world.peer.packets(), []);
  }),
);

test("a connection older than the daemon is cut when it is denied", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const { first } = programs(holdfast);
    for (const address of [world.peer.address4, world.peer.address6]) {
      await world.peer.serve({ tcp: [address.includes(":") ? DENIED : ALLOWED] });
      const port = String(address.includes(":") ? DENIED : ALLOWED);
      const older = world.start([first, "stay", address, port]);
      await older.line((line) => line === "connected");
      await holdfast.up("--mode", "allow");
      await holdfast.rule(`deny ${first} -> any`);
      assert.match((await older.exited).stdout, /ECONNABORTED/);
      await holdfast.remove();
    }
  }),
);

test("a connection outside the scope goes on, whatever the rules of the scope say", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await world.peer.serve({ tcp: [ALLOWED] });
    const connect = async (cgroup: boolean): Promise<Running> => {
      const args = ["tcp", "--to", world.peer.address4, "--port", String(ALLOWED), "--wait-stdin"];
      const older = world.start([world.probe, ...args], { cgroup });
      await older.line((line) => line.includes('"connected"'));
      return older;
    };
    const [inside, outside] = [await connect(true), await connect(false)];
    const established = (): number => world.shell("a", "cat /proc/net/tcp").match(/ 01 /g)?.length ?? 0;
    assert.equal(established(), 2);
    await holdfast.up("--mode", "deny");
    await until("the connection inside to be cut", () => (established() < 2 ? true : null));
    for (const each of [inside, outside]) each.write("\n");
    assert.match((await inside.exited).stdout, /ECONNABORTED/);
    assert.equal(outcomesOf((await outside.exited).stdout)[0]?.result, 0);
  }),
);

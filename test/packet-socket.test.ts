// SPDX-License-Identifier: Apache-2.0
/** Below IP: frames of packet sockets, and what would send past every filter. Real packets, the real daemon, counted at the peer. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { columns, perform, type Row, servePeer, udpPort } from "./leak/row.ts";
import { ROWS } from "./leak/rows.ts";
import { type Holdfast, until, withHoldfast } from "./survive/holdfast.ts";
import { outcomesOf, type World } from "./world.ts";

const options = { timeout: 200_000, skip: process.getuid?.() === 0 ? false : "needs root" };

const frames = ROWS.filter(({ group, name }) => group === "below ip" && !name.includes("tun device"));
const joins = ROWS.filter(({ name }) => name.startsWith("joining a multicast group"));
/** What is judged frame by frame; the others are refused before they can send. */
const judged = frames.filter(({ notApplicable }) => notApplicable === undefined);

/** Runs `work` while a rule is in force. */
async function under(holdfast: Holdfast, rule: string, work: () => Promise<void>): Promise<void> {
  const { id } = await holdfast.rule(rule);
  await work();
  await holdfast.json("rules", "rm", String(id));
}

/** Packets of a row's operation that arrived. Of membership reports only those that name the group: the kernel reports for itself, too. */
async function leaked(world: World, row: Row): Promise<number> {
  const packets = await world.peer.packets(row.filter);
  return row.filter?.kernel ? packets.filter(({ groups }) => groups.includes(row.rule(world).where)).length : packets.length;
}

async function arrives(world: World, row: Row): Promise<void> {
  await (await perform(world, row)).exited;
  await world.peer.until((packets) => row.arrives(packets, world), row.filter);
}

/** What a column's rule says about a row. */
function denial(world: World, row: Row, column: string): string {
  const { who, where, ports } = row.rule(world);
  if (column === "by app") return `deny ${who} -> any`;
  return column === "by address" ? `deny any -> ${where}` : `deny any -> any ${ports}`;
}

/** Sends a datagram to the peer in a frame written by hand. */
function sendFrame(world: World, device: string, mac: string): string[] {
  const packet = ["--from", world.a.address4, "--to", world.peer.address4, "--port", String(udpPort)];
  return ["packet", ...packet, "--device", device, "--mac", mac];
}
const ours = (world: World): string[] => sendFrame(world, world.a.device, world.peer.mac);
const filters = (world: World, side: "a" | "c", device = `veth-${side}`): string =>
  world.shell(side, `tc filter show dev ${device} egress`);

test("no frame of a packet socket passes a rule, and no socket passes the filter", options, (t) =>
  withHoldfast(t, async (holdfast) => {
    const { world } = holdfast;
    await servePeer(world);
    await holdfast.up("--mode", "allow");
    for (const row of [...frames, ...joins]) {
      await t.test(`${row.name} arrives under allow`, () => arrives(world, row));
      for (const column of columns.slice(0, 3)) {
        const reason = row.notApplicable?.[column as "by app"];
        await t.test(`${row.name} denied ${column}`, { skip: reason ?? false }, () =>
          under(holdfast, denial(world, row, column), async () => {
            const { stdout } = await (await perform(world, row)).exited;
            assert.equal(await leaked(world, row), 0);
            /* Traffic control has no EPERM: ENOBUFS, or success for the first frame of a program that is not known yet. */
            if (!judged.includes(row)) assert.equal(outcomesOf(stdout)[0]?.errno, "EPERM");
          }),
        );
      }
    }
    await t.test("the sender of a denied frame is told", () =>
      under(holdfast, `deny ${world.probe} -> any`, async () => {
        await until(async () => (await world.try(ours(world))).errno === "ENOBUFS" || null);
      }),
    );
    for (const [name, ethertype] of [
      ["VLAN", 0x8100],
      ["experimental", 0x88b6],
      ["IPv6 in front of IPv4", 0x86dd],
    ] as const) {
      await t.test(`a frame that cannot be read (${name}) counts as sent to any address`, async () => {
        const send = (): Promise<unknown> => world.try([...ours(world), "--ethertype", String(ethertype)]);
        const written = { payload: "holdfast", kernel: true };
        await world.peer.clear();
        await send();
        await world.peer.arrived(written);
        await under(holdfast, `deny ${world.probe} -> ${world.peer.address4}`, async () => {
          await world.peer.clear();
          await send();
          assert.equal(await world.peer.count(written), 0);
        });
      });
    }
  }),
);

for (const [name, row] of judged.map((row) => [row.name, row] as const)) {
  test(`${name}: held, asked about, and arrives after the answer`, options, (t) =>
    withHoldfast(t, async (holdfast) => {
      const { world } = holdfast;
      await servePeer(world);
      await holdfast.up("--mode", "ask");
      await (await perform(world, row)).exited;
      const [question] = await holdfast.questions(1);
      assert.equal(await leaked(world, row), 0);
      assert.equal(question?.address, row.rule(world).where);
      await holdfast.json("ask", "answer", String(question?.id), "allow");
      await arrives(world, row);
      await holdfast.questions(0);
    }),
  );
}

test("a frame that cannot be read is held, asked about as such, and arrives after the answer", options, (t) =>
  withHoldfast(t, async (holdfast) => {
    const { world } = holdfast;
    const send = (): Promise<unknown> => world.try([...ours(world), "--ethertype", String(0x88b6)]);
    await holdfast.up("--mode", "ask");
    await send();
    const [question] = await holdfast.questions(1);
    assert.deepEqual(question?.scopes, ["any"]);
    assert.equal(await world.peer.count({ payload: "holdfast", kernel: true }), 0);
    await holdfast.json("ask", "answer", String(question?.id), "allow");
    await send();
    await world.peer.arrived({ payload: "holdfast", kernel: true });
    await holdfast.questions(0);
  }),
);

test("rules hold for frames when the daemon is killed, and a new namespace waits for the next daemon", options, (t) =>
  withHoldfast(t, async (holdfast) => {
    const { world } = holdfast;
    const daemon = await holdfast.up("--mode", "allow");
    await world.try(ours(world));
    world.thirdNetns();
    const mac = /link\/ether (\S+)/.exec(world.shell("b", "ip link show dev veth-d"))?.[1] ?? "";
    await holdfast.rule(`deny ${world.probe} -> any`);
    await daemon.kill("SIGKILL");
    for (const row of frames) {
      await (await perform(world, row)).exited;
      assert.equal(await leaked(world, row), 0, row.name);
    }

    const other = world.app("other");
    const waiting = world.start([other, ...sendFrame(world, "veth-c", mac)], { netns: "c" });
    await until(() => / T /.exec(readFileSync(`/proc/${waiting.pid}/stat`, "latin1")));
    assert.equal(await world.peer.count(), 0);
    await holdfast.up();
    assert.equal((await waiting.exited).code, 0);
    assert.match(filters(world, "c"), /on_ethernet_frame/);
    /* The frame itself may have been dropped while its program was not known: a later one arrives. */
    await until(async () => {
      await world.try(sendFrame(world, "veth-c", mac), { app: other, netns: "c" });
      return (await world.peer.count()) || null;
    });
    await world.peer.clear();
    await world.try(sendFrame(world, "veth-c", mac), { netns: "c" });
    assert.equal(await world.peer.count(), 0);
  }),
);

test("a packet socket older than the daemon is judged", options, (t) =>
  withHoldfast(t, async (holdfast) => {
    const { world } = holdfast;
    const older = world.start([world.probe, ...ours(world), "--wait-stdin"]);
    await older.line((line) => line.includes('"socket"'));
    await holdfast.up("--mode", "deny");
    assert.match(filters(world, "a"), /on_ethernet_frame/);
    older.write("\n");
    await older.exited;
    assert.equal(await world.peer.count(), 0);
  }),
);

test("a filter that somebody removes is put back, a new device gets one, and health says so", options, (t) =>
  withHoldfast(t, async (holdfast) => {
    const { world } = holdfast;
    await holdfast.up("--mode", "allow");
    await world.try(ours(world));
    assert.match(filters(world, "a"), /on_ethernet_frame/);
    world.shell("a", "ip link add dummy0 type dummy; ip tuntap add dev tun9 mode tun");
    await until(() => /on_ethernet_frame/.exec(filters(world, "a", "dummy0")));
    await until(() => /on_other_frame/.exec(filters(world, "a", "tun9")));
    assert.deepEqual((await holdfast.status()).health, []);
    world.shell("a", "tc qdisc del dev veth-a clsact");
    await until(() => /on_ethernet_frame/.exec(filters(world, "a")));
    assert.match(await holdfast.health("filter-removed"), /"veth-a"/);
  }),
);

test("down takes away its own filters and nothing else", options, (t) =>
  withHoldfast(t, async (holdfast) => {
    const { world } = holdfast;
    const programs = (): string[] =>
      execFileSync("bpftool", ["prog", "show"], { encoding: "utf8" })
        .split("\n")
        .map((line) => line.split(":")[0] ?? "");
    await holdfast.up("--mode", "allow");
    world.thirdNetns();
    world.shell("c", "tc qdisc add dev veth-c clsact; tc filter add dev veth-c ingress matchall action ok");
    await world.try(ours(world));
    await world.try(sendFrame(world, "veth-c", world.peer.mac), { netns: "c" });
    const program = / id (\d+)/.exec(filters(world, "a"))?.[1] ?? "none";
    assert.ok(programs().includes(program));
    const removed: { filters: number } = await holdfast.json("down", "--scope", world.scope);
    assert.equal(removed.filters, 2);
    assert.equal(filters(world, "a") + filters(world, "c"), "");
    assert.doesNotMatch(world.shell("a", "tc qdisc show dev veth-a"), /clsact/);
    assert.match(world.shell("c", "tc filter show dev veth-c ingress"), /matchall/);
    await until(() => (programs().includes(program) ? null : true));
  }),
);

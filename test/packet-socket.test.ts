// SPDX-License-Identifier: Apache-2.0
/** Below IP: frames of packet sockets, and what would send past every filter. Real packets, the real daemon, counted at the peer. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { ReplyOf } from "../src/contract/api.ts";
import { perform, type Row, servePeer, udpPort } from "./leak/row.ts";
import { ROWS } from "./leak/rows.ts";
import { type Holdfast, until, withHoldfast } from "./survive/holdfast.ts";
import { type Ended, outcomesOf, type Packet, type World } from "./world.ts";

const options = { timeout: 60_000, skip: process.getuid?.() === 0 ? false : "needs root" };

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

/**
 * Runs a command below a shell that the daemon knows by then, so that the command is known from its second run on: a frame of a program
 * that is not known yet is dropped, and what sends one frame only never gets it out.
 */
function runKnown(world: World, argv: readonly string[], netns: "a" | "c" = "a"): Promise<Ended> {
  return world.run(["/bin/sh", "-c", 'sleep 0.3; exec "$@"', "sh", ...argv], { netns });
}

/** Allows whatever is asked until what a command sends arrives: its first run may be seen as its starter's, and be another question. */
function allowed(holdfast: Holdfast, argv: readonly string[], arrived: (packets: readonly Packet[]) => boolean): Promise<true> {
  const { world } = holdfast;
  return until("the packets", async () => {
    const { questions } = await holdfast.json<ReplyOf<"listQuestions">>("ask", "ls");
    for (const { id } of questions) await holdfast.json("ask", "answer", String(id), "allow");
    await world.peer.clear();
    await runKnown(world, argv);
    return arrived(await world.peer.packets({ kernel: true })) || null;
  });
}

/** What a column's rule says about a row. */
function denial(world: World, row: Row, column: string): string {
  const { who, where, ports } = row.rule(world);
  if (column === "by app") return `deny ${who} -> any`;
  return column === "by address" ? `deny any -> ${where}` : `deny any -> any ${ports}`;
}

/** Bytes of an ARP frame: Ethernet, and RFC 826 for IPv4. */
const ARP_LENGTH = 42;
/** For local experiments (IEEE 802): no protocol. */
const EXPERIMENTAL = 0x88b6;

/** Sends a datagram to the peer in a frame written by hand. */
function sendFrame(world: World, device: string, mac: string): string[] {
  const packet = ["--from", world.a.address4, "--to", world.peer.address4, "--port", String(udpPort)];
  return ["packet", ...packet, "--device", device, "--mac", mac];
}
const ours = (world: World): string[] => sendFrame(world, world.a.device, world.peer.mac);
const filters = (world: World, side: "a" | "c", device = `veth-${side}`): string =>
  world.shell(side, `tc filter show dev ${device} egress`);

for (const row of [...frames, ...joins]) {
  test(`${row.name}: arrives under allow, and not when denied`, options, () =>
    withHoldfast(async (holdfast) => {
      const { world } = holdfast;
      await servePeer(world);
      await holdfast.up("--mode", "allow");
      /* The kernel repeats its reports for a while: a membership must not have been allowed before it is denied. */
      if (!joins.includes(row)) await arrives(world, row);
      for (const column of ["by app", "by address", "by port"] as const) {
        if (row.notApplicable?.[column] !== undefined) continue;
        await under(holdfast, denial(world, row, column), async () => {
          const { stdout } = await (await perform(world, row)).exited;
          assert.equal(await leaked(world, row), 0, column);
          /* Traffic control has no EPERM: ENOBUFS, or success for the first frame of a program that is not known yet. */
          if (!judged.includes(row)) assert.equal(outcomesOf(stdout)[0]?.errno, "EPERM", column);
        });
      }
      await arrives(world, row);
    }),
  );
}

test("the sender of a denied frame is told", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await holdfast.up("--mode", "allow");
    await holdfast.rule(`deny ${world.probe} -> any`);
    const send = (): Promise<Ended> => runKnown(world, [world.probe, ...ours(world)]);
    await until("ENOBUFS", async () => outcomesOf((await send()).stdout)[0]?.errno === "ENOBUFS" || null);
  }),
);

test("a frame that cannot be read counts as sent to any address", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await holdfast.up("--mode", "allow");
    for (const [name, ethertype] of [
      ["VLAN", 0x8100],
      ["experimental", EXPERIMENTAL],
      ["IPv6 in front of IPv4", 0x86dd],
    ] as const) {
      const send = (): Promise<unknown> => world.try([...ours(world), "--ethertype", String(ethertype)]);
      /* No IP packet that can be decoded, and no ARP, which is shorter. */
      const arrived = (packets: readonly Packet[]): boolean => packets.some(({ ip, length }) => ip === null && length > ARP_LENGTH);
      await world.peer.clear();
      await send();
      await world.peer.until(arrived, { kernel: true });
      await under(holdfast, `deny ${world.probe} -> ${world.peer.address4}`, async () => {
        await world.peer.clear();
        await send();
        assert.equal(arrived(await world.peer.packets({ kernel: true })), false, name);
      });
    }
  }),
);

for (const [name, row] of judged.map((row) => [row.name, row] as const)) {
  test(`${name}: held, asked about, and arrives after the answer`, options, () =>
    withHoldfast(async (holdfast) => {
      const { world } = holdfast;
      await servePeer(world);
      await holdfast.up("--mode", "ask");
      await runKnown(world, row.argv(world));
      const [question] = await holdfast.questions(1);
      assert.equal(await leaked(world, row), 0);
      assert.equal(question?.address, row.rule(world).where);
      await allowed(holdfast, row.argv(world), (packets) => row.arrives(packets, world));
    }),
  );
}

test("a frame that cannot be read is held, asked about as such, and arrives after the answer", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const argv = [world.probe, ...ours(world), "--ethertype", String(EXPERIMENTAL)];
    await holdfast.up("--mode", "ask");
    await runKnown(world, argv);
    const [question] = await holdfast.questions(1);
    assert.deepEqual(question?.scopes, ["any"]);
    assert.equal((await world.peer.packets({ kernel: true })).filter(({ ethertype }) => ethertype === EXPERIMENTAL).length, 0);
    await allowed(holdfast, argv, (packets) => packets.some(({ ethertype }) => ethertype === EXPERIMENTAL));
  }),
);

test("rules hold for frames when the daemon is killed, and a new namespace waits for the next daemon", options, () =>
  withHoldfast(async (holdfast) => {
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
    await until("the stop", () => / T /.exec(readFileSync(`/proc/${waiting.pid}/stat`, "latin1")));
    assert.equal(await world.peer.count(), 0);
    await holdfast.up();
    assert.equal((await waiting.exited).code, 0);
    assert.match(filters(world, "c"), /on_ethernet_frame/);
    /* The frame itself was dropped if its program was not known yet: a later one arrives. */
    await until("a packet", async () => {
      await runKnown(world, [other, ...sendFrame(world, "veth-c", mac)], "c");
      return (await world.peer.count()) || null;
    });
    await world.peer.clear();
    await world.try(sendFrame(world, "veth-c", mac), { netns: "c" });
    assert.equal(await world.peer.count(), 0);
  }),
);

test("a packet socket older than the daemon is judged", options, () =>
  withHoldfast(async (holdfast) => {
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

test("a filter that somebody removes is put back, a new device gets one, and health says so", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await holdfast.up("--mode", "allow");
    await world.try(ours(world));
    assert.match(filters(world, "a"), /on_ethernet_frame/);
    world.shell("a", "ip link add extra0 type veth peer name extra1; ip tuntap add dev tun9 mode tun");
    await until("a filter on extra0", () => /on_ethernet_frame/.exec(filters(world, "a", "extra0")));
    await until("a filter on tun9", () => /on_other_frame/.exec(filters(world, "a", "tun9")));
    assert.deepEqual(await holdfast.conditions(), []);
    world.shell("a", "tc qdisc del dev veth-a clsact");
    await until("the filter put back", () => /on_ethernet_frame/.exec(filters(world, "a")));
    assert.match(await holdfast.health("filter-removed"), /"veth-a"/);
  }),
);

test("down takes away its own filters and nothing else", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const programs = (): string[] =>
      execFileSync("bpftool", ["prog", "show"], { encoding: "utf8" })
        .split("\n")
        .map((line) => line.split(":")[0] ?? "");
    await holdfast.up("--mode", "allow");
    world.thirdNetns();
    world.shell("c", "tc qdisc add dev veth-c clsact; tc filter add dev veth-c ingress protocol all bpf bytecode '1,6 0 0 0'");
    await world.try(ours(world));
    await world.try(sendFrame(world, "veth-c", world.peer.mac), { netns: "c" });
    const program = / id (\d+)/.exec(filters(world, "a"))?.[1] ?? "none";
    assert.ok(programs().includes(program));
    const removed: { filters: number } = await holdfast.json("down", "--scope", world.scope);
    assert.equal(removed.filters, 2);
    assert.equal(filters(world, "a").trim() + filters(world, "c").trim(), "");
    assert.doesNotMatch(world.shell("a", "tc qdisc show dev veth-a"), /clsact/);
    assert.match(world.shell("c", "tc filter show dev veth-c ingress"), /bytecode/);
    await until("the program's end", () => (programs().includes(program) ? null : true));
  }),
);

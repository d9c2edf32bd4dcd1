// SPDX-License-Identifier: Apache-2.0
/** Who is known stays known: through forks, full tables and a new daemon; and what goes on undecided is said to. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { encode } from "../src/contract/codec.ts";
import { OnceKey } from "../src/contract/layout.gen.ts";
import { keys, openPinned, updateEntry } from "../src/kernel/libbpf.ts";
import { close } from "../src/kernel/libc.ts";
import { type Holdfast, until, withHoldfast } from "./survive/holdfast.ts";
import { outcomesOf } from "./world.ts";

const options = { timeout: 60_000, skip: process.getuid?.() === 0 ? false : "needs root" };
const PORT = 7;
const SINK = 9;
/** By then whoever started is known. */
const KNOWN_MS = 1500;
const NO_FILTER = { app: null, to: null, verdict: null, undecided: false, since: null };

/** Perl: at each line of standard input, does the next of its arguments: "fork" (a child that ends at once) or "connect"; says when it is done. */
const STEPS = `use Socket; $| = 1; my ($address, $port, @steps) = @ARGV;
for my $step (@steps) {
  <STDIN>;
  if ($step eq "fork") { my $child = fork(); exit 0 if !$child; waitpid($child, 0); }
  else { socket(my $s, PF_INET, SOCK_STREAM, 0) or die; connect($s, pack_sockaddr_in($port, inet_aton($address))) or die "refused"; }
  print "done $step\\n";
}`;

/** Perl: sends a datagram from one socket at each line of input. */
const SENDS = `use Socket; my ($address, $port) = @ARGV; socket(my $s, PF_INET, SOCK_DGRAM, 0) or die;
while (<STDIN>) { send($s, "x", 0, pack_sockaddr_in($port, inet_aton($address))); }`;

test("a child's end leaves its parent known", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await world.peer.serve({ tcp: [PORT] });
    await holdfast.up("--mode", "deny");
    await holdfast.rule(`allow /usr/bin/perl -> ${world.peer.address4} tcp/${PORT}`);
    const parent = world.start(["perl", "-e", STEPS, world.peer.address4, String(PORT), "fork", "fork", "connect"]);
    const step = async (count: number): Promise<void> => {
      parent.write("\n");
      await until(`step ${count}`, () => (parent.lines().length >= count ? true : null));
    };
    await step(1);
    await sleep(KNOWN_MS);
    const before = await holdfast.counters();
    await step(2);
    await holdfast.status();
    await step(3);
    assert.equal((await holdfast.counters()).unknownHeld, before.unknownHeld);
  }),
);

test("a table of images that is full of what has ended has room for what is new", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await world.peer.serve({ tcp: [PORT] });
    await holdfast.upWith({ mode: "deny", bounds: { images: 16 } });
    await world.run(["sh", "-c", 'for n in $(seq 60); do sh -c "true $n; true"; done']);
    const late = world.app("late");
    await holdfast.rule(`allow ${late} -> ${world.peer.address4} tcp/${PORT}`);
    const { stdout } = await world.run([late, "tcp", "--to", world.peer.address4, "--port", String(PORT)]);
    assert.equal(outcomesOf(stdout)[0]?.result, 0);
    assert.deepEqual(await holdfast.conditions(), []);
  }),
);

test("a flow whose rule becomes ask goes on, is listed as undecided, and is not any more when it is allowed", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await world.peer.serve({ sink: [SINK] });
    await holdfast.up("--mode", "allow");
    const sender = world.start(["perl", "-e", SENDS, world.peer.address4, String(SINK)]);
    const send = async (count: number): Promise<void> => {
      sender.write("\n");
      await world.peer.arrived({ protocol: "udp", port: SINK }, count);
    };
    const undecided = async () => (await holdfast.client.listFlows({ ...NO_FILTER, to: world.peer.address4, undecided: true })).flows;
    await send(1);
    await sleep(KNOWN_MS);
    assert.deepEqual(await undecided(), []);
    const ask = await holdfast.rule(`ask any -> ${world.peer.address4} udp/${SINK}`);
    await send(2);
    const [flow] = await until("the flow", async () => ((await undecided()).length > 0 ? await undecided() : null));
    assert.deepEqual([flow?.verdict, flow?.rule], ["allow", ask.id]);
    await holdfast.client.removeRule({ id: Number(ask.id) });
    await send(3);
    await until("the list to be empty", async () => ((await undecided()).length === 0 ? true : null));
    /* Decided by the mode before and after: still told. */
    await holdfast.client.setMode({ mode: "ask" });
    await send(4);
    await until("the flow", async () => ((await undecided()).length > 0 ? true : null));
  }),
);

test("a new daemon counts nothing twice, and takes away the answers of sockets that are gone", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await world.peer.serve({ sink: [SINK] });
    const daemon = await holdfast.up("--mode", "ask");
    const asker = world.start([world.probe, "udp", "--to", world.peer.address4, "--port", String(SINK), "--stay", "--again"]);
    const [question] = await holdfast.questions(1);
    assert.ok(question);
    await holdfast.client.answer({ id: question.id, action: "allow", scope: null, anyPort: false, lifetime: { kind: "once" } });
    await world.peer.arrived({ protocol: "udp", port: SINK }, 1);
    await daemon.kill("SIGKILL");
    const gone = { peerHigh: 0n, peerLow: 1n, peerPort: SINK, protocol: 17, direction: 0, reserved: 0, cookie: 0xffff_ffff_ffffn };
    inAnswers(holdfast, (fd) => updateEntry(fd, encode(OnceKey, gone), new Uint8Array(4)));

    await holdfast.up();
    await until("the answer to go", () => (inAnswers(holdfast, (fd) => [...keys(fd, OnceKey.size)].length) === 1 ? true : null));
    await holdfast.rule(`allow any -> ${world.peer.address4} udp/${SINK}`);
    asker.write("\n");
    await asker.exited;
    const again = await until("the record", async () => {
      const { flows } = await holdfast.client.listFlows({ ...NO_FILTER, to: world.peer.address4 });
      return flows.find(({ by, state }) => by === "rule" && state === "closed") ?? null;
    });
    assert.equal(again.packetsOut, 1);
  }),
);

/** The pinned table of answers "once". */
function inAnswers<T>(holdfast: Holdfast, use: (fd: number) => T): T {
  const fd = openPinned(join(holdfast.pins, "maps", "once"));
  try {
    return use(fd);
  } finally {
    close(fd);
  }
}

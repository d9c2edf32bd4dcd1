// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { perform, servePeer } from "./leak/row.ts";
import { ROWS } from "./leak/rows.ts";
import { mountOf } from "./world/cgroup.ts";
import { makeWorld, outcomesOf, withWorld } from "./world.ts";

const skip = process.getuid?.() === 0 ? false : "needs root";
const limit = { skip, timeout: 60_000 };

/** What is left of a world anywhere on this machine. */
function remains(name: string): string[] {
  const random = name.replace(/^hf-/, "");
  const bpffs = mountOf("bpf");
  const cgroups = mountOf("cgroup2");
  return ["/run/netns", bpffs, cgroups, tmpdir()]
    .filter((folder) => folder !== null && existsSync(folder))
    .flatMap((folder) => readdirSync(folder ?? ""))
    .filter((entry) => entry.includes(random));
}

test("World.run() puts a process in the cgroup and in the namespace", limit, async (t) => {
  const world = await makeWorld(t);
  const inside = await world.run(["sh", "-c", "cat /proc/self/cgroup; ip address show dev veth-a"]);
  assert.match(inside.stdout, new RegExp(`^0::.*/${basename(world.scope)}$`, "m"));
  assert.ok(inside.stdout.includes(world.a.address4) && inside.stdout.includes(world.a.address6));
  const child = world.cgroup("sub");
  const elsewhere = await world.run(["sh", "-c", "cat /proc/self/cgroup; ip address"], { cgroup: child, netns: "b" });
  assert.match(elsewhere.stdout, new RegExp(`^0::.*/${basename(world.scope)}/sub$`, "m"));
  assert.ok(elsewhere.stdout.includes(world.peer.address4));
  const outside = await world.run(["cat", "/proc/self/cgroup"], { cgroup: false, netns: null });
  assert.equal(outside.stdout, readFileSync("/proc/self/cgroup", "utf8"));
});

test("World.run() takes a user, an environment, a folder, input and a limit", limit, async (t) => {
  const world = await makeWorld(t);
  const script = 'id -u; id -G; echo "$WORD"; pwd; cat; exit 7';
  const ended = await world.run(["sh", "-c", script], { user: 65534, env: { WORD: "word" }, cwd: world.dir, input: "input" });
  assert.deepEqual(ended.stdout.split("\n"), ["65534", "65534", "word", world.dir, "input"]);
  assert.equal(ended.code, 7);
  const endless = await world.run(["sh", "-c", "sleep 1000 & wait"], { timeoutMs: 100 });
  assert.ok(endless.timedOut);
  assert.equal(endless.signal, "SIGKILL");
});

test("World.run() reports what cannot be entered or run", limit, async (t) => {
  const world = await makeWorld(t);
  const noCgroup = await world.run(["true"], { cgroup: join(world.scope, "missing") });
  assert.equal(noCgroup.code, 125);
  assert.match(noCgroup.stderr, /Cannot join cgroup ".*missing"/);
  const noProgram = await world.run([join(world.dir, "missing")]);
  assert.equal(noProgram.code, 125);
});

test("Peer.count() is exact for what was sent before it, and 0 when nothing was", limit, async (t) => {
  const world = await makeWorld(t);
  await servePeer(world);
  await world.peer.clear();
  assert.equal(await world.peer.count(), 0);
  const to = ["--to", world.peer.address4, "--port", "9"];
  await world.try(["udp", ...to, "--count", "3000"]);
  assert.equal(await world.peer.count(), 3000);
  const indices = (await world.peer.packets({ protocol: "udp" })).map((packet) => packet.payload);
  assert.deepEqual(
    indices,
    Array.from({ length: 3000 }, (_, index) => `holdfast-${index}`),
  );
  await world.peer.clear();
  assert.equal(await world.peer.count({ kernel: true, protocol: "udp" }), 0);
});

test("Peer.serve() echoes TCP and UDP of both families and says what it saw", limit, async (t) => {
  const world = await makeWorld(t);
  const server = await world.peer.serve({ tcp: [443], udp: [53] });
  for (const to of [world.peer.address4, world.peer.address6]) {
    assert.equal((await world.try(["tcp", "--to", to, "--port", "443"])).result, 0);
    assert.equal((await world.try(["udp", "--to", to, "--port", "53", "--reply"])).result, 0);
  }
  const datagrams = await server.seen("datagram", 2);
  assert.deepEqual(
    datagrams.map((event) => [event.from, event.payload]),
    [
      [world.a.address4, "holdfast"],
      [world.a.address6, "holdfast"],
    ],
  );
  assert.equal((await server.seen("accept", 2)).length, 2);
});

test("World.try() gives the errno of a refused operation", limit, async (t) => {
  const world = await makeWorld(t);
  const refused = await world.try(["tcp", "--to", world.peer.address4, "--port", "1"]);
  assert.deepEqual([refused.step, refused.result, refused.errno], ["connect", -1, "ECONNREFUSED"]);
});

test("probe tcp-stream and prober go on until they are told to end", limit, async (t) => {
  const world = await makeWorld(t);
  const server = await world.peer.serve({ tcp: [443], sink: [9] });
  const stream = world.start([world.probe, "tcp-stream", "--to", world.peer.address4, "--port", "443", "--interval-us", "1000"]);
  const prober = world.start([world.probe, "prober", "--to", world.peer.address4, "--port", "9"]);
  await stream.line((line) => line.includes('"event":"echo","number":20,'));
  await prober.line((line) => line.includes('"event":"tick"'));
  const sent = outcomesOf((await prober.kill("SIGTERM")).stdout)[0]?.sent;
  assert.equal(await world.peer.count({ protocol: "udp" }), sent);
  await server.stop();
  const broken = outcomesOf((await stream.exited).stdout)[0];
  assert.equal(broken?.result, -1, "a stream whose peer is gone must say so");
});

test("withWorld() leaves nothing behind, also when the test throws", limit, async () => {
  let name = "";
  let pid = 0;
  await assert.rejects(
    withWorld(async (world) => {
      name = world.name;
      world.cgroup("deep/er");
      world.thirdNetns();
      pid = world.start(["sh", "-c", "setsid sleep 1000 & sleep 1000"]).pid;
      await world.peer.serve({ tcp: [443] });
      assert.notDeepEqual(remains(name), []);
      throw new Error("on purpose");
    }),
    /on purpose/,
  );
  assert.deepEqual(remains(name), []);
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`a test process ended by ${signal} leaves nothing behind`, limit, async () => {
    const program = `const { withWorld } = await import(${JSON.stringify(join(import.meta.dirname, "world.ts"))});
      await withWorld(async (world) => { world.start(["sleep", "1000"]); console.log(world.name); await new Promise((r) => setTimeout(r, 1e6)); });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    const [first] = await once(child.stdout, "data");
    const name = String(first).trim();
    assert.match(name, /^hf-[0-9a-f]{8}$/);
    child.kill(signal);
    const [, endedBy] = await once(child, "exit");
    assert.equal(endedBy, signal);
    assert.deepEqual(remains(name), []);
  });
}

test("every row of the leak matrix arrives at the peer when nothing is attached", { skip, timeout: 300_000 }, async (t) => {
  const world = await makeWorld(t);
  await servePeer(world);
  assert.equal(new Set(ROWS.map((row) => row.name)).size, ROWS.length, "row names are keys of the matrix");
  for (const row of ROWS) {
    await t.test(row.name, { timeout: 20_000 }, async (t) => {
      const undo = await row.prepare?.(world);
      try {
        const running = await perform(world, row);
        const ended = await running.exited;
        const outcomes = outcomesOf(ended.stdout);
        if (outcomes.some((outcome) => outcome.unsupported)) return t.skip(ended.stdout.trim());
        assert.deepEqual([ended.code, ended.stderr], [0, ""]);
        assert.ok(outcomes.length > 0 && outcomes.every((outcome) => outcome.result === 0), ended.stdout);
        await world.peer.until((packets) => row.arrives(packets, world), row.filter);
      } finally {
        await undo?.();
      }
    });
  }
});

// SPDX-License-Identifier: Apache-2.0
/** `holdfast run` with a real kernel and real packets: as whom COMMAND runs, what gets out, what is left afterwards. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Summary } from "../src/daemon/run-summary.ts";
import { type Ended, makeWorld, type World } from "./world.ts";

const START = fileURLToPath(new URL("../src/start.js", import.meta.url));
const NOBODY = 65534;

const command = (args: readonly string[]): string[] => [process.execPath, START, "run", ...args];

function run(world: World, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return world.run(command(args), { cgroup: false, netns: "a", env, cwd: world.dir });
}

const mountOf = (type: string): string =>
  new RegExp(`^\\S+ (\\S+) ${type} `, "m").exec(readFileSync("/proc/mounts", "utf8"))?.[1] ?? "/none";

/** Everything `run` makes, but its pins: nothing of it may be there afterwards. */
function made(): string[] {
  const of = (folder: string, name: RegExp): string[] => (existsSync(folder) ? readdirSync(folder).filter((each) => name.test(each)) : []);
  return [...of(mountOf("cgroup2"), /^holdfast-run-/), ...of("/run/holdfast", /^run-/)];
}

async function worldFor(t: TestContext): Promise<World | null> {
  if (process.getuid?.() !== 0) {
    t.skip("needs root");
    return null;
  }
  const world = await makeWorld(t);
  await world.peer.serve({ tcp: [443], sink: [9] });
  return world;
}

test("run() denies and allows by its own rules, tells what happened, and leaves nothing behind", async (t) => {
  const world = await worldFor(t);
  if (!world) return;
  const before = made();
  const { address4 } = world.peer;
  writeFileSync(join(world.dir, "a.rules"), `allow ${world.probe} -> ${address4} tcp/443\n`);
  // An ask rule, and nobody to ask.
  writeFileSync(join(world.dir, "b.rules"), "ask any -> any udp/9\n");
  const script = `./probe tcp --to ${address4} --port 443; ./probe udp --to ${address4} --port 9; ./probe udp --to ${address4} --port 10; sleep 1000 & exit 7`;
  const files = ["--rules", "a.rules", "--rules", "b.rules", "--summary", "summary.json", "--save", "saved.rules"];
  const ended = await run(world, ["--mode", "deny", ...files, "--", "sh", "-c", script]);
  assert.equal(ended.code, 7, ended.stderr);
  assert.match(ended.stderr, /^holdfast: Ended a process the command left running$/m);
  assert.notEqual(await world.peer.count({ destination: address4, protocol: "tcp" }), 0);
  assert.equal(await world.peer.count({ protocol: "udp" }), 0);

  const summary = JSON.parse(readFileSync(join(world.dir, "summary.json"), "utf8"));
  assert.equal(summary.exit, 7);
  assert.deepEqual(
    summary.connections.map((line: Record<string, unknown>) => [line.protocol, line.port, line.verdict, line.connections]).sort(),
    [
      ["tcp", 443, "allow", 1],
      ["udp", 10, "deny", 1],
      ["udp", 9, "deny", 1],
    ],
  );
  assert.equal(summary.connections[0].app.path, world.probe);
  assert.equal(summary.connections[0].app.via, null);
  // Nobody has answered anything.
  assert.match(readFileSync(join(world.dir, "saved.rules"), "utf8"), /^# description: [^\n]*\n$/);
  assert.deepEqual(made(), before);
});

test("run() judges and tells of programs that were gone before anybody could name them", async (t) => {
  const world = await worldFor(t);
  if (!world) return;
  const { address4 } = world.peer;
  const names = Array.from({ length: 24 }, (_, i) => world.app(`short-${i}`));
  /* Each twice at once: who is named by another's identification is waited for as well. */
  const script = `for app in ${names.join(" ")}; do for port in 9 10; do $app udp --to ${address4} --port $port & done; done; wait`;
  writeFileSync(
    join(world.dir, "short.rules"),
    names
      .slice(0, 12)
      .map((name) => `allow ${name} -> ${address4} udp/9\n`)
      .join(""),
  );
  const ended = await run(world, ["--mode", "deny", "--rules", "short.rules", "--summary", "summary.json", "--", "sh", "-c", script]);
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(await world.peer.count({ protocol: "udp", port: 9 }), 12);
  assert.equal(await world.peer.count({ protocol: "udp" }), 12);
  const { connections } = JSON.parse(readFileSync(join(world.dir, "summary.json"), "utf8"));
  assert.deepEqual(
    connections.map((line: Summary["connections"][number]) => `${line.app?.path} ${line.port} ${line.verdict} ${line.connections}`).sort(),
    names.flatMap((name, i) => [`${name} 10 deny 1`, `${name} 9 ${i < 12 ? "allow" : "deny"} 1`]).sort(),
  );
});

test("run() gives COMMAND's own exit code, and 125 to 127 as a shell does", async (t) => {
  const world = await worldFor(t);
  if (!world) return;
  writeFileSync(join(world.dir, "wrong.rules"), "allow any -> any\nalow any -> any\n");
  const killed = await run(world, ["--mode", "allow", "--", "sh", "-c", "kill -9 $$"]);
  assert.equal(killed.code, 137);
  assert.match(killed.stderr, /^holdfast: no connections$/m);
  const nothing = await run(world, ["--mode", "allow", "--", "no-such-program"]);
  assert.equal(nothing.code, 127);
  assert.match(nothing.stderr, /^holdfast: Cannot run "no-such-program": there is no such program$/m);
  const notRunnable = await run(world, ["--mode", "allow", "--", "./wrong.rules"]);
  assert.equal(notRunnable.code, 126);
  const refused = await run(world, ["--rules", "wrong.rules", "--", "true"]);
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /wrong\.rules:2:1: "alow" is not an action/);
});

test("run() runs COMMAND as who called sudo, with his rights for files, and judged before it is his", async (t) => {
  const world = await worldFor(t);
  if (!world) return;
  const behindSudo = { SUDO_UID: String(NOBODY), SUDO_GID: String(NOBODY), MINE: "mine", ROOT: mountOf("cgroup2") };
  chmodSync(world.dir, 0o755);
  writeFileSync(join(world.dir, "secret.rules"), "deny any -> any\n", { mode: 0o600 });
  const unreadable = await run(world, ["--rules", "secret.rules", "--", "true"], behindSudo);
  assert.equal(unreadable.code, 125);
  assert.match(unreadable.stderr, /^Cannot read rule file ".*secret\.rules": you may not$/m);

  const script =
    'id -u; id -g; id -G; pwd; echo "$MINE"; cgroup=$(tail -n 1 /proc/self/cgroup); echo "$cgroup"; stat -c %i "$ROOT$(echo "$cgroup" | cut -c 4-)"';
  const ended = await run(world, ["--mode", "deny", "--save", "saved.rules", "--", "sh", "-c", script], behindSudo);
  assert.equal(ended.code, 0, ended.stderr);
  const [uid, gid, groups, folder, mine, cgroup, id] = ended.stdout.split("\n");
  assert.deepEqual([uid, gid, groups, folder, mine], [String(NOBODY), String(NOBODY), String(NOBODY), world.dir, "mine"]);
  assert.match(cgroup ?? "", /\/holdfast-run-\d+$/);
  assert.match(id ?? "", /^\d+$/);
  assert.equal(existsSync(join(mountOf("bpf"), "holdfast", id ?? "")), false);
  assert.match(ended.stderr, /^holdfast: Cannot write ".*saved\.rules": EACCES/m);
  assert.equal(existsSync(join(world.dir, "saved.rules")), false);
});

test("run() asks on the terminal, holds meanwhile, and saves what was answered", async (t) => {
  const world = await worldFor(t);
  if (!world) return;
  const line = [...command(["--save", "saved.rules"]), "--", world.probe, "tcp", "--to", world.peer.address4, "--port", "443"].join(" ");
  // script(1) gives it a terminal, and what we write goes there as keys.
  const terminal = world.start(["script", "-qec", line, "/dev/null"], { cgroup: false, netns: "a", cwd: world.dir });
  while (!terminal.stdout.includes("wants to connect")) {
    assert.equal(terminal.ended, null, terminal.stdout);
    await terminal.changed();
  }
  assert.equal(await world.peer.count({}), 0);
  // Keys right after the question came up are not taken for an answer: press until it is one.
  while (!terminal.stdout.includes("1 held packet sent")) {
    assert.equal(terminal.ended, null, terminal.stdout);
    terminal.write("a");
    await Promise.race([terminal.changed(), sleep(100)]);
  }
  const { code, stdout } = await terminal.exited;
  assert.equal(code, 0, stdout);
  assert.match(stdout, /holdfast: 1 connection allowed, 0 denied/);
  assert.match(
    readFileSync(join(world.dir, "saved.rules"), "utf8"),
    new RegExp(`\nallow ${world.probe} -> ${world.peer.address4} tcp/443\n$`),
  );
  await world.peer.clear();
  const again = await run(world, [
    "--mode",
    "deny",
    "--rules",
    "saved.rules",
    "--",
    world.probe,
    "tcp",
    "--to",
    world.peer.address4,
    "--port",
    "443",
  ]);
  assert.match(again.stdout, /"result":0/);
  assert.notEqual(await world.peer.count({}), 0);
});

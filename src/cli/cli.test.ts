// SPDX-License-Identifier: Apache-2.0
/** The commands that need no daemon: how their options are read and what their outcomes become. Theirs is daemon/. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { Failure } from "../contract/failure.ts";
import type { LocalCommands } from "../contract/local.ts";
import { Status } from "../contract/replies.ts";
import { runCli } from "./cli.ts";

const REMOVED = { scope: "/sys/fs/cgroup", pid: 12, links: 9, pins: 20, filters: 1, held: 0 };
const STARTED = { pid: 12, mode: "ask", scope: "/sys/fs/cgroup", socket: "/run/holdfast.sock", revision: 1, generation: 1 } as const;

/** Runs one command line in this process. `calls` are those of the local commands. */
async function cli(args: readonly string[], local: Partial<LocalCommands> = {}) {
  const calls: unknown[][] = [];
  let out = "";
  let err = "";
  const all: LocalCommands = {
    up: async (options) => (options.detach ? STARTED : null),
    down: async () => REMOVED,
    panic: async () => ({ ...REMOVED, pid: null, links: 0, pins: 0, filters: 0 }),
    run: async () => 7,
    doctor: async () => ({ kernel: { release: "6.18.0", missing: [] }, checks: [] }),
    bench: async () => ({ machine: "m", rows: [], file: "docs/bench.md" }),
    pinned: async () => true,
    ...local,
  };
  const recorded = Object.fromEntries(
    Object.entries(all).map(([name, method]) => [
      name,
      (...given: never[]) => {
        calls.push([name, ...given]);
        return (method as (...given: never[]) => unknown)(...given);
      },
    ]),
  ) as unknown as LocalCommands;
  const exit = await runCli(args, {
    streams: {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      width: null,
    },
    version: "0.1.0",
    loadLocal: async () => recorded,
    becomeRoot: (command) => calls.push(["root", command]),
  });
  return { exit, out, err, calls };
}

test("runCli() gives up its options, defaults and absolute paths included", async () => {
  const plain = await cli(["up"]);
  const defaults = { socket: "/run/holdfast.sock", mode: null, scope: null, state: "/var/lib/holdfast", rules: "/etc/holdfast/rules.d" };
  assert.deepEqual(plain.calls, [
    ["root", "up"],
    ["up", { ...defaults, whenAway: null, detach: false, console: true, json: false }],
  ]);
  assert.equal(plain.out, "");
  const full = await cli(
    "up --mode ask --scope /tmp --state s --rules /r --when-away allow --detach --no-console --json --socket x".split(" "),
  );
  const said = { mode: "ask", scope: "/tmp", state: `${process.cwd()}/s`, rules: "/r", whenAway: "allow", detach: true, console: false };
  assert.deepEqual(full.calls[1], ["up", { ...said, json: true, socket: `${process.cwd()}/x` }]);
  assert.deepEqual(JSON.parse(full.out), { schema: 1, ...STARTED });
});

test("runCli() turns failures of local commands into exit codes", async () => {
  const failing = (code: Failure["code"]) => async (): Promise<never> => {
    throw new Failure(code, "Already running: pid 12");
  };
  assert.deepEqual(await cli(["up"], { up: failing("conflict") }).then(({ exit, err }) => [exit, err]), [1, "Already running: pid 12\n"]);
  assert.equal((await cli(["up"], { up: failing("kernel-cannot") })).exit, 5);
  assert.equal((await cli(["down"], { down: failing("not-permitted") })).exit, 4);
  assert.equal((await cli(["run", "--", "true"], { run: failing("failed") })).exit, 125);
});

test("runCli() says what down and panic removed", async () => {
  const down = await cli(["down", "--scope", "/tmp"]);
  assert.deepEqual(down.calls[1], ["down", { socket: "/run/holdfast.sock", scope: "/tmp" }]);
  assert.equal(down.out, "Holdfast is no longer in force for /sys/fs/cgroup: removed 9 links, 20 pins, 1 filter, 0 holds\n");
  assert.equal((await cli(["panic"])).out, "Nothing of Holdfast was in force for /sys/fs/cgroup\n");
});

test("runCli() leaves everything after -- to run's command, and its exit code too", async () => {
  const { exit, calls } = await cli(["run", "--mode", "deny", "--rules", "a", "--rules", "/b", "--", "curl", "--json", "--socket", "x"]);
  assert.equal(exit, 7);
  const rules = [`${process.cwd()}/a`, "/b"];
  assert.deepEqual(calls[1], ["run", { mode: "deny", rules, save: null, summary: null, command: ["curl", "--json", "--socket", "x"] }]);
  assert.equal((await cli(["run", "--mode", "maybe", "--", "true"])).exit, 125);
  assert.equal((await cli(["run"])).exit, 125);
});

test("runCli() lets doctor exit 5 when the kernel cannot, 1 when something else is wrong", async () => {
  const doctor = (missing: string[], severity: "ok" | "error") =>
    cli(["doctor"], { doctor: async () => ({ kernel: { release: "5.4.0", missing }, checks: [{ code: "c", severity, text: "t" }] }) });
  assert.equal((await doctor([], "ok")).exit, 0);
  assert.equal((await doctor([], "error")).exit, 1);
  assert.equal((await doctor(["held connections"], "error")).exit, 5);
});

test("runCli() shows a status with no daemon: null for what only a daemon knows, exit 3", async () => {
  const { exit, out, err } = await cli(["status", "--json", "--socket", "/nonexistent/x.sock"]);
  const status = Status.parse(JSON.parse(out));
  assert.equal(exit, 3);
  assert.equal(status.pid, null);
  assert.equal(status.mode, null);
  assert.equal(status.inForce, true);
  assert.equal(err, `No daemon answers on "/nonexistent/x.sock": start one with "holdfast up"\n`);
});

test("runCli() prints help for every command", async () => {
  const top = await cli(["--help"]);
  assert.equal(top.exit, 0);
  const commands = Array.from(top.out.matchAll(/^ {2}([a-z]+)/gm), (match) => match[1] ?? "");
  assert.ok(commands.length >= 20);
  for (const command of commands) {
    const { exit, out } = await cli([command, "--help"]);
    assert.equal(exit, 0, command);
    assert.match(out, new RegExp(`^Usage: holdfast ${command}`));
    assert.match(out, /--socket <path>/);
  }
  assert.equal((await cli(["--version"])).out, "0.1.0\n");
});

test("runCli() prints completion scripts the shells accept", async () => {
  const { out } = await cli(["completion", "bash"]);
  const complete = (...words: string[]): string[] => {
    const script = `${out}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _holdfast; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync("bash", ["--norc", "-c", script], { encoding: "utf8" });
    assert.equal(stderr, "");
    return stdout.trim().split("\n");
  };
  assert.deepEqual(complete("holdfast", "ru"), ["rules", "run"]);
  assert.deepEqual(complete("holdfast", "rules", "ad"), ["add"]);
  assert.deepEqual(complete("holdfast", "--json", "mode", "a"), ["allow", "ask"]);
  assert.deepEqual(complete("holdfast", "rules", "rm", "--"), ["--help", "--socket", "--json"]);
  assert.deepEqual(complete("holdfast", "ask", "answer", "7", "--a"), ["--any-port"]);
  for (const shell of ["zsh", "fish"]) {
    const script = (await cli(["completion", shell])).out;
    if (spawnSync(shell, ["--version"]).error !== undefined) continue;
    assert.equal(spawnSync(shell, ["-n"], { input: script }).status, 0, shell);
  }
});

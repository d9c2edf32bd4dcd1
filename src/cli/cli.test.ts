// SPDX-License-Identifier: Apache-2.0
/** The commands that need no daemon: how their options are read and what their outcomes become. Theirs is daemon/. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Failure } from "../contract/failure.ts";
import type { LocalCommands, PinnedScope } from "../contract/local.ts";
import { ImportedFile, Status } from "../contract/replies.ts";
import { runCli } from "./cli.ts";

const REMOVED = { scope: "/sys/fs/cgroup", pid: 12, links: 9, pins: 20, filters: 1, held: 0 };
const LEFT = { path: "/sys/fs/cgroup/a b", whole: false, pins: "/sys/fs/bpf/holdfast/7", pid: null };
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
    pinned: async () => [LEFT],
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
  assert.equal(status.scope, LEFT.path);
  assert.equal(err, `No daemon answers on "/nonexistent/x.sock": start one with "holdfast up"\n`);
});

test("runCli() takes what another daemon has in force for that one's", async () => {
  const pinned = async (): Promise<PinnedScope[]> => [
    { ...LEFT, pid: 12 },
    { ...LEFT, path: null },
  ];
  const { out } = await cli(["status", "--json", "--socket", "/nonexistent/x.sock"], { pinned });
  const { inForce, scope } = Status.parse(JSON.parse(out));
  assert.deepEqual({ inForce, scope }, { inForce: false, scope: null });
});

test("runCli() names every scope that is in force without a daemon, and what takes it away", async () => {
  const status = (...pinned: PinnedScope[]) => cli(["status", "--socket", "/nonexistent/x.sock"], { pinned: async () => pinned });
  assert.equal((await status()).out, "No rules are in force\n");
  const { out } = await status(
    LEFT,
    { ...LEFT, path: "/sys/fs/cgroup", whole: true, pid: 12 },
    { ...LEFT, path: null, pins: "/sys/fs/bpf/holdfast/8" },
  );
  assert.deepEqual(out.trimEnd().split("\n"), [
    `Rules are in force for "/sys/fs/cgroup/a b", without a daemon; what takes them away: holdfast down --scope '/sys/fs/cgroup/a b'`,
    "Rules are in force for the whole machine, with daemon 12, which listens on another socket; what takes them away: holdfast down",
    `"/sys/fs/bpf/holdfast/8" is left of a cgroup that is gone; remove it with rm -r`,
  ]);
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

const OPENSNITCH = { name: "000-dns", action: "allow", operator: { type: "simple", operand: "dest.port", data: "53" } };
const LITTLE = {
  name: "Sample",
  rules: [
    { process: "any", action: "deny", "remote-addresses": "192.0.2.1" },
    { process: "any", action: "deny", "remote-domains": `${"a.".repeat(15)}org` },
    { process: "/Applications/No Such.app/x", action: "allow", remote: "any" },
  ],
};

/** A folder with one file of each kind, and OpenSnitch's own folder. */
function foreignFiles(): { readonly path: (name: string) => string; readonly [Symbol.dispose]: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-import-"));
  mkdirSync(join(folder, "rules"));
  const own = { ...OPENSNITCH, operator: { type: "simple", operand: "process.id", data: "1" } };
  writeFileSync(join(folder, "sample.lsrules"), JSON.stringify(LITTLE));
  writeFileSync(join(folder, "rules", "000-dns.json"), JSON.stringify(OPENSNITCH));
  writeFileSync(join(folder, "rules", "001-own.json"), JSON.stringify(own));
  writeFileSync(join(folder, "broken.json"), '{"rules": [');
  writeFileSync(join(folder, "other.json"), '{"colour": "red"}');
  writeFileSync(join(folder, "own.rules"), "deny any -> 192.0.2.7\n");
  return { path: (name) => join(folder, name), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

test("rules import --dry-run says what a foreign file comes to, entry by entry, and asks no daemon", async () => {
  using files = foreignFiles();
  const little = await cli(["rules", "import", files.path("sample.lsrules"), "--dry-run"]);
  assert.equal(little.exit, 0);
  const lines = little.out.trimEnd().split("\n");
  assert.deepEqual(lines.slice(0, 2), ["deny any -> 192.0.2.1", 'allow "/Applications/No Such.app/x" -> any disabled']);
  assert.match(lines[2] ?? "", /^Left out rules\[1\]: .*more than 15 labels/);
  assert.match(lines[3] ?? "", /^Changed rules\[2\]: "\/Applications\/No Such.app\/x" is not installed here/);
  assert.equal(lines[4], "Would add 2 rules from Little Snitch: 1 carried over, 1 changed, 1 left out");

  const open = await cli(["rules", "import", files.path("rules"), "--dry-run", "--json"]);
  const { dryRun, revision, rules, report } = ImportedFile.parse(JSON.parse(open.out));
  const texts = rules.map(({ text }) => text);
  assert.deepEqual([dryRun, revision, texts], [true, null, ['allow any -> any 53 note "000-dns"']]);
  const outcomes = report?.lines.map(({ at, outcome }) => `${at} ${outcome}`);
  assert.deepEqual(outcomes, ["000-dns.json carried", "001-own.json left-out"]);

  const own = await cli(["rules", "import", files.path("own.rules"), "--dry-run", "--json"]);
  assert.equal(ImportedFile.parse(JSON.parse(own.out)).report, null);
});

test("rules import makes one rule and a list of many places, and says so", async () => {
  using files = foreignFiles();
  const domains = Array.from({ length: 40 }, (_, i) => `d${i}.example`);
  writeFileSync(files.path("many.lsrules"), JSON.stringify({ name: "Ad servers", "denied-remote-domains": domains }));
  const { out } = await cli(["rules", "import", files.path("many.lsrules"), "--dry-run"]);
  const [rule, list] = out.split("\n");
  assert.match(rule ?? "", /^deny any -> list:ad-servers( |$)/);
  assert.equal(list, "Would add list ad-servers: 40 entries");
});

test("rules import says which format it expected", async () => {
  using files = foreignFiles();
  const refused = async (...args: string[]) => {
    const { exit, err } = await cli(["rules", "import", ...args]);
    assert.equal(exit, 2, err);
    return err;
  };
  assert.match(await refused(files.path("broken.json")), /it begins like JSON and is none/);
  assert.match(
    await refused(files.path("other.json")),
    /it holds no rules known here; expected a rule file, \.lsrules or rules of OpenSnitch/,
  );
  assert.match(await refused(files.path("sample.lsrules"), "--format", "opensnitch"), /it holds lsrules; expected opensnitch/);
  assert.match(await refused(files.path("sample.lsrules"), "--format", "yaml"), /expected auto, rules, lsrules or opensnitch/);
  assert.match(await refused(files.path("rules/001-own.json")), /Left out rule: (?:.*\n)+.*none of its rules can be used/);
});

test("runCli() says at most 20 problems of a file to people, and all to scripts", async () => {
  using files = foreignFiles();
  writeFileSync(files.path("many.rules"), "alow\n".repeat(30));
  const { err, exit } = await cli(["rules", "import", files.path("many.rules"), "--dry-run"]);
  const lines = err.trimEnd().split("\n");
  assert.deepEqual([exit, lines.length, lines.at(-1)], [2, 22, "and 10 more"]);
  const { out } = await cli(["rules", "check", files.path("many.rules"), "--json"]);
  assert.equal(JSON.parse(out).problems.length, 30);
});

test("runCli() says a problem once that is the sentence already", async () => {
  const problem = { file: null, line: 1, column: 6, message: "there is no X" };
  const failure = new Failure("bad-input", "Cannot read the rule at column 6: there is no X", { problems: [problem] });
  const { err } = await cli(["down"], { down: () => Promise.reject(failure) });
  assert.equal(err, `${failure.message}\n`);
});

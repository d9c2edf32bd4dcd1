// SPDX-License-Identifier: Apache-2.0
/** `run`: one command in a cgroup and under a policy of its own, with no daemon before or after. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { decodeBytes, visible } from "../contract/bytes.ts";
import { Failure } from "../contract/failure.ts";
import { fileReason } from "../contract/file-reason.ts";
import type { RunOptions } from "../contract/local.ts";
import { lockFile, scopeOf } from "../kernel/pins.ts";
import { hasTerminal } from "../kernel/terminal.ts";
import { printRule } from "../rules/print.ts";
import { asCaller, type Caller, lastArguments, theCaller } from "./caller.ts";
import { type Daemon, startDaemon } from "./daemon.ts";
import { removeSet } from "./remove.ts";
import { readRuleFile } from "./rulebook.ts";
import { RunCgroup } from "./run-cgroup.ts";
import { askOnTerminal } from "./run-questions.ts";
import { type Summary, summarize, summaryLines } from "./run-summary.ts";
import { ORDER_FD, type Order } from "./starter.ts";
import { showNamed } from "./up.ts";

const RUN_FOLDER = "/run/holdfast";
/** The exit code when Holdfast itself failed (cli.md). */
const FAILED = 125;
/** As a shell: a command that a signal ended gives this and the signal's number. */
const SIGNALLED = 128;
/** How long the last events are awaited after COMMAND has ended, milliseconds; those of programs without a name yet, longer than they wait for one. */
const LAST_EVENTS_MS = 1000;
const LAST_NAMES_MS = 5000;
const POLL_MS = 20;

const sentenceOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/**
 * The rule files as the caller may read them, copied where only root may write. All must be right: what is left out would be undecided.
 * With nobody to ask (`asking` false) their ask means deny.
 */
function copyRules(caller: Caller, files: readonly string[], to: { readonly folder: string; readonly asking: boolean }): void {
  const groups = files.map((file, i) => {
    const bytes = asCaller(caller, () => {
      try {
        return readFileSync(file);
      } catch (cause) {
        throw new Failure("bad-input", `Cannot read rule file "${file}": ${fileReason(cause)}`, { cause });
      }
    });
    return { ...readRuleFile(decodeBytes(bytes), file), name: `${String(i + 1).padStart(3, "0")}-${basename(file, ".rules")}.rules` };
  });
  const problems = groups.flatMap((group) => group.problems);
  if (problems.length > 0) {
    const what = problems.length === 1 ? "a line is" : `${problems.length} lines are`;
    throw new Failure("bad-input", `Cannot use the rules: ${what} wrong`, { problems });
  }
  mkdirSync(to.folder, { mode: 0o700 });
  for (const { name, rules } of groups) {
    const lines = rules.map(({ rule }) => printRule(rule.action === "ask" && !to.asking ? { ...rule, action: "deny" } : rule));
    writeFileSync(join(to.folder, name), lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
  }
}

function startCommand(caller: Caller, cgroup: string, command: readonly string[]): ChildProcess {
  const bytes = lastArguments(command.length);
  const same = bytes.every((each, i) => Buffer.from(each).toString() === command[i]);
  const latin1 = (each: Uint8Array): string => Buffer.from(each).toString("latin1");
  const order: Order = {
    cgroup,
    uid: caller.uid,
    gid: caller.gid,
    groups: caller.groups,
    openFiles: caller.openFiles,
    argv: (same ? bytes : command.map((each) => Buffer.from(each))).map(latin1),
    environment: caller.environment.map(latin1),
  };
  const child = spawn(process.execPath, [join(import.meta.dirname, "starter.ts")], {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: {},
  });
  const pipe = child.stdio[ORDER_FD];
  if (!pipe || !("end" in pipe)) throw new Failure("failed", "Cannot start a process for the command");
  // It ended before it had read its order: its exit code says so.
  pipe.on("error", () => {});
  pipe.end(JSON.stringify(order));
  return child;
}

/** The exit code, as a shell has it. */
async function exitOf(child: ChildProcess): Promise<number> {
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return signal === null ? (code ?? FAILED) : SIGNALLED + constants.signals[signal];
}

/** Until the records of what COMMAND did have come, as far as they come at all. */
async function lastEvents({ backend, engine }: Daemon): Promise<void> {
  const since = performance.now();
  for (let waited = 0; waited < LAST_NAMES_MS; waited = performance.now() - since) {
    engine.kernel.catchUp();
    await Promise.all(engine.identifying);
    showNamed(engine);
    const { flows } = await backend.listFlows({ app: null, to: null, verdict: null, undecided: false, since: null });
    const named = engine.unnamed.size === 0 && engine.identifying.size === 0;
    if (named && (waited > LAST_EVENTS_MS || flows.every(({ state }) => state === "closed"))) return;
    await sleep(POLL_MS);
  }
}

/** Writes a file the caller named, as him. A failure is said: the command has run, and its exit code stands. */
function writeAsCaller(caller: Caller, file: string, text: string): void {
  try {
    asCaller(caller, () => writeFileSync(file, text));
  } catch (cause) {
    process.stderr.write(`holdfast: Cannot write "${visible(file)}": ${sentenceOf(cause)}\n`);
  }
}

/** Passes on what is meant for COMMAND. A terminal sends SIGINT and SIGQUIT to COMMAND itself; without one they are passed on as well. */
function passOn(terminal: boolean, to: () => ChildProcess | null, early: (signal: NodeJS.Signals) => void): () => void {
  const listeners = (["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"] as const).map((signal) => {
    const listener = (): void => {
      const child = to();
      if (child === null) early(signal);
      else if (!terminal || signal === "SIGTERM" || signal === "SIGHUP") child.kill(signal);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => {
    for (const off of listeners) off();
  };
}

type Run = { readonly options: RunOptions; readonly caller: Caller; readonly cgroup: RunCgroup; readonly folder: string };

/** The policy, COMMAND in it, and what is told afterwards. */
async function judgedRun({ options, caller, cgroup, folder }: Run): Promise<number> {
  const terminal = hasTerminal();
  let child: ChildProcess | null = null;
  let early: NodeJS.Signals | null = null;
  const stopPassing = passOn(
    terminal,
    () => child,
    (signal) => {
      early = signal;
    },
  );
  const ended = (): number => SIGNALLED + (early === null ? 0 : constants.signals[early]);
  let daemon: Daemon | null = null;
  try {
    copyRules(caller, options.rules, { folder: join(folder, "rules"), asking: terminal });
    daemon = await startDaemon({
      scope: scopeOf(cgroup.path),
      state: join(folder, "state"),
      socket: join(folder, "api.sock"),
      rules: join(folder, "rules"),
      mode: options.mode === "ask" && !terminal ? "deny" : options.mode,
      whenAway: "deny",
      log: () => {},
    });
    if (early !== null) return ended();
    const { backend } = daemon;
    const stopAsking = terminal
      ? askOnTerminal({ backend, freeze: (frozen) => cgroup.freeze(frozen), isOurs: (group) => cgroup.hasGroup(group) })
      : () => {};
    child = startCommand(caller, cgroup.path, options.command);
    const exited = exitOf(child);
    const lost = daemon.gone.then(() => null);
    let exit = await Promise.race([exited, lost]);
    stopAsking();
    const left = await cgroup.empty();
    if (exit === null) {
      process.stderr.write("holdfast: The rules of this run were taken away, so its command was ended\n");
      exit = FAILED;
    } else if (left > 0)
      process.stderr.write(`holdfast: Ended ${left === 1 ? "a process" : `${left} processes`} the command left running\n`);
    await lastEvents(daemon);
    await tell(daemon, { options, caller, exit });
    return exit;
  } finally {
    try {
      await cgroup.empty();
    } finally {
      await daemon?.stop();
      stopPassing();
    }
  }
}

/** The summary, and the answers as a rule file. */
async function tell({ backend }: Daemon, { options, caller, exit }: { options: RunOptions; caller: Caller; exit: number }): Promise<void> {
  const { flows } = await backend.listFlows({ app: null, to: null, verdict: null, undecided: false, since: null });
  const { health } = await backend.status({});
  const summary: Summary = { schema: 1, command: options.command, exit, connections: summarize(flows), health };
  const shown = (_: string, value: unknown): unknown => (typeof value === "string" ? visible(value) : value);
  if (options.summary === null)
    process.stderr.write(
      summaryLines(summary)
        .map((line) => `${line}\n`)
        .join(""),
    );
  else writeAsCaller(caller, options.summary, `${JSON.stringify(summary, shown)}\n`);
  if (options.save === null) return;
  const { text } = await backend.exportRules({});
  writeAsCaller(caller, options.save, `# description: Answers of holdfast run -- ${visible(options.command.join(" "))}\n${text}`);
}

/** `holdfast run`. Whatever happens, the cgroup, the pins and the state are gone afterwards. */
export async function run(options: RunOptions): Promise<number> {
  const caller = theCaller();
  const cgroup = new RunCgroup();
  const scope = scopeOf(cgroup.path);
  mkdirSync(RUN_FOLDER, { recursive: true, mode: 0o755 });
  const folder = mkdtempSync(join(RUN_FOLDER, "run-"));
  try {
    return await judgedRun({ options, caller, cgroup, folder });
  } finally {
    await removeSet(scope, async () => {});
    cgroup.remove();
    rmSync(folder, { recursive: true, force: true });
    rmSync(lockFile(scope), { force: true });
  }
}

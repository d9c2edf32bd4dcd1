// SPDX-License-Identifier: Apache-2.0
/** `up`: in the foreground until Ctrl-C takes everything away, or detached. */
import { spawn } from "node:child_process";
import { appendFileSync, closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import { Failure, isFailureCode } from "../contract/failure.ts";
import type { Started, UpOptions } from "../contract/local.ts";
import { pinFolder, removePins, scopeOf } from "../kernel/pins.ts";
import { type Daemon, startDaemon } from "./daemon.ts";
import { daemonOf, remove, unguard } from "./remove.ts";
import { settingOf } from "./settings.ts";

/** Set for the process that `up --detach` leaves behind; it reports over its IPC channel. */
const CHILD = "HOLDFAST_DETACHED";
type Message = { readonly started: Started } | { readonly failed: { readonly code: string; readonly message: string } };

/** Makes a folder and those above it. mkdirSync's own recursion never ends where the kernel says ENOENT to a folder in one that is there (/proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

/** The state folder, made where it is not, with its log open for writing. */
function openLog(state: string): number {
  try {
    makeFolder(state);
    return openSync(join(state, "daemon.log"), "a", 0o600);
  } catch (cause) {
    const { code = "it fails" } = cause as NodeJS.ErrnoException;
    const sentence = `Cannot use state folder "${state}": nothing can be written there (${code}); expected a folder of its own`;
    throw new Failure("bad-input", sentence, { cause });
  }
}

function logTo(state: string): (sentence: string) => void {
  const file = join(state, "daemon.log");
  return (sentence) => {
    try {
      appendFileSync(file, `${new Date().toISOString()} ${sentence}\n`, { mode: 0o600 });
    } catch {
      /* The disk is full or gone; what matters is in health as well. */
    }
  };
}

function startedOf(daemon: Daemon, options: UpOptions): Started {
  return {
    pid: process.pid,
    mode: settingOf(daemon.engine.store(), "mode") as Started["mode"],
    scope: daemon.scope.path,
    socket: options.socket,
    revision: daemon.engine.revision,
    generation: daemon.engine.generation,
  };
}

async function start(options: UpOptions, log: (sentence: string) => void): Promise<Daemon> {
  const scope = scopeOf(options.scope);
  try {
    return await startDaemon({ ...options, scope, log });
  } catch (error) {
    if (error instanceof Failure && error.code === "conflict" && daemonOf(scope) !== null)
      throw new Failure("conflict", `Holdfast already runs for scope "${scope.path}" as process ${daemonOf(scope)}`);
    throw error;
  }
}

/** Runs until told to end; says what became of the rules. SIGTERM leaves them in force; Ctrl-C, and pins that are gone, leave nothing. */
async function untilEnded(daemon: Daemon, options: UpOptions): Promise<string> {
  const why = await new Promise<"leave" | "remove" | "gone">((resolve) => {
    /* Not once(): ink's signal-exit ends the process at a signal nobody else listens to any more. */
    process.on("SIGTERM", () => resolve("leave"));
    process.on("SIGHUP", () => resolve("leave"));
    process.on("SIGINT", () => resolve("remove"));
    void daemon.gone.then(() => resolve("gone"));
  });
  const guarded = daemon.engine.kernel.guarded();
  await daemon.stop();
  if (why === "leave") return `The rules stay in force for ${daemon.scope.path}; "holdfast down" takes them away`;
  if (why === "remove") await remove(options);
  if (why === "gone") {
    removePins(pinFolder(daemon.scope));
    unguard(daemon.scope, guarded);
  }
  return `Holdfast is no longer in force for ${daemon.scope.path}`;
}

async function detached(options: UpOptions): Promise<void> {
  const send = (message: Message): void => {
    process.send?.(message, () => process.disconnect?.());
  };
  const log = logTo(options.state);
  process.on("uncaughtException", (error) => log(`Unexpected: ${error.stack ?? error.message}`));
  process.on("unhandledRejection", (reason) => log(`Unexpected: ${reason instanceof Error ? reason.stack : String(reason)}`));
  let daemon: Daemon;
  try {
    daemon = await start(options, log);
  } catch (error) {
    const code = error instanceof Failure ? error.code : "failed";
    send({ failed: { code, message: error instanceof Error ? error.message : String(error) } });
    return;
  }
  send({ started: startedOf(daemon, options) });
  log(`In force: generation ${daemon.engine.generation}, scope "${daemon.scope.path}"`);
  await untilEnded(daemon, options);
  process.exit(0);
}

/** Starts a daemon that outlives this process; resolves when its rules are in force. Its output goes to STATE/daemon.log. */
function detach(options: UpOptions): Promise<Started> {
  const output = openLog(options.state);
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    env: { ...process.env, [CHILD]: "1" },
    stdio: ["ignore", output, output, "ipc"],
  });
  return new Promise((resolve, reject) => {
    child.once("message", (message: Message) => {
      if (child.connected) child.disconnect();
      child.unref();
      if ("started" in message) resolve(message.started);
      else reject(new Failure(isFailureCode(message.failed.code) ? message.failed.code : "failed", message.failed.message));
    });
    child.once("error", reject);
    child.once("exit", (code) =>
      reject(
        new Failure(
          "failed",
          `Holdfast ended with code ${code} before its rules were in force; see "${join(options.state, "daemon.log")}"`,
        ),
      ),
    );
  });
}

/** `holdfast up`. */
export async function up(options: UpOptions): Promise<Started | null> {
  if (process.env[CHILD] === "1") {
    /* It read the same command line in the same folder; from here on it keeps none busy. */
    process.chdir("/");
    await detached(options);
    return null;
  }
  /* Refused before anything is made. */
  scopeOf(options.scope);
  if (options.detach) return detach(options);
  const log = logTo(options.state);
  closeSync(openLog(options.state));
  const daemon = await start(options, log);
  const started = startedOf(daemon, options);
  if (options.json) process.stdout.write(`${JSON.stringify({ schema: 1, ...started })}\n`);
  const ended = untilEnded(daemon, options);
  const screen = !options.json && process.stdout.isTTY ? await (await import("./screen.ts")).openScreen({ ...daemon, log }) : null;
  const outcome = await ended;
  screen?.close();
  if (!options.json) process.stdout.write(`${outcome}\n`);
  return null;
}

// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { until } from "../world/until.ts";
import { outcomesOf, type ProbeOutcome, type Running, type World } from "../world.ts";

/* The shell reads its commands byte by byte, so what is written while one runs is the command's own input. */
const SCRIPT = 'while read -r line; do eval "$line"; echo "=$?"; done';

/**
 * A shell in the scope, as a person would have one: Holdfast knows it after a while, so that what is started in it is known from its
 * second run on. (What something outside of the scope starts is new each time.) One command at a time.
 */
export class Terminal {
  readonly #world: World;
  #shell: Running;

  constructor(world: World) {
    this.#world = world;
    this.#shell = this.#open();
  }

  #open(): Running {
    return this.#world.start(["/bin/sh", "-c", SCRIPT], { timeoutMs: null });
  }

  start(argv: readonly string[]): Command {
    if (this.#shell.ended) this.#shell = this.#open();
    const command = new Command(this.#shell);
    this.#shell.write(`${argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ")}\n`);
    return command;
  }

  /** Runs a command to its end; its first outcome, null when there was none. */
  async run(argv: readonly string[]): Promise<ProbeOutcome | null> {
    const command = this.start(argv);
    try {
      return await command.ended();
    } finally {
      await command.kill();
    }
  }
}

/** What runs in a terminal. */
export class Command {
  readonly #shell: Running;
  readonly #from: number;

  constructor(shell: Running) {
    this.#shell = shell;
    this.#from = shell.lines().length;
  }

  /** The processes of it that there are now. */
  get pids(): readonly number[] {
    return this.over ? [] : descendants(this.#shell.pid);
  }

  get over(): boolean {
    return this.#end >= 0;
  }

  /** Waits for its end. The first outcome: those of what it was started through come after it. */
  async ended(): Promise<ProbeOutcome | null> {
    await until("a command's end", () => this.over || null);
    return outcomesOf(this.#lines().join("\n"))[0] ?? null;
  }

  said(event: string): boolean {
    return this.#lines().some((line) => line.includes(`"event":"${event}"`));
  }

  /** Waits until it has tried what it was started for: it says so, has ended, is connecting, or was stopped where it stands. */
  async tried(): Promise<void> {
    await until(
      "a command's attempt",
      () => this.over || this.said("sent") || this.pids.some((pid) => isConnecting(pid) || isStopped(pid)) || null,
    );
  }

  /** Whether one of its processes is stopped. */
  get stopped(): boolean {
    return this.pids.some(isStopped);
  }

  write(text: string): void {
    this.#shell.write(text);
  }

  /** Ends it and all it has started; the terminal stays. */
  async kill(): Promise<void> {
    await until("a command's end by force", () => {
      for (const pid of [...this.pids].reverse()) end(pid);
      return this.over || null;
    });
  }

  #lines(): readonly string[] {
    return this.#shell.lines().slice(this.#from, this.over ? this.#end : undefined);
  }

  get #end(): number {
    const end = this.#shell.lines().findIndex((line, i) => i >= this.#from && line.startsWith("="));
    if (end < 0 && this.#shell.ended) throw new Error(`A terminal has ended: ${this.#shell.stdout}${this.#shell.stderr}`);
    return end;
  }
}

/** A file of /proc, empty when the process is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function descendants(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/**
 * Whether a process has a socket in SYN_SENT (02 in net/ipv4/tcp_ipv4.c, get_tcp4_sock): the tables of its network namespace list
 * everybody's, each with its inode. A subflow of MPTCP shows the inode of the socket it belongs to (mptcp_subflow_create_socket).
 */
export function isConnecting(pid: number): boolean {
  const sockets = socketsOf(pid);
  return `${read(`/proc/${pid}/net/tcp`)}${read(`/proc/${pid}/net/tcp6`)}`.split("\n").some((line) => {
    const fields = line.trim().split(/ +/);
    return fields[3] === "02" && sockets.has(fields[9] ?? "");
  });
}

/** The inodes of a process' sockets, none when it is gone. */
function socketsOf(pid: number): ReadonlySet<string> {
  const folder = `/proc/${pid}/fd`;
  try {
    const targets = readdirSync(folder).map((fd) => readLink(join(folder, fd)));
    return new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
  } catch {
    return new Set();
  }
}

/** Where a descriptor leads, empty when it has been closed meanwhile. */
function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

export function isStopped(pid: number): boolean {
  return /\) T /.test(read(`/proc/${pid}/stat`));
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // gone meanwhile
  }
}

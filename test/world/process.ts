// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from "node:child_process";

export type Ended = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** True when it was ended because its timeoutMs had passed. */
  readonly timedOut: boolean;
};

export type SpawnOptions = {
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly input?: string | undefined;
  /** Ends the process after that many milliseconds; null: never. */
  readonly timeoutMs?: number | null | undefined;
};

/** A process in the background: its output so far, its end, and its own process group to end it with. */
export class Running {
  readonly argv: readonly string[];
  readonly exited: Promise<Ended>;
  stdout = "";
  stderr = "";
  ended: Ended | null = null;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();
  #unfinishedLine = "";
  #timedOut = false;

  constructor(argv: readonly string[], options: SpawnOptions) {
    this.argv = argv;
    const [command = "", ...args] = argv;
    // Its own process group: kill() then reaches what it has forked, and Ctrl-C reaches only the test.
    this.#child = spawn(command, args, {
      detached: true,
      stdio: "pipe",
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      const parts = (this.#unfinishedLine + text).split("\n");
      this.#unfinishedLine = parts.pop() ?? "";
      for (const line of parts) this.#lines.push(line);
      this.#wake();
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.#child.stdin?.on("error", () => {}); // a process may end before it has read its input
    if (options.input !== undefined) this.#child.stdin?.end(options.input);
    const timer = options.timeoutMs ? setTimeout(() => this.#giveUp(), options.timeoutMs) : null;
    this.exited = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code, signal) => {
        if (timer) clearTimeout(timer);
        this.ended = { code, signal, stdout: this.stdout, stderr: this.stderr, timedOut: this.#timedOut };
        this.#wake();
        resolve(this.ended);
      });
    });
    this.exited.catch(() => {}); // reported to whoever awaits it
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`Cannot start "${this.argv.join(" ")}"`);
    return this.#child.pid;
  }

  /** Complete lines of standard output so far. */
  lines(): readonly string[] {
    return this.#lines;
  }

  /** The first line of standard output that `wanted` accepts; waits for it. Throws when the process ends without one. */
  async line(wanted: (line: string) => boolean): Promise<string> {
    for (;;) {
      const found = this.#lines.find(wanted);
      if (found !== undefined) return found;
      if (this.ended)
        throw new Error(
          `"${this.argv.join(" ")}" ended (${this.ended.code ?? this.ended.signal}) without the awaited line: ${this.stdout}${this.stderr}`,
        );
      await this.changed();
    }
  }

  /** Resolves at the next output or at the end. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  closeInput(): void {
    this.#child.stdin?.end();
  }

  /** Sends a signal to the process alone and waits for its end. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<Ended> {
    if (!this.ended) this.#child.kill(signal);
    return this.exited;
  }

  /** Ends it and all of its process group at once, without waiting. */
  destroy(): void {
    if (this.ended || this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      this.#child.kill("SIGKILL"); // it has not become a group leader yet, or is gone
    }
  }

  #giveUp(): void {
    this.#timedOut = true;
    this.destroy();
  }

  #wake(): void {
    for (const resume of this.#waiting) resume();
    this.#waiting.clear();
  }
}

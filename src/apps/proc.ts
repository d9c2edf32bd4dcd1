// SPDX-License-Identifier: Apache-2.0
/** One process as /proc shows it. Whatever is gone or not to be had is null: processes end while we look. */
import { readFileSync } from "node:fs";
import { decodeBytes } from "../contract/bytes.ts";
import { readFirst, readLink } from "./files.ts";

const ARGS_LIMIT = 64 * 1024;
const ENVIRONMENT_LIMIT = 256 * 1024;
/** Reading a process's memory can be made to hang for ever (arguments moved onto a FUSE file): so many may hang, then none is read. */
const MAX_STUCK = 2;
const ENDS_DELETED = " (deleted)";

export type Namespace = "mnt" | "pid" | "net";

export type ProcOptions = {
  /** Clock ticks a second (`getconf CLK_TCK`): 100 on every architecture Linux has today. */
  readonly ticksPerSecond?: number;
  /** How long the memory of a process may take to read, milliseconds. */
  readonly patienceMs?: number;
};

/** The path an exe link shows, and whether it says that the file is deleted (a file may also be called so: only the key tells). */
export function withoutDeleted(link: string): { readonly path: string; readonly deleted: boolean } {
  return link.endsWith(ENDS_DELETED) ? { path: link.slice(0, -ENDS_DELETED.length), deleted: true } : { path: link, deleted: false };
}

/** Zero-terminated strings, as in /proc/PID/cmdline and environ. */
export function splitZeros(bytes: Uint8Array): readonly string[] {
  const out: string[] = [];
  for (let from = 0; from < bytes.length; ) {
    const zero = bytes.indexOf(0, from);
    const end = zero < 0 ? bytes.length : zero;
    out.push(decodeBytes(bytes.subarray(from, end)));
    from = end + 1;
  }
  return out;
}

/** Reads processes below `root`, "/proc" unless told otherwise. */
export class Proc {
  readonly root: string;
  readonly #tickNs: bigint;
  readonly #patienceMs: number;
  #stuck = 0;

  constructor(root = "/proc", options: ProcOptions = {}) {
    this.root = root;
    this.#tickNs = 1_000_000_000n / BigInt(options.ticksPerSecond ?? 100);
    this.#patienceMs = options.patienceMs ?? 1000;
  }

  /** Where a file of the process is, e.g. `at(12, "exe")`: a magic link the kernel can be asked about. */
  at(pid: number, name: string): string {
    return `${this.root}/${pid}/${name}`;
  }

  /** Start in nanoseconds since boot, suspend included, rounded down to a tick (field 22 of stat, proc_pid_stat(5)). */
  startNs(pid: number): bigint | null {
    const text = this.#text(pid, "stat");
    if (text === null) return null;
    /* Field 2 is the name in brackets and may hold anything, brackets included: count from the last one. */
    const ticks = text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
    return ticks !== undefined && /^\d+$/.test(ticks) ? BigInt(ticks) * this.#tickNs : null;
  }

  /** Whether `pid` still is the process that started at `startNs` (CLOCK_BOOTTIME), to one tick. */
  isSame(pid: number, startNs: bigint): boolean {
    const found = this.startNs(pid);
    if (found === null) return false;
    const difference = found - (startNs - (startNs % this.#tickNs));
    return difference >= -this.#tickNs && difference <= this.#tickNs;
  }

  /** The link as it stands, " (deleted)" included: a claim. */
  exe(pid: number): string | null {
    return readLink(this.at(pid, "exe"));
  }

  cwd(pid: number): string | null {
    return readLink(this.at(pid, "cwd"));
  }

  /** "/" unless the process was given another root directory. */
  rootDirectory(pid: number): string | null {
    return readLink(this.at(pid, "root"));
  }

  /** E.g. "mnt:[4026531841]". */
  namespace(pid: number, kind: Namespace): string | null {
    return readLink(this.at(pid, `ns/${kind}`));
  }

  /** Path in the cgroup v2 tree: the line "0::", also where v1 controllers are mounted beside it. */
  cgroup(pid: number): string | null {
    const text = this.#text(pid, "cgroup");
    const line = text?.split("\n").find((each) => each.startsWith("0::"));
    return line === undefined ? null : withoutDeleted(line.slice(3)).path;
  }

  /** Name, real uid and parent, from status. */
  status(pid: number): { readonly name: string; readonly uid: number; readonly parent: number } | null {
    const text = this.#text(pid, "status");
    if (text === null) return null;
    const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(text)?.[1] ?? "";
    return { name: field("Name"), uid: Number.parseInt(field("Uid"), 10), parent: Number.parseInt(field("PPid"), 10) };
  }

  /** The bytes of the arguments, each ended by a zero; the process can change them. Cut at 64 KiB. */
  async cmdline(pid: number): Promise<Uint8Array | null> {
    return this.#memory(this.at(pid, "cmdline"), ARGS_LIMIT);
  }

  /** The value of an environment variable at the start of the process; a claim. */
  async variable(pid: number, name: string): Promise<string | null> {
    const bytes = await this.#memory(this.at(pid, "environ"), ENVIRONMENT_LIMIT);
    const entry = bytes && splitZeros(bytes).find((each) => each.startsWith(`${name}=`));
    return entry ? entry.slice(name.length + 1) : null;
  }

  #text(pid: number, name: string): string | null {
    try {
      return decodeBytes(readFileSync(this.at(pid, name)));
    } catch {
      return null;
    }
  }

  async #memory(path: string, limit: number): Promise<Uint8Array | null> {
    if (this.#stuck >= MAX_STUCK) return null;
    const reading = readFirst(path, limit).catch(() => null);
    let timer: NodeJS.Timeout | undefined;
    const impatience = new Promise<"stuck">((resolve) => {
      timer = setTimeout(() => resolve("stuck"), this.#patienceMs);
    });
    const outcome = await Promise.race([reading, impatience]);
    clearTimeout(timer);
    if (outcome !== "stuck") return outcome;
    this.#stuck += 1;
    void reading.then(() => {
      this.#stuck -= 1;
    });
    return null;
  }
}

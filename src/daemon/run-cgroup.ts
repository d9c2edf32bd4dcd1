// SPDX-License-Identifier: Apache-2.0
/** The cgroup one `run` lives in: made, frozen while a question stands in the terminal, emptied and removed. */
import { lstatSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cgroupRoot } from "../kernel/pins.ts";

/** How long what COMMAND left running has between SIGTERM and SIGKILL, milliseconds. */
const GRACE_MS = 2000;
const POLL_MS = 10;
const GROUP_OR_OTHERS_WRITE = 0o022;

/** Whether only root may move processes into this cgroup. */
function rootsAlone(folder: string): boolean {
  const { uid, mode } = lstatSync(join(folder, "cgroup.procs"));
  return uid === 0 && (mode & GROUP_OR_OTHERS_WRITE) === 0;
}

/**
 * The folder to make the cgroup in: the nearest one above us that is root's, up to the root. A cgroup below one that was handed over to a
 * user (user@1000.service) would be one he can move his processes out of.
 */
function parentFolder(): string {
  const root = cgroupRoot();
  const own = /^0::(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "/";
  if (own === "/" || own.includes("/..")) return root;
  let best = join(root, own);
  for (let folder = best; folder !== root; folder = dirname(folder)) if (!rootsAlone(folder)) best = dirname(folder);
  return best;
}

/** The process group of a process (proc(5), stat field 5); null when it is gone. */
function groupOf(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    return Number(fields[2]);
  } catch {
    return null;
  }
}

export class RunCgroup {
  readonly path: string;

  constructor() {
    this.path = join(parentFolder(), `holdfast-run-${process.pid}`);
    mkdirSync(this.path);
  }

  /** Stops every process in it where it stands, or lets them go on. */
  freeze(frozen: boolean): void {
    writeFileSync(join(this.path, "cgroup.freeze"), frozen ? "1" : "0");
  }

  processes(): number[] {
    return readFileSync(join(this.path, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
  }

  /** Whether a process in it is of this process group. */
  hasGroup(group: number): boolean {
    return this.processes().some((pid) => groupOf(pid) === group);
  }

  #populated(): boolean {
    return /^populated 1$/m.test(readFileSync(join(this.path, "cgroup.events"), "utf8"));
  }

  /** Ends what is left in it, with SIGTERM and then SIGKILL; returns how many processes there were. */
  async empty(): Promise<number> {
    const left = this.processes();
    for (const pid of left) {
      try {
        process.kill(pid, "SIGTERM");
      } catch {
        // It has ended meanwhile.
      }
    }
    for (let waited = 0; waited < GRACE_MS && this.#populated(); waited += POLL_MS) await sleep(POLL_MS);
    // Since Linux 5.14; reaches what COMMAND put into cgroups of its own below this one, too.
    if (this.#populated()) writeFileSync(join(this.path, "cgroup.kill"), "1");
    while (this.#populated()) await sleep(POLL_MS);
    return left.length;
  }

  remove(): void {
    rmdirSync(this.path);
  }
}

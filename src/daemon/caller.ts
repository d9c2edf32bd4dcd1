// SPDX-License-Identifier: Apache-2.0
/** Who called: the user behind sudo where there is one. What is done for a caller is done with his rights, not root's. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Proc } from "../apps/proc.ts";

export type Caller = {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** NAME=value, each as bytes, as the kernel has them. */
  readonly environment: readonly Uint8Array[];
  /** Soft limit of open files: Node raises its own to the hard one, and what it starts would have that. */
  readonly openFiles: number;
};

const MAX_ANCESTORS = 64;

/** The sudo nearest above us, where it runs for a user: the first of the two processes it makes of itself for a terminal of its own. */
function sudoAbove(proc: Proc): number | null {
  let sudo: number | null = null;
  let pid = process.ppid;
  for (let i = 0; i < MAX_ANCESTORS && pid > 1; i++) {
    const isSudo = /^sudo(-rs)?$/.test(basename(proc.exe(pid) ?? ""));
    if (sudo !== null && !isSudo) return sudo;
    if (isSudo) sudo = pid;
    pid = proc.status(pid)?.parent ?? 0;
  }
  return sudo;
}

/** Strings that end with a zero byte each, as in /proc/PID/cmdline and environ. */
function splitZeros(bytes: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  let from = 0;
  for (let at = bytes.indexOf(0); at >= 0; at = bytes.indexOf(0, from)) {
    found.push(bytes.subarray(from, at));
    from = at + 1;
  }
  return found;
}

/** Real user and groups of a process; null when it is gone. */
function identityOf(pid: number): { uid: number; groups: number[] } | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const numbers = (field: string): number[] =>
      (new RegExp(`^${field}:[ \\t]*(.*)$`, "m").exec(status)?.[1] ?? "").split(/\s+/).filter(Boolean).map(Number);
    return { uid: numbers("Uid")[0] ?? -1, groups: numbers("Groups") };
  } catch {
    return null;
  }
}

/** The groups /etc/group gives a user, beside his own. */
export function groupsOf(uid: number, gid: number, files: { readonly passwd: string; readonly group: string }): number[] {
  const fields = (text: string): string[][] => text.split("\n").map((line) => line.split(":"));
  const name = fields(files.passwd).find(([, , id]) => Number(id) === uid)?.[0];
  const member = fields(files.group).filter(([, , , members]) => name !== undefined && members?.split(",").includes(name));
  return [...new Set([gid, ...member.map(([, , id]) => Number(id))])];
}

function softOpenFiles(pid: number): number | null {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "latin1"))?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}

/** Not process.env: what is not UTF-8 does not survive in there. */
function ownEnvironment(): Uint8Array[] {
  return splitZeros(readFileSync("/proc/self/environ"));
}

/**
 * Who called this command. Behind sudo the user of SUDO_UID, in a root shell that sudo started as well: a command is never run as root for
 * a user. His environment is the one sudo itself was started with.
 */
export function theCaller(): Caller {
  const uid = Number(process.env.SUDO_UID ?? 0);
  const gid = Number(process.env.SUDO_GID ?? uid);
  if (!Number.isInteger(uid) || uid <= 0 || !Number.isInteger(gid) || gid < 0) {
    return {
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      groups: process.getgroups?.() ?? [],
      environment: ownEnvironment(),
      openFiles: softOpenFiles(process.ppid) ?? 1024,
    };
  }
  const proc = new Proc();
  const sudo = sudoAbove(proc);
  const shell = sudo === null ? null : (proc.status(sudo)?.parent ?? null);
  const inShell = shell === null ? null : identityOf(shell);
  const groups =
    inShell?.uid === uid
      ? inShell.groups
      : groupsOf(uid, gid, { passwd: readFileSync("/etc/passwd", "utf8"), group: readFileSync("/etc/group", "utf8") });
  let environment = ownEnvironment().filter((entry) => !/^SUDO_/.test(Buffer.from(entry).toString("latin1")));
  if (sudo !== null) {
    try {
      environment = splitZeros(readFileSync(`/proc/${sudo}/environ`));
    } catch {
      // As far as sudo left it, then.
    }
  }
  return { uid, gid, groups, environment, openFiles: softOpenFiles(shell ?? process.ppid) ?? 1024 };
}

/** Does something to files with the caller's rights: a name on a command line must not open what only root may. Synchronous work only. */
export function asCaller<T>(caller: Caller, work: () => T): T {
  const { setgroups, setegid, seteuid, getgroups } = process;
  if (caller.uid === 0 || !setgroups || !setegid || !seteuid || !getgroups) return work();
  const ownGroups = getgroups();
  setgroups([...caller.groups]);
  setegid(caller.gid);
  seteuid(caller.uid);
  try {
    return work();
  } finally {
    seteuid(0);
    setegid(0);
    setgroups(ownGroups);
  }
}

/** The last `count` arguments of this process as bytes: what of a command line is not UTF-8 does not survive process.argv. */
export function lastArguments(count: number): Uint8Array[] {
  return splitZeros(readFileSync("/proc/self/cmdline")).slice(-count);
}

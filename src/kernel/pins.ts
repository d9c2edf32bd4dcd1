// SPDX-License-Identifier: Apache-2.0
/** Where the cgroup tree and the pins are: file systems found or mounted, BPFFS/holdfast/<cgroup id>/, one daemon for each scope. */
import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { join, relative } from "node:path";
import koffi from "koffi";
import { Failure } from "../contract/failure.ts";
import { errorName } from "./libc.ts";

const process_ = koffi.load(null);
const mount_ = process_.func("int mount(const char *, const char *, const char *, unsigned long, const void *)");
const flock_ = process_.func("int flock(int, int)");
const LOCK_EX_NB = 2 | 4;
const MAX_ATTEMPTS = 10;

type MountPoint = { readonly type: string; readonly target: string };

/** The mount points of a mounts file (proc(5)), octal escapes undone. */
export function mountPoints(text: string): MountPoint[] {
  return text
    .split("\n")
    .map((line) => line.split(" "))
    .filter((fields) => fields.length >= 3)
    .map(([, target = "", type = ""]) => ({
      type,
      target: target.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    }));
}

function found(type: string): string | null {
  return mountPoints(readFileSync("/proc/mounts", "utf8")).find((point) => point.type === type)?.target ?? null;
}

function mounted(type: string, target: string): string {
  mkdirSync(target, { recursive: true });
  if (mount_(type, target, type, 0, null) !== 0)
    throw new Failure("failed", `Cannot mount ${type} at "${target}": ${errorName(koffi.errno())}`);
  return target;
}

/** The cgroup v2 root; mounted when it is not. */
export function cgroupRoot(): string {
  return found("cgroup2") ?? mounted("cgroup2", existsSync("/sys/fs/cgroup") ? "/run/holdfast/cgroup" : "/sys/fs/cgroup");
}

/** A bpffs; mounted at /sys/fs/bpf when there is none. */
export function bpfFileSystem(): string {
  return found("bpf") ?? mounted("bpf", "/sys/fs/bpf");
}

/** A scope: the folder of a cgroup v2, its id (the inode number, as bpf_get_current_cgroup_id() has it) and its depth below the root. */
export type Scope = { readonly path: string; readonly id: bigint; readonly level: number };

/** The scope a folder stands for; null = the cgroup v2 root. Throws a sentence when it is no cgroup. */
export function scopeOf(path: string | null): Scope {
  const root = cgroupRoot();
  const folder = path ?? root;
  let id: bigint;
  try {
    id = statSync(folder, { bigint: true }).ino;
  } catch (cause) {
    throw new Failure("bad-input", `Cannot use scope "${folder}": there is no such folder; expected a cgroup below "${root}"`, { cause });
  }
  const below = relative(root, folder);
  if (below.startsWith("..") || !existsSync(join(folder, "cgroup.procs")))
    throw new Failure("bad-input", `Cannot use scope "${folder}": it is no cgroup v2 folder; expected one below "${root}"`);
  return { path: folder, id, level: below === "" ? 0 : below.split("/").length };
}

/** BPFFS/holdfast (which may not exist); one that is not root's is refused, since bpffs itself is world-writable. */
function pinRoot(): string {
  const folder = join(bpfFileSystem(), "holdfast");
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found && (found.uid !== 0 || (found.mode & 0o022) !== 0))
    throw new Failure("failed", `Cannot use "${folder}": it must belong to root and be writable by nobody else; remove it and try again`);
  return folder;
}

/** The folder of a scope's pins (which may not exist). */
export function pinFolder(scope: Pick<Scope, "id">): string {
  return join(pinRoot(), scope.id.toString());
}

/** Makes BPFFS/holdfast, 0700, where there is none. Whoever only looks makes nothing: an empty folder would be left after `panic`. */
function makeRoot(): void {
  try {
    mkdirSync(pinRoot(), { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  /* Whose it is, now that it is there. */
  pinRoot();
}

/** Makes a folder of pins, and BPFFS/holdfast again when another scope's `down` has just removed it. */
export function makePins(folder: string): void {
  for (let attempt = 1; ; attempt++) {
    makeRoot();
    try {
      mkdirSync(folder, { mode: 0o700 });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/** Removes a folder of pins and all in it; returns how many pins there were. A pinned link that goes detaches its program. */
export function removePins(folder: string): number {
  if (!existsSync(folder)) return 0;
  let removed = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removed += removePins(path);
    else {
      unlinkSync(path);
      removed += 1;
    }
  }
  rmdirSync(folder);
  return removed;
}

/** Removes BPFFS/holdfast when no scope is left in it. */
export function removeEmptyRoot(): void {
  const bpffs = found("bpf");
  if (bpffs === null) return;
  const folder = join(bpffs, "holdfast");
  try {
    rmdirSync(folder);
  } catch (error) {
    /* There is none, or another scope is in it. */
    if (!["ENOENT", "ENOTEMPTY"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

/** The file whose lock says that a daemon has the scope. */
export function lockFile({ id }: Pick<Scope, "id">): string {
  return `/run/holdfast/${id}.lock`;
}

/** Takes the scope's lock for as long as the returned function is not called; null when another daemon has it. Its file goes with it. */
export function lockScope(scope: Scope): (() => void) | null {
  const file = lockFile(scope);
  mkdirSync("/run/holdfast", { recursive: true, mode: 0o755 });
  for (;;) {
    const fd = openSync(file, "a", 0o600);
    if (flock_(fd, LOCK_EX_NB) !== 0) {
      closeSync(fd);
      return null;
    }
    /* Whoever had it may have taken the file away after it was opened here: then this is nobody's lock. */
    if (statSync(file, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino)
      return () => {
        unlinkSync(file);
        closeSync(fd);
      };
    closeSync(fd);
  }
}

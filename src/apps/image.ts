// SPDX-License-Identifier: Apache-2.0
/** What the kernel says about a program image it has no class for (bpf/event.h, struct image_event), in the words of this folder. */
import type { FileKey } from "../contract/app.ts";
import type { AppId, KtimeNs } from "../contract/ids.ts";

/** Everything that makes two runs of one file different applications (bpf/tables.h, struct image_key). */
export type ImageKey = FileKey & {
  /** Id of the cgroup v2. */
  readonly cgroup: bigint;
  /** Keyed hash of arguments and working directory, for interpreters; else 0. */
  readonly argsHash: bigint;
  /** Not 0: this one run only. */
  readonly salt: bigint;
  /** App id of the program it acts for; 0 = none. */
  readonly responsible: AppId;
  /** Runs in another mount namespace than the daemon's: its paths are claims about another tree. */
  readonly otherMounts: boolean;
  /** A memfd or a deleted file. */
  readonly unlinked: boolean;
};

export type ImageReport = {
  readonly key: ImageKey;
  readonly tgid: number;
  /** The process's start, CLOCK_BOOTTIME nanoseconds: with `tgid` it names one process for good. */
  readonly startNs: KtimeNs;
  readonly uid: number;
  readonly parentTgid: number;
  /** The first 15 bytes of the name the process shows. */
  readonly comm: string;
  /** The executable's path as the kernel walked it; a claim, possibly cut at the front. Null when it has none (memfd). */
  readonly path: string | null;
};

export function sameFile(a: FileKey, b: FileKey): boolean {
  return a.device === b.device && a.inode === b.inode && a.ctimeNs === b.ctimeNs;
}

/** A file's key as text, to key a map with. */
export function fileKeyText(key: FileKey): string {
  return `${key.device}:${key.inode}:${key.ctimeNs}`;
}

/** An image's key as text, to key a map with. */
export function imageKeyText(key: ImageKey): string {
  const flags = (key.otherMounts ? 1 : 0) | (key.unlinked ? 2 : 0);
  return [fileKeyText(key), key.cgroup, key.argsHash, key.salt, key.responsible, flags].join(":");
}

/** The last component of a path; the whole text when it has no slash. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

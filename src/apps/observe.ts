// SPDX-License-Identifier: Apache-2.0
/** What can be read of a process while it lives, provided it still is the one the kernel spoke of and runs the same image. */

import { insideAppImage } from "./appimage.ts";
import type { ArgsHash } from "./args-hash.ts";
import type { FileKeyOf } from "./digest.ts";
import { flatpakOfRoot } from "./flatpak.ts";
import type { ImageReport } from "./image.ts";
import { type Proc, splitZeros } from "./proc.ts";

export type Observed = {
  /** The exe link as it stands. */
  readonly exe: string | null;
  readonly cwd: string | null;
  readonly cgroup: string | null;
  /** Its root directory is the mount namespace's own. */
  readonly atRoot: boolean;
  /** Null when they could not be read, or are not (any more) those the kernel saw at exec. */
  readonly args: readonly string[] | null;
  /** The variable APPIMAGE of what runs inside an AppImage. */
  readonly appImage: string | null;
  readonly flatpak: string | null;
};

export type ObserveDeps = {
  readonly proc: Proc;
  readonly fileKeyOf: FileKeyOf;
  /** Null: arguments are taken as they are found. */
  readonly argsHash: ArgsHash | null;
};

/** Null when the process is gone or has become something else: before, or while we looked. */
export async function observe(image: ImageReport, deps: ObserveDeps): Promise<Observed | null> {
  const { proc } = deps;
  const pid = image.tgid;
  const isIt = (): boolean => {
    if (!proc.isSame(pid, image.startNs)) return false;
    /* Not the change time: that of a running image moves when its file is renamed over. */
    const exe = deps.fileKeyOf(proc.at(pid, "exe"));
    return exe === null || (exe.device === image.key.device && exe.inode === image.key.inode);
  };
  if (!isIt()) return null;
  const exe = proc.exe(pid);
  const cwd = proc.cwd(pid);
  const cgroup = proc.cgroup(pid);
  const atRoot = proc.rootDirectory(pid) === "/";
  const directory = deps.fileKeyOf(proc.at(pid, "cwd"));
  const [cmdline, appImage, flatpak] = await Promise.all([
    proc.cmdline(pid),
    insideAppImage(exe) ? proc.variable(pid, "APPIMAGE") : null,
    image.key.otherMounts ? flatpakOfRoot(proc.at(pid, "root")) : null,
  ]);
  if (!isIt()) return null;
  const expected = image.key.argsHash;
  const checked = cmdline !== null && expected !== 0n && deps.argsHash !== null;
  const asSeen = !checked || (directory !== null && deps.argsHash(cmdline, directory) === expected);
  /* A process that ends has no memory any more, and so no arguments; every program has at least its name. */
  const args = cmdline !== null && cmdline.length > 0 && asSeen ? splitZeros(cmdline) : null;
  return { exe, cwd, cgroup, atRoot, args, appImage, flatpak };
}

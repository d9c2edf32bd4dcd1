// SPDX-License-Identifier: Apache-2.0
/**
 * Who is this process? The kernel's key is the only thing believed; every path is checked against it. The process may be gone: then
 * what the kernel sent, and what was seen before, must do.
 */
import type { AncestorRole, FileKey, Identity } from "../contract/app.ts";
import { appImageOf } from "./appimage.ts";
import { containerName, containerOf } from "./container.ts";
import type { Digests } from "./digest.ts";
import { type ReadLink, readLink, resolvePath } from "./files.ts";
import { flatpakOfCgroup } from "./flatpak.ts";
import { type ImageReport, sameFile } from "./image.ts";
import { interpret, type Program, scriptPath } from "./interpreter.ts";
import { syntaxOf } from "./interpreters.ts";
import { executableName, nameOf } from "./name.ts";
import { type ObserveDeps, type Observed, observe } from "./observe.ts";
import type { Owner } from "./package.ts";
import { ancestorRole } from "./role.ts";
import type { SeenFiles } from "./seen.ts";
import { snapOf } from "./snap.ts";
import { unitOf } from "./unit.ts";

export type IdentifyDeps = ObserveDeps & {
  readonly packages: { ownerOf(path: string): Promise<Owner | null> };
  readonly md5: Pick<Digests, "of">;
  /** Path of a cgroup v2 by its id; `hint` is what /proc says. */
  readonly cgroupPath: (id: bigint, hint: string | null) => string | null;
  readonly seen: SeenFiles;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Reads symbolic links of the host; the real ones unless told otherwise. */
  readonly readLink?: ReadLink;
  /** Where the container engines' files are, "" for this system. */
  readonly root?: string;
};

export type Identified = {
  readonly identity: Identity;
  readonly role: AncestorRole;
  /** Its arguments say what it runs: the kernel has to look it up with `argsHash`. */
  readonly interpreter: boolean;
  /** Runs of the same file with other arguments are other programs to the eye: an interpreter without a script of its own. */
  readonly byArgs: boolean;
  /** False: the process was gone before everything was known. What is said here holds for this run only. */
  readonly certain: boolean;
};

type Verified = { readonly path: string | null; readonly hostHasClaim: boolean };

/** The host's path of the image: the first candidate at which the host has the very file the kernel named. */
function verify(image: ImageReport, observed: Observed | null, deps: IdentifyDeps): Verified {
  let hostHasClaim = false;
  for (const candidate of [observed?.exe, image.path, deps.seen.pathOf(image.key)]) {
    if (!candidate?.startsWith("/")) continue;
    const path = resolvePath(candidate, deps.readLink ?? readLink);
    const key = path === null ? null : deps.fileKeyOf(path);
    if (key === null) continue;
    if (sameFile(key, image.key)) return { path, hostHasClaim: true };
    hostHasClaim = true;
  }
  return { path: null, hostHasClaim };
}

type Packaged = Pick<Identity, "package" | "packageIntact">;

async function packaged(path: string, key: FileKey, deps: IdentifyDeps): Promise<Packaged> {
  const owner = await deps.packages.ownerOf(path);
  if (owner === null) return { package: null, packageIntact: null };
  return { package: owner.package, packageIntact: owner.md5 === null ? null : (await deps.md5.of(path, key)) === owner.md5 };
}

/** A script is as intact as what runs it: a program that only calls itself python could claim any script. */
async function packagedScript(script: string, interpreter: Packaged, deps: IdentifyDeps): Promise<Packaged> {
  const key = deps.fileKeyOf(script);
  if (key === null) return { package: null, packageIntact: null };
  const own = await packaged(script, key, deps);
  if (own.packageIntact !== true) return own;
  return { package: own.package, packageIntact: interpreter.package === null ? false : interpreter.packageIntact };
}

function changedSince(path: string | null, script: string | null, image: ImageReport, deps: IdentifyDeps): string | null {
  const now = deps.nowMs();
  const executable = path === null ? null : deps.seen.note(path, image.key, now);
  const scriptKey = script === null ? null : deps.fileKeyOf(script);
  const changed = script === null || scriptKey === null ? null : deps.seen.note(script, scriptKey, now);
  return changed ?? executable;
}

function scriptOf(program: Program | null, path: string | null, image: ImageReport, observed: Observed | null, deps: IdentifyDeps) {
  const isHost = !image.key.otherMounts && observed?.atRoot === true;
  if (program?.kind !== "script" || path === null || !isHost) return null;
  return scriptPath(program, observed.cwd, deps.readLink ?? readLink);
}

/** Finds out who an image is. Never throws for what a process does or omits; what cannot be had is null. */
export async function identify(image: ImageReport, deps: IdentifyDeps): Promise<Identified> {
  const observed = await observe(image, deps);
  const cgroup = deps.cgroupPath(image.key.cgroup, observed?.cgroup ?? null);
  const { path, hostHasClaim } = verify(image, observed, deps);
  const claimedPath = observed?.exe ?? null;
  const args = observed?.args ?? [];

  const executable = executableName(path, claimedPath, image);
  const isInterpreter = syntaxOf(executable) !== null;
  const program = observed?.args ? interpret(executable, args) : null;
  const script = scriptOf(program, path, image, observed, deps);
  const runsScript = program?.kind === "script";
  const role = ancestorRole({ path, runsScript });

  const ref = containerOf(cgroup);
  const container = ref === null ? null : await containerName(ref, deps.root ?? "");
  const flatpak = !image.key.otherMounts ? null : observed === null ? flatpakOfCgroup(cgroup) : observed.flatpak;
  const snap = snapOf(path, cgroup, image.key.otherMounts);
  const appimage = appImageOf(path, observed?.appImage ?? null);

  const own: Packaged = path === null ? { package: null, packageIntact: null } : await packaged(path, image.key, deps);
  const identity: Identity = {
    path,
    claimedPath,
    name: nameOf({ path, claimedPath, script, container, flatpak, snap, appimage, image, program, hostHasClaim }),
    script,
    args,
    ...(script === null ? own : await packagedScript(script, own, deps)),
    unit: unitOf(cgroup),
    container,
    flatpak,
    snap,
    appimage,
    kernel: false,
    changedSince: changedSince(path, script, image, deps),
  };
  return {
    identity,
    role,
    interpreter: isInterpreter,
    /* A shell without a script only starts others: telling its countless -c lines apart would tell nobody anything. */
    byArgs: isInterpreter && script === null && role === "application" && program?.kind !== "module",
    certain: (path !== null || observed !== null) && (!isInterpreter || program !== null),
  };
}

// SPDX-License-Identifier: Apache-2.0
/** What the test needs of Debian: qemu installed, a kernel and busybox only unpacked, below build/vm. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../tools/files.ts";

export const BUILD = join(ROOT, "build/vm");
const QEMU = "qemu-system-x86_64";

/** Runs a program to its end; its output. Throws with what it said. */
function output(program: string, args: readonly string[], cwd: string = BUILD): string {
  mkdirSync(BUILD, { recursive: true });
  const environment = { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: "utf8", env: environment, maxBuffer: 1 << 26 });
  if (error === undefined && status === 0) return stdout;
  throw new Error(`Cannot run ${program} ${args.join(" ")}: ${error?.message ?? stderr.trim()}`);
}

function isInstalled(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}

export function hasApt(): boolean {
  return isInstalled("apt-get");
}

let listsAreRead = false;

/** `apt-get update`, once: what the lists name is what the archive has. */
function readLists(): void {
  if (!listsAreRead) output("apt-get", ["update"]);
  listsAreRead = true;
}

/** Installs qemu where it is missing; returns its name. */
export function qemu(): string {
  if (isInstalled(QEMU)) return QEMU;
  readLists();
  output("apt-get", ["install", "-y", "-o", "DPkg::Lock::Timeout=120", "--no-install-recommends", "qemu-system-x86"]);
  return QEMU;
}

/** The folder a package is unpacked in; fetched and unpacked when it is not there yet. */
export function unpacked(name: string): string {
  const folder = join(BUILD, name);
  if (existsSync(folder)) return folder;
  readLists();
  const scratch = mkdtempSync(join(BUILD, "unpack-"));
  try {
    output("apt-get", ["download", "-o", "APT::Sandbox::User=root", name], scratch);
    const [archive = ""] = readdirSync(scratch);
    output("dpkg-deb", ["--extract", archive, "content"], scratch);
    renameSync(join(scratch, "content"), folder);
  } finally {
    rmSync(scratch, { recursive: true });
  }
  return folder;
}

export type KernelPackage = { readonly release: string; readonly folder: string };

/** By the numbers in them: "6.1.0-56" comes after "6.1.0-9". */
function byVersion(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

function newest(names: readonly string[], pattern: RegExp): string | undefined {
  return names
    .filter((name) => pattern.test(name))
    .toSorted(byVersion)
    .at(-1);
}

/**
 * The newest cloud kernel of a series ("6.1") that is unpacked already or that apt offers; null when there is none. Cloud kernels are
 * Debian's usual ones without the drivers of real machines.
 */
export function kernelOf(series: string): KernelPackage | null {
  const pattern = new RegExp(`^linux-image-${RegExp.escape(series)}\\.[0-9].*-cloud-amd64$`);
  const local = existsSync(BUILD) ? readdirSync(BUILD) : [];
  const name = newest(local, pattern) ?? newest(offered(`linux-image-${series}.`), pattern);
  if (name === undefined) return null;
  return { release: name.slice("linux-image-".length), folder: unpacked(name) };
}

/** Names of packages that apt offers. */
function offered(prefix: string): string[] {
  readLists();
  return output("apt-cache", ["pkgnames", prefix]).split("\n");
}

// SPDX-License-Identifier: Apache-2.0
/** A system for tests: a /proc tree in a temporary folder, and a kernel that says which file is where. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileKey } from "../contract/app.ts";
import type { AppId, KtimeNs } from "../contract/ids.ts";
import { rawPath } from "./files.ts";
import type { IdentifyDeps } from "./identify.ts";
import type { ImageKey, ImageReport } from "./image.ts";
import type { Owner } from "./package.ts";
import { Proc } from "./proc.ts";
import { SeenFiles } from "./seen.ts";

const TICK_NS = 10_000_000n;

export type FakeProcess = {
  readonly pid: number;
  readonly startNs?: bigint;
  /** What the exe link shows; the image's path unless told otherwise. */
  readonly exe: string;
  /** What runs: the key of the file at `exe` unless told otherwise. */
  readonly key?: FileKey;
  readonly args?: readonly string[];
  readonly cwd?: string;
  readonly root?: string;
  readonly cgroup?: string;
  readonly environment?: readonly string[];
  readonly unlinked?: boolean;
  readonly otherMounts?: boolean;
  readonly argsHash?: bigint;
  readonly salt?: bigint;
  readonly responsible?: number;
  readonly kernelPath?: string | null;
  readonly comm?: string;
};

export class FakeSystem {
  readonly folder = mkdtempSync(join(tmpdir(), "holdfast-apps-"));
  readonly files = new Map<string, FileKey>();
  readonly links = new Map<string, string>();
  readonly owners = new Map<string, Owner>();
  readonly md5 = new Map<string, string>();
  readonly seen = new SeenFiles();
  readonly proc = new Proc(join(this.folder, "proc"));
  nowMs = Date.UTC(2026, 0, 1);
  #inode = 1000n;
  readonly #images = new Map<number, FileKey>();
  readonly #cgroups = new Map<string, bigint>();

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Puts a new file at a path of the host and answers its key. */
  file(path: string): FileKey {
    this.#inode += 1n;
    const key: FileKey = { device: 0xfe00000, inode: this.#inode, ctimeNs: 1_700_000_000_000_000_000n + this.#inode };
    this.files.set(path, key);
    return key;
  }

  cgroupId(path: string): bigint {
    const id = this.#cgroups.get(path) ?? BigInt(this.#cgroups.size + 5000);
    this.#cgroups.set(path, id);
    return id;
  }

  /** Starts a process and answers what the kernel reports of it. */
  run(process: FakeProcess): ImageReport {
    const image = this.report(process);
    const folder = join(this.proc.root, String(process.pid));
    mkdirSync(folder, { recursive: true });
    const fields = ["S", "1", ...Array.from({ length: 17 }, () => "0"), String(image.startNs / TICK_NS), "0"];
    writeFileSync(join(folder, "stat"), `${process.pid} (odd) name) ${fields.join(" ")}\n`);
    writeFileSync(join(folder, "status"), `Name:\t${image.comm}\nPPid:\t1\nUid:\t1000\t1000\t1000\t1000\n`);
    writeFileSync(join(folder, "cgroup"), `4:memory:/x\n0::${process.cgroup ?? "/"}\n`);
    const zeros = (list: readonly string[]): Buffer => Buffer.concat(list.map((each) => Buffer.concat([rawPath(each), Buffer.of(0)])));
    writeFileSync(join(folder, "cmdline"), zeros(process.args ?? [process.exe]));
    writeFileSync(join(folder, "environ"), zeros(process.environment ?? []));
    symlinkSync(rawPath(process.exe), join(folder, "exe"));
    symlinkSync(process.cwd ?? "/", join(folder, "cwd"));
    symlinkSync(process.root ?? "/", join(folder, "root"));
    this.#images.set(process.pid, image.key);
    return image;
  }

  end(pid: number): void {
    this.#images.delete(pid);
    rmSync(join(this.proc.root, String(pid)), { recursive: true, force: true });
  }

  /** What the kernel reports of a process that is gone already. */
  report(process: FakeProcess): ImageReport {
    const file = process.key ?? this.files.get(process.exe) ?? this.file(`nowhere:${process.exe}`);
    const key: ImageKey = {
      device: file.device,
      inode: file.inode,
      ctimeNs: file.ctimeNs,
      cgroup: this.cgroupId(process.cgroup ?? "/"),
      argsHash: process.argsHash ?? 0n,
      salt: process.salt ?? 0n,
      responsible: (process.responsible ?? 0) as AppId,
      otherMounts: process.otherMounts ?? false,
      unlinked: process.unlinked ?? false,
    };
    return {
      key,
      tgid: process.pid,
      startNs: (process.startNs ?? 123_456_789_012n) as KtimeNs,
      uid: 1000,
      parentTgid: 1,
      comm: process.comm ?? "comm",
      path: process.kernelPath === undefined ? process.exe : process.kernelPath,
    };
  }

  readonly fileKeyOf = (path: string): FileKey | null => {
    const pid = new RegExp(`^${this.proc.root}/(\\d+)/exe$`).exec(path)?.[1];
    if (pid !== undefined) return this.#images.get(Number(pid)) ?? null;
    return this.files.get(path) ?? null;
  };

  /** The host's links; every file that was put somewhere is there, with its folders. */
  readonly readLink = (path: string): string | null => {
    const target = this.links.get(path);
    if (target !== undefined) return target;
    const isThere = [...this.files.keys(), ...this.links.keys()].some((each) => each === path || each.startsWith(`${path}/`));
    return isThere ? "" : null;
  };

  get deps(): IdentifyDeps {
    return {
      proc: this.proc,
      fileKeyOf: this.fileKeyOf,
      argsHash: null,
      packages: { ownerOf: async (path) => this.owners.get(path) ?? null },
      md5: { of: async (path) => this.md5.get(path) ?? null },
      cgroupPath: (id) => [...this.#cgroups].find(([, each]) => each === id)?.[0] ?? null,
      seen: this.seen,
      nowMs: () => this.nowMs,
      readLink: this.readLink,
      root: this.folder,
    };
  }
}

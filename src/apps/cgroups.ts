// SPDX-License-Identifier: Apache-2.0
/** cgroup id -> path, for the cgroup v2 tree. The id is the folder's inode number (kernfs, 64-bit). */
import { type BigIntStats, lstatSync, readdirSync } from "node:fs";
import { decodeBytes } from "../contract/bytes.ts";
import { rawPath } from "./files.ts";

/** A user can make as many folders as he likes below his own; a look over the whole tree ends here. */
const MAX_FOLDERS = 4096;
const MAX_KNOWN = 8192;

function folder(path: string): BigIntStats | null {
  try {
    const found = lstatSync(rawPath(path), { bigint: true });
    return found.isDirectory() ? found : null;
  } catch {
    return null;
  }
}

function foldersIn(path: string): readonly string[] {
  try {
    return readdirSync(rawPath(path), { withFileTypes: true, encoding: "buffer" })
      .filter((entry) => entry.isDirectory())
      .map((entry) => decodeBytes(entry.name));
  } catch {
    return [];
  }
}

/** Paths of the cgroups below `root`, the cgroup v2 mount. Remembers what it saw, so that a cgroup that is gone still has its name. */
export class CgroupPaths {
  readonly #root: string;
  readonly #known = new Map<bigint, string>();
  readonly #missing = new Set<bigint>();

  constructor(root: string) {
    this.#root = root;
  }

  /** E.g. "/system.slice/nginx.service"; null when it is not to be found. `hint` is a path to try first, as /proc/PID/cgroup has it. */
  pathOf(id: bigint, hint: string | null): string | null {
    if (hint?.startsWith("/") && !hint.includes("/..") && folder(this.#root + hint)?.ino === id) {
      this.#remember(id, hint);
      return hint;
    }
    const known = this.#known.get(id);
    if (known !== undefined || this.#missing.has(id)) return known ?? null;
    this.#walk();
    const found = this.#known.get(id) ?? null;
    if (found === null) {
      /* One look over the tree for each id, not one for each question. */
      if (this.#missing.size >= MAX_KNOWN) this.#missing.clear();
      this.#missing.add(id);
    }
    return found;
  }

  #walk(): void {
    const waiting = [""];
    for (let seen = 0; waiting.length > 0 && seen < MAX_FOLDERS; seen += 1) {
      const path = waiting.shift() ?? "";
      const status = folder(this.#root + path);
      if (status === null) continue;
      this.#remember(status.ino, path === "" ? "/" : path);
      for (const name of foldersIn(this.#root + path)) waiting.push(`${path}/${name}`);
    }
  }

  #remember(id: bigint, path: string): void {
    this.#known.delete(id);
    if (this.#known.size >= MAX_KNOWN) {
      const oldest = this.#known.keys().next().value;
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(id, path);
  }
}

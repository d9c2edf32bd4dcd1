// SPDX-License-Identifier: Apache-2.0
/** A damaged database is never deleted: it may still tell somebody something. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync } from "node:fs";
import { dirname } from "node:path";

/** Makes renames in a folder last through a power cut. Throws what the file system says. */
export function syncFolder(folder: string | Buffer): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function freeName(path: string, nowMs: number): string {
  const name = `${path}.damaged-${new Date(nowMs).toISOString()}`;
  for (let n = 1; ; n += 1) {
    const free = n === 1 ? name : `${name}.${n}`;
    if (!existsSync(free)) return free;
  }
}

/** Renames a database with its -wal and -shm to `PATH.damaged-TIME` and returns that name. Throws what the file system says. */
export function setAside(path: string, nowMs: number): string {
  const aside = freeName(path, nowMs);
  for (const suffix of ["", "-wal", "-shm"]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  syncFolder(dirname(path));
  return aside;
}

// SPDX-License-Identifier: Apache-2.0
/** A small file system of its own for a folder, to be filled. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Room for a database and its log, and little more. */
const SIZE = "8m";

export type Disk = Disposable & { readonly fill: () => void; readonly empty: () => void };

/** Mounts a tmpfs at a folder, until it is disposed of. */
export function smallDisk(folder: string): Disk {
  mkdirSync(folder, { mode: 0o700 });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE},mode=700`, "holdfast-test", folder]);
  const ballast = join(folder, "ballast");
  return {
    fill() {
      const fd = openSync(ballast, "a");
      try {
        for (const size of [65536, 4096]) writeUntilFull(fd, size);
      } finally {
        closeSync(fd);
      }
    },
    empty: () => rmSync(ballast),
    [Symbol.dispose]: () => {
      /* A daemon may still have files open there. */
      execFileSync("umount", ["--lazy", folder]);
    },
  };
}

function writeUntilFull(fd: number, size: number): void {
  try {
    for (;;) writeSync(fd, new Uint8Array(size));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}

// SPDX-License-Identifier: Apache-2.0
/** Files that are there whole or not at all, whatever happens to the power. */
import { closeSync, fsync, fsyncSync, openSync, renameSync, writeFileSync, writevSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { syncFolder } from "./aside.ts";
import { problemOf, type StoreProblem } from "./problem.ts";

/** Where the new text stands until it is whole. A leftover is written over by the next one. */
export const temporaryName = (path: string): string => `${path}.new`;

/** A text, or the pieces of one. */
export type Content = string | Uint8Array | readonly Uint8Array[];
/** What one writev(2) takes (IOV_MAX, limits.h). */
const MOST_PIECES = 1024;

/** A new text beside the old one, on its way to the disk. */
export type Beside = {
  /** Puts it in the old one's place once it is on the disk, and has that last too. Returns what prevented it, or null. */
  readonly place: () => Promise<StoreProblem | null>;
  /** Leaves the old text. Resolves when another may be written. */
  readonly leave: () => Promise<void>;
};

const synced = promisify(fsync);

/** Writes all of `content`; pieces are one behind the other, without a copy of the whole. */
function writeAll(handle: number, content: Content): void {
  if (typeof content === "string" || content instanceof Uint8Array) {
    writeFileSync(handle, content);
    return;
  }
  for (let at = 0; at < content.length; at += MOST_PIECES) {
    const pieces = content.slice(at, at + MOST_PIECES);
    const written = writevSync(handle, pieces);
    /* A full disk shows as fewer bytes first, and as an error then. */
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (written < length) writeFileSync(handle, Buffer.concat(pieces).subarray(written));
  }
}

/** `writeDurably` in two steps, for whoever has something to do while the disk is busy. One at a time for each path. */
export function writeBeside(path: string, content: Content): Beside {
  const written = (async () => {
    const handle = openSync(temporaryName(path), "w", 0o600);
    try {
      writeAll(handle, content);
      await synced(handle);
    } finally {
      closeSync(handle);
    }
  })();
  /* Who does not wait for it must not end by it. */
  const ended = written.catch(() => {});
  return {
    place: async () => {
      try {
        await written;
        renameSync(temporaryName(path), path);
        syncFolder(dirname(path));
        return null;
      } catch (error) {
        return problemOf(error, path);
      }
    },
    leave: () => ended,
  };
}

/** Writes `path` anew (mode 0600): temporary file, fsync, rename, fsync of the folder. Returns what prevented it, or null; then the old text is still there. */
export function writeDurably(path: string, content: Content): StoreProblem | null {
  try {
    const handle = openSync(temporaryName(path), "w", 0o600);
    try {
      writeAll(handle, content);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(temporaryName(path), path);
    syncFolder(dirname(path));
    return null;
  } catch (error) {
    return problemOf(error, path);
  }
}

// SPDX-License-Identifier: Apache-2.0
/** Files that are there whole or not at all, whatever happens to the power. */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "./aside.ts";
import { problemOf, type StoreProblem } from "./problem.ts";

/** Where the new text stands until it is whole. A leftover is written over by the next one. */
export const temporaryName = (path: string): string => `${path}.new`;

async function sync(path: string, flags: string, content: string | Uint8Array | null): Promise<void> {
  const handle = await open(path, flags, 0o600);
  try {
    if (content !== null) await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** `writeDurably` while the caller does other things. One at a time for each path. */
export async function beginDurably(path: string, content: string | Uint8Array): Promise<StoreProblem | null> {
  try {
    await sync(temporaryName(path), "w", content);
    await rename(temporaryName(path), path);
    await sync(dirname(path), "r", null);
    return null;
  } catch (error) {
    return problemOf(error, path);
  }
}

/** Writes `path` anew (mode 0600): temporary file, fsync, rename, fsync of the folder. Returns what prevented it, or null; then the old text is still there. */
export function writeDurably(path: string, content: string | Uint8Array): StoreProblem | null {
  try {
    const handle = openSync(temporaryName(path), "w", 0o600);
    try {
      writeFileSync(handle, content);
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

// SPDX-License-Identifier: Apache-2.0
/** Reading paths that are bytes (contract/bytes.ts), and following symbolic links without being led into our own /proc. */
import { constants, readlinkSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { posix } from "node:path";
import { decodeBytes, encodeBytes } from "../contract/bytes.ts";

/** A path as Node takes it, byte for byte. */
export function rawPath(path: string): Buffer {
  return Buffer.from(encodeBytes(path));
}

/** The target of a symbolic link, "" when the file is there and is none, null when there is nothing to be had. */
export type ReadLink = (path: string) => string | null;

export function readLink(path: string): string | null {
  try {
    return decodeBytes(readlinkSync(rawPath(path), "buffer"));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EINVAL" ? "" : null;
  }
}

const MAX_LINKS = 40; /* as the kernel's MAXSYMLINKS */

/**
 * The absolute path with every symbolic link resolved, or null when there is no such file. Also null when the way leads through
 * /proc (as /dev/fd and /dev/stdin do): there a path means something else to each process, so what we would find is not what it opened.
 */
export function resolvePath(path: string, link: ReadLink = readLink): string | null {
  let waiting = path.split("/");
  let links = 0;
  let at = "";
  while (waiting.length > 0) {
    const part = waiting.shift() ?? "";
    if (part === "" || part === ".") continue;
    if (part === "..") {
      at = at === "" ? "" : posix.dirname(at).replace(/^\/$/, "");
      continue;
    }
    const next = `${at}/${part}`;
    if (next === "/proc") return null;
    const target = link(next);
    if (target === null) return null;
    if (target === "") {
      at = next;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return null;
    if (target.startsWith("/")) at = "";
    waiting = [...target.split("/"), ...waiting];
  }
  return at === "" ? "/" : at;
}

async function readUpTo(handle: FileHandle, limit: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  while (length < limit) {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(Math.min(65536, limit - length)));
    if (bytesRead === 0) break;
    parts.push(buffer.subarray(0, bytesRead));
    length += bytesRead;
  }
  return Buffer.concat(parts);
}

/** At most the first `limit` bytes of a file under /proc. Throws as open(2) and read(2) do. */
export async function readFirst(path: string, limit: number): Promise<Buffer> {
  const handle = await open(rawPath(path), constants.O_RDONLY);
  try {
    return await readUpTo(handle, limit);
  } finally {
    await handle.close();
  }
}

/**
 * A small regular file that somebody else may have put there: no link is followed at its end, no pipe waited for.
 * Null when it is not there, not a regular file, or larger than `limit` bytes.
 */
export async function readSmallFile(path: string, limit: number): Promise<Buffer | null> {
  try {
    const handle = await open(rawPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const status = await handle.stat();
      return status.isFile() && status.size <= limit ? await readUpTo(handle, limit) : null;
    } finally {
      await handle.close();
    }
  } catch {
    return null;
  }
}

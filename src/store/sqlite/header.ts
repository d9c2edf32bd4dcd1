// SPDX-License-Identifier: Apache-2.0
/** The first 100 bytes of a database file (https://www.sqlite.org/fileformat2.html, 1.3), read without SQLite: it would leave files beside it. */
import { closeSync, openSync, readSync } from "node:fs";

const MAGIC = "SQLite format 3\0";

/** Version and application id as the file itself has them; null when it is no SQLite database (an empty file included). Throws what the file system says. */
export function peek(path: string): { readonly version: number; readonly applicationId: number } | null {
  const bytes = Buffer.alloc(100);
  const handle = openSync(path, "r");
  try {
    if (readSync(handle, bytes, 0, bytes.length, 0) < bytes.length) return null;
  } finally {
    closeSync(handle);
  }
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) return null;
  return { version: bytes.readUInt32BE(60), applicationId: bytes.readUInt32BE(68) };
}

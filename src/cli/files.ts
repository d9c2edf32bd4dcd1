// SPDX-License-Identifier: Apache-2.0
/** Files named on the command line: read and written here, as the caller, never by the daemon. */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { decodeBytes, encodeBytes } from "../contract/bytes.ts";
import { Failure } from "../contract/failure.ts";
import { fileReason } from "../contract/file-reason.ts";

/** What the API takes in one request (daemon/api.ts), with room for the JSON around it. */
const LARGEST_BYTES = 12 * 1024 * 1024;

/** A file's text; bytes that are not UTF-8 as contract/bytes.ts keeps them. */
export function readText(path: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new Failure("bad-input", `Cannot read "${path}": ${fileReason(cause)}`, { cause });
  }
  if (bytes.length > LARGEST_BYTES) throw new Failure("bad-input", `Cannot read "${path}": it is longer than 12 MiB`);
  if (bytes.includes(0)) throw new Failure("bad-input", `Cannot read "${path}": it is no text, it has bytes that are zero`);
  return decodeBytes(bytes);
}

/** Writes a text; `mode` for a file that is new. */
export function writeText(path: string, text: string, options: { readonly mode: number }): void {
  try {
    writeFileSync(path, encodeBytes(text), { mode: options.mode });
  } catch (cause) {
    throw new Failure("failed", `Cannot write "${path}": ${fileReason(cause)}`, { cause });
  }
}

/** Whether there is a file, not a folder, at `path`. */
export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** The names of the files in a folder that end in `.json`, by name; null when `path` is no folder. */
export function jsonFilesOf(path: string): string[] | null {
  if (!(statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)) return null;
  try {
    return readdirSync(path)
      .filter((name) => name.endsWith(".json"))
      .toSorted();
  } catch (cause) {
    throw new Failure("bad-input", `Cannot read "${path}": ${fileReason(cause)}`, { cause });
  }
}

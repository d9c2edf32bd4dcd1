// SPDX-License-Identifier: Apache-2.0
/** The text of a blocklist on its way to the daemon: read as the caller, compressed. */
import { readFileSync } from "node:fs";
import { basename, extname } from "node:path";
import { gzipSync } from "node:zlib";
import { Failure } from "../contract/failure.ts";
import { fileReason } from "../contract/file-reason.ts";

/** What the API takes in one request (daemon/api.ts), with room for the JSON around it: lists of some millions of names. */
const LARGEST_CONTENT = 15 * 1024 * 1024;

/** A file's text as the API takes it. Throws `Failure("bad-input")`. */
export function listContent(path: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new Failure("bad-input", `Cannot read "${path}": ${fileReason(cause)}`, { cause });
  }
  const content = gzipSync(bytes).toString("base64");
  if (content.length > LARGEST_CONTENT) throw new Failure("bad-input", `Cannot use list "${path}": it is too long, even compressed`);
  return content;
}

/** The same of entries as rules write them. They are few: they stood in a file of rules. */
export function entriesContent(entries: readonly string[]): string {
  return gzipSync(entries.map((entry) => `${entry}\n`).join("")).toString("base64");
}

/** Whether a list comes from a file that can be read anew; one from an import of rules does not. */
export function isFileSource(source: string): boolean {
  return source.startsWith("/");
}

/** Whether a list is to be downloaded. */
export function isUrl(source: string): boolean {
  return /^https?:\/\//i.test(source) && URL.canParse(source);
}

/** What a list is called where nobody says: its file, or the server without one, as a name of a list may be. */
export function listNameOf(source: string): string {
  const { pathname, hostname } = isUrl(source) ? new URL(source) : { pathname: source, hostname: "" };
  const name = (basename(pathname, extname(pathname)) || hostname)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "")
    .slice(0, 64);
  if (name === "") throw new Failure("bad-input", `Cannot make a name for a list out of "${source}": give one with --name`);
  return name;
}

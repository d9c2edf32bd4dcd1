// SPDX-License-Identifier: Apache-2.0
/** What a format is: how its lines look, and what they mean. */
import { parseAddress } from "../contract/address.ts";
import type { Findings } from "./findings.ts";

/** A format read line by line. */
export type LineFormat = {
  /** Lines that say nothing. */
  readonly comment: RegExp;
  /** Whether a line, trimmed, looks like this format rather than another. */
  readonly claims: (line: string) => boolean;
  /** Reads one line, trimmed, not empty and no comment, into what was found. */
  readonly read: (line: string, into: Findings) => void;
};

/** Comment signs that start a line in most of these formats, and in files that mix them. */
export const COMMENT_LINE = /^(#|!|;|\/\/|\[)/;

/** The line without what follows `#` (or `;`) after a blank. */
export function withoutComment(line: string): string {
  const sign = /[\t ][#;]/.exec(line);
  return sign === null ? line : line.slice(0, sign.index).trimEnd();
}

/** Addresses with which lists say "nowhere": unspecified and loopback ones. "0" is how some write 0.0.0.0 (inet_aton). */
export function isNowhere(text: string): boolean {
  if (text === "0.0.0.0" || text === "127.0.0.1" || text === "0" || text === "::" || text === "::1") return true;
  const address = parseAddress(text);
  return address !== null && (address.family === 4 ? address.value >> 24n === 127n || address.value === 0n : address.value <= 1n);
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Addresses, CIDR prefixes and `first-last` ranges, one a line (Spamhaus DROP, FireHOL's .netset, blocklist.de). `;` and `#` begin a
 * comment, behind an entry too.
 */
import { COMMENT_LINE, type LineFormat, withoutComment } from "./format.ts";
import { readRange } from "./words.ts";

export const addresses: LineFormat = {
  comment: COMMENT_LINE,
  claims: (line) => readRange(withoutComment(line)) !== null,
  read: (line, into) => into.range(withoutComment(line)),
};

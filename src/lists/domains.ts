// SPDX-License-Identifier: Apache-2.0
/**
 * One name a line. A plain name is a host, nothing below it: so read Pi-hole ("exact" entries of gravity) and AdGuard Home ("Domains-only
 * syntax", wiki Hosts-Blocklists), and those who publish such lists name each host. `*.x` and `.x` are the domain, x included: lists that
 * are published "with wildcards" leave x out when they have `*.x` (HaGeZi's "Wildcard Asterisk", OISD's "domainswild"), and those who
 * read them take it so. (A rule's own `*.x` is below only; exceptions are written as in rules.)
 */
import type { Findings } from "./findings.ts";
import { COMMENT_LINE, type LineFormat, withoutComment } from "./format.ts";

const NAME = /^[a-z0-9_\u0080-\uffff-]+(\.[a-z0-9_\u0080-\uffff-]+)*\.?$/i;
const LAST_IS_NUMBER = /(^|\.)\d+\.?$/;

function readWith(plain: (name: string, into: Findings) => void): LineFormat["read"] {
  return (line, into) => {
    const text = withoutComment(line);
    if (text.startsWith("*.")) into.domain(text.slice(2));
    else if (text.startsWith(".")) into.domain(text.slice(1));
    else if (!/^[\d.]+(\/|-|$)|:/.test(text) || !into.entries.range(text)) plain(text, into);
  };
}

const isName = (line: string): boolean => {
  const text = withoutComment(line);
  return NAME.test(text) && !LAST_IS_NUMBER.test(text);
};

/** Plain names: hosts. Addresses among them, as lists of malware sites have, are taken as such. */
export const domains: LineFormat = { comment: COMMENT_LINE, claims: isName, read: readWith((name, into) => into.host(name)) };

/** The same; most lines are `*.x`. */
export const wildcards: LineFormat = { comment: COMMENT_LINE, claims: (line) => /^\*?\.[^./*]/.test(line), read: domains.read };

/** Plain names that mean the domain ("Wildcard Domains" lists): looks like `domains`, so it is never detected, only asked for. */
export const suffixes: LineFormat = { comment: COMMENT_LINE, claims: () => false, read: readWith((name, into) => into.domain(name)) };

// SPDX-License-Identifier: Apache-2.0
/**
 * The domain rules of Adblock lists (Adblock Plus "How to write filters"; AdGuard "DNS filtering syntax"). `||x^` is x and everything
 * below it, `||*.x^` only what is below; `@@` before it is an exception. Rules about a path, a part of a page, or requests of one kind
 * or site are counted as not applicable: a firewall cannot tell those apart, and blocking all of x instead would break it.
 */
import type { Findings } from "./findings.ts";
import type { LineFormat } from "./format.ts";
import { readRange } from "./words.ts";

/** Options that leave the whole of a domain in place: stronger, or all requests, or the page itself. `third-party` does not. */
const WHOLE = new Set(["important", "all", "document", "doc"]);
/** An exception for a page (`document`) is one for what others load there too: not for x. */
const WHOLE_EXCEPTION = new Set(["important"]);

const RULE = /^(@@)?\|\|(\*\.)?([^/^$|*]+)(\^\|?|\|)?(?:\$(.*))?$/;
/** Rules about parts of a page: element hiding, extended CSS, snippets, AdGuard's CSS, scripts and HTML. A row of # is a comment. */
const COSMETIC = /(^|[^#])#[@?$%]{0,3}#{1,2}[^#\s]|\$@?\$/;

function readRule(rule: RegExpExecArray, into: Findings): void {
  const [, exception, below, name = "", end, options = ""] = rule;
  const whole = exception === undefined ? WHOLE : WHOLE_EXCEPTION;
  /* Without an end `||x` matches names that only begin with x. */
  if (end === undefined || (options !== "" && !options.split(",").every((option) => whole.has(option)))) into.skip();
  else if (readRange(name) !== null) (exception === undefined ? into.entries : into.exceptions).range(name);
  else if (exception === undefined) below === undefined ? into.domain(name) : into.below(name);
  else below === undefined ? into.exceptDomain(name) : into.exceptBelow(name);
}

export const adblock: LineFormat = {
  comment: /^(!|\[|#(?![@?$%]{0,3}#{1,2}[^#\s]))/,
  claims: (line) => /^(@@)?\|/.test(line) || COSMETIC.test(line),
  read: (line, into) => {
    const rule = COSMETIC.test(line) ? null : RULE.exec(line);
    if (rule === null) into.skip();
    else readRule(rule, into);
  },
};

// SPDX-License-Identifier: Apache-2.0
/** Text as a rule shows it: bare where it is plain, else in quotes with everything that is not safe to show escaped. */
import { visible } from "../contract/bytes.ts";

const PLAIN = /^[\p{L}\p{N}_./:@+=~%-]+$/u;
const PLAIN_PATTERN = /^[\p{L}\p{N}_./:@+=~%*-]+$/u;

/** Always in quotes. `star`: a * means itself and is escaped, because a bare one would be a wildcard. */
export function quoted(text: string, star: boolean): string {
  return `"${visible(text.replace(star ? /["\\*]/g : /["\\]/g, "\\$&"))}"`;
}

/** A value in a rule: a "name" holds no wildcards, a "pattern" does. */
export function value(text: string, kind: "name" | "pattern"): string {
  if ((kind === "name" ? PLAIN : PLAIN_PATTERN).test(text)) return text;
  return quoted(text, kind === "name");
}

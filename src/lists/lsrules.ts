// SPDX-License-Identifier: Apache-2.0
/**
 * The blocklist keys of .lsrules (Little Snitch Help, "The .lsrules file format"): `denied-remote-hosts` are hosts, `-domains` domains with
 * everything below, `-addresses` addresses, prefixes and ranges. The `rules` of such a file are imported as rules, not here.
 */
import type { Findings } from "./findings.ts";

type Take = (text: string, into: Findings) => void;

const DENIED: Readonly<Record<string, Take>> = {
  "denied-remote-hosts": (text, into) => into.host(text),
  "denied-remote-domains": (text, into) => into.domain(text),
  "denied-remote-addresses": (text, into) => into.range(text),
};

/** Line numbers of strings that come in the order of the text: looked for from where the last one was. */
class Lines {
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  /** The line of the next place of `json`; the last line found when it is written another way. */
  of(json: string): number {
    const found = this.#text.indexOf(json, this.#at);
    if (found < 0) return this.#line;
    for (; this.#at < found; this.#at++) if (this.#text.charCodeAt(this.#at) === 10) this.#line++;
    return this.#line;
  }
}

/** The object of such a file, or why there is none. */
function parseObject(text: string): { found: object } | { problem: string } {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null ? { found } : { problem: "not an object: expected an .lsrules file" };
  } catch (error) {
    return { problem: `not JSON (${error instanceof Error ? error.message : error}): expected an .lsrules file` };
  }
}

/** Whether a text is one of these files rather than a list of lines. */
export function looksLikeLsrules(text: string): boolean {
  return /^\s*\{/.test(text);
}

function readDenied(values: readonly unknown[], take: Take, lines: Lines, into: Findings): void {
  for (const value of values) {
    const json = JSON.stringify(value);
    into.at(lines.of(json), json);
    if (typeof value === "string") take(value.trim(), into);
    else into.wrong("not a text: expected a name or an address in quotes");
  }
}

function readKeys(file: object, lines: Lines, into: Findings): void {
  for (const [key, held] of Object.entries(file)) {
    const take = Object.hasOwn(DENIED, key) ? DENIED[key] : undefined;
    const values = Array.isArray(held) ? held : [held];
    if (take !== undefined) readDenied(values, take, lines, into);
    else if (key === "rules") for (const _ of values) into.skip();
  }
}

/** Reads the whole text. */
export function readLsrules(text: string, into: Findings): void {
  const parsed = parseObject(text);
  into.at(1, text);
  if ("found" in parsed) readKeys(parsed.found, new Lines(text), into);
  else into.wrong(parsed.problem);
}

// SPDX-License-Identifier: Apache-2.0
/** A blocklist in any of the formats people publish -> entries, exceptions and a report. */
import { adblock } from "./adblock.ts";
import { addresses } from "./addresses.ts";
import { dnsmasq } from "./dnsmasq.ts";
import { domains, suffixes, wildcards } from "./domains.ts";
import { type Entries, entryCount } from "./entries.ts";
import { Findings, type Junk } from "./findings.ts";
import type { LineFormat } from "./format.ts";
import { hosts } from "./hosts.ts";
import { eachLine } from "./lines.ts";
import { looksLikeLsrules, readLsrules } from "./lsrules.ts";
import { unbound } from "./unbound.ts";

/** In the order in which equal claims are settled: first what takes more of the others' lines. Of plain lines Adblock takes none. */
const LINE_FORMATS = { dnsmasq, unbound, hosts, wildcards, domains, addresses, adblock, suffixes } satisfies Record<string, LineFormat>;

type LineFormatName = keyof typeof LINE_FORMATS;
export type FormatName = LineFormatName | "lsrules";
export const FORMAT_NAMES = [...(Object.keys(LINE_FORMATS) as LineFormatName[]), "lsrules"] as const satisfies readonly FormatName[];

export type ListReport = {
  readonly format: FormatName;
  /** Distinct names and address ranges. */
  readonly entries: number;
  /** How often a name or a range came again. */
  readonly duplicates: number;
  /** Distinct names and ranges this list takes out again. */
  readonly exceptions: number;
  /** What is right in its format, but about something else than a whole host, domain or address. */
  readonly notApplicable: number;
  /** The first hundred. */
  readonly junk: readonly Junk[];
  readonly junkCount: number;
};

/** Plain data: it may be sent to another thread. */
export type ParsedList = { readonly entries: Entries; readonly exceptions: Entries; readonly report: ListReport };

/** Lines that say what the format is. */
const SAMPLE = 2000;
const SAMPLE_BYTES = 256 * 1024;

/** The format most lines of the beginning look like. */
export function detectFormat(bytes: Uint8Array): FormatName {
  const start = new TextDecoder().decode(bytes.subarray(0, SAMPLE_BYTES));
  if (looksLikeLsrules(start)) return "lsrules";
  if (/^\s*\[(adblock|ublock|adguard)/i.test(start)) return "adblock";
  const sample = start.split("\n", SAMPLE).map((line) => line.trim());
  let best: FormatName = "domains";
  let most = 0;
  for (const name of Object.keys(LINE_FORMATS) as LineFormatName[]) {
    const claimed = sample.filter(LINE_FORMATS[name].claims).length;
    if (claimed > most) [best, most] = [name, claimed];
  }
  return best;
}

function readLines(bytes: Uint8Array, format: LineFormat, into: Findings): void {
  eachLine(bytes, (text, number) => {
    const line = text.trim();
    if (line === "" || format.comment.test(line)) return;
    into.at(number, line);
    format.read(line, into);
  });
}

/** Reads a list, UTF-8. Never throws for what is in it: what is no entry is counted and listed. `format` null: as it looks. */
export function parseList(bytes: Uint8Array, options: { readonly format?: FormatName | null } = {}): ParsedList {
  const format = options.format ?? detectFormat(bytes);
  const found = new Findings();
  if (format === "lsrules") readLsrules(new TextDecoder().decode(bytes), found);
  else readLines(bytes, LINE_FORMATS[format], found);
  const { entries, duplicates } = found.entries.finish();
  const exceptions = found.exceptions.finish().entries;
  const { notApplicable, junk, junkCount } = found;
  const counts = { entries: entryCount(entries), duplicates, exceptions: entryCount(exceptions), notApplicable };
  return { entries, exceptions, report: { format, ...counts, junk, junkCount } };
}

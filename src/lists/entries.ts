// SPDX-License-Identifier: Apache-2.0
/** Entries: names and address ranges, of a list or taken out of one. */
import { BELOW, BOTH, type Reach, SELF } from "./classes.ts";
import { NameCollector, type NameList } from "./names.ts";
import { RangeCollector, type RangeList } from "./ranges.ts";
import { readRange } from "./words.ts";

/** Plain data: it may be sent to another thread. */
export type Entries = { readonly names: NameList; readonly ranges: RangeList };

/** Distinct names and ranges. */
export function entryCount({ names, ranges }: Entries): number {
  return names.count + ranges.v4.length / 2 + ranges.v6.length / 8;
}

export class EntryCollector {
  readonly #names = new NameCollector();
  readonly #ranges = new RangeCollector();
  #known = 0;

  /** Whether `text` is a host name, and so taken. */
  name(text: string, reach: Reach): boolean {
    const added = this.#names.add(text, reach);
    if (added === "known") this.#known++;
    return added !== null;
  }

  /** Whether `text` is an address, a prefix or a range, and so taken. */
  range(text: string): boolean {
    const range = readRange(text);
    if (range !== null) this.#ranges.add(range);
    return range !== null;
  }

  /** An entry as the rule language writes it (`entryText`), a range included: the text that `list:N` shows for what it matched. */
  entry(text: string): boolean {
    if (text.startsWith("*.")) return this.name(text.slice(2), BELOW);
    if (text.startsWith(".")) return this.name(text.slice(1), BOTH);
    return this.range(text) || this.name(text, SELF);
  }

  /** What was collected; `duplicates`: how often something was added that was here already. */
  finish(): { entries: Entries; duplicates: number } {
    const { ranges, duplicates } = this.#ranges.list();
    return { entries: { names: this.#names.list(), ranges }, duplicates: this.#known + duplicates };
  }
}

/** Entries from their texts. A text that is none is returned in `wrong`. */
export function readEntries(texts: readonly string[]): { entries: Entries; wrong: string[] } {
  const collector = new EntryCollector();
  const wrong = texts.filter((text) => !collector.entry(text));
  return { entries: collector.finish().entries, wrong };
}

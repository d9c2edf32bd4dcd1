// SPDX-License-Identifier: Apache-2.0
/** How reading a rule stops: at a column, with a sentence. Never leaves this folder: parse.ts turns it into a `Problem`. */
import { visible } from "../contract/bytes.ts";

export class Stop extends Error {
  override readonly name = "Stop";
  readonly column: number;

  constructor(column: number, message: string) {
    super(message);
    this.column = column;
  }
}

/** A word as messages quote it. */
export function shown(text: string): string {
  return `"${visible(text)}"`;
}

/** Edits from `a` to `b`: insert, remove, replace, swap neighbours (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, at(i - 2, j - 2) + 1);
      row.push(best);
    }
  }
  return at(a.length, b.length);
}

/** The word of `options` that `text` was probably meant to be, or null. One slip in short words, two in long ones. */
export function nearest(text: string, options: readonly string[]): string | null {
  let best: string | null = null;
  let least = text.length <= 4 ? 1 : 2;
  if (text.length > 40) return null;
  for (const option of options) {
    const d = distance(text.toLowerCase(), option);
    if (d < least || (d === least && best === null)) {
      best = option;
      least = d;
    }
  }
  return best;
}

/** `; did you mean "allow"?`, or nothing. */
export function suggestion(text: string, options: readonly string[]): string {
  const best = nearest(text, options);
  return best === null ? "" : `; did you mean "${best}"?`;
}

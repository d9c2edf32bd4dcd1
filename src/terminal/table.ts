// SPDX-License-Identifier: Apache-2.0
/** Columns of text, aligned as a terminal shows them. */

/** East Asian wide and emoji (UAX #11, the blocks that matter); combining marks take no room. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;
const NO_ROOM = /\p{Mark}|\p{Format}/u;

/** How many terminal cells a text takes. */
export function cells(text: string): number {
  let total = 0;
  for (const character of text) total += NO_ROOM.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return total;
}

/** The start of a text that fits into `room` cells, ending in "…" when something is cut. */
export function fit(text: string, room: number): string {
  if (cells(text) <= room) return text;
  let kept = "";
  let used = 1;
  for (const character of text) {
    used += cells(character);
    if (used > room) break;
    kept += character;
  }
  return room < 1 ? "" : `${kept}…`;
}

export type Column = {
  readonly title: string;
  readonly right?: true /** Gives way first when the terminal is narrow. */;
  readonly shrink?: true;
};

const GAP = 2;
const NARROWEST = 8;

/** Lines of a table with its titles. `width` in cells; null (no terminal) cuts nothing. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: { readonly width: number | null },
): string[] {
  const widths = columns.map((column, i) => rows.reduce((widest, row) => Math.max(widest, cells(row[i] ?? "")), cells(column.title)));
  if (options.width !== null) shrink(columns, widths, options.width);
  const line = (row: readonly string[]): string =>
    columns
      .map((column, i) => {
        const text = fit(row[i] ?? "", widths[i] ?? 0);
        const space = " ".repeat((widths[i] ?? 0) - cells(text));
        return column.right ? space + text : text + space;
      })
      .join(" ".repeat(GAP))
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)];
}

function shrink(columns: readonly Column[], widths: number[], width: number): void {
  let excess = widths.reduce((sum, each) => sum + each + GAP, -GAP) - width;
  while (excess > 0) {
    let widest = -1;
    columns.forEach((column, i) => {
      if (column.shrink && (widths[i] ?? 0) > Math.max(NARROWEST, widths[widest] ?? 0)) widest = i;
    });
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
}

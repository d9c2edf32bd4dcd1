// SPDX-License-Identifier: Apache-2.0
/** What the guest says to the host, one JSON object a line on its second serial port. */

export type Line =
  /** Something measured, to be shown. */
  | { readonly kind: "fact"; readonly name: string; readonly value: string }
  /** A check has ended; `error` is null when it passed. */
  | { readonly kind: "check"; readonly name: string; readonly ms: number; readonly error: string | null }
  /** Every check has run. Without it the guest did not reach its end. */
  | { readonly kind: "end" };

/** A line of the serial port; null for what is none of ours. */
export function parseLine(text: string): Line | null {
  if (!text.startsWith('{"kind":')) return null;
  return JSON.parse(text) as Line;
}

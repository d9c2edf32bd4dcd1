// SPDX-License-Identifier: Apache-2.0
/** How many of something, in words. */

/** `many`: the plural where it is not the noun and an s. `grouped`: "4,096" rather than "4096". */
export type CountOptions = { readonly many?: string; readonly grouped?: boolean };

/** "1 rule", "2 rules". */
export function count(number: number, noun: string, { many = `${noun}s`, grouped = false }: CountOptions = {}): string {
  return `${grouped ? number.toLocaleString("en-US") : number} ${number === 1 ? noun : many}`;
}

/** "1 line is", "2 lines are": one, or several, with its verb. */
export function countIs(number: number, noun: string, options: CountOptions = {}): string {
  return `${count(number, noun, options)} ${number === 1 ? "is" : "are"}`;
}

// SPDX-License-Identifier: Apache-2.0
/** Lengths of time as people write them: `90s`, `15m`, `2h`, `1d`. */
import { Failure } from "../contract/failure.ts";

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400 };
/** A hundred years: beyond it, times no longer fit everywhere. */
const LONGEST_SECONDS = 36500 * 86400;

/** A duration in seconds. Throws `Failure("bad-input")`. */
export function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const seconds = Number(digits) * (UNIT_SECONDS[unit ?? ""] ?? Number.NaN);
  if (Number.isNaN(seconds) || seconds === 0) {
    throw new Failure("bad-input", `Cannot read duration "${text}": expected a number and s, m, h or d, as in 15m`);
  }
  if (seconds > LONGEST_SECONDS) throw new Failure("bad-input", `Cannot read duration "${text}": the longest is 36500d`);
  return seconds;
}

/** A length of time as `parseDuration` reads it, in the largest unit that fits. */
export function durationWords(seconds: number): string {
  const unit = ["d", "h", "m"].find((each) => seconds % (UNIT_SECONDS[each] ?? 1) === 0) ?? "s";
  return `${seconds / (UNIT_SECONDS[unit] ?? 1)}${unit}`;
}

// SPDX-License-Identifier: Apache-2.0
import type { BenchReport } from "../../src/contract/local.ts";

export type Row = BenchReport["rows"][number];

/** A row with its goal; `missed` says why where it is missed. */
export function row(measure: string, goal: string, value: string, met: boolean | null, missed?: string): Row {
  return { measure, goal, value, met, reason: met === true ? null : (missed ?? null) };
}

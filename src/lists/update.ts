// SPDX-License-Identifier: Apache-2.0
/** Whether a new version of a list replaces the one in force. */
import { count, countIs } from "../contract/count.ts";
import type { ListReport } from "./parse.ts";

/** A new version that was read, or why there is none. */
export type NewVersion = { readonly ok: true; readonly report: ListReport } | { readonly ok: false; readonly problem: string };

export type Judgement = { readonly accepted: true } | { readonly accepted: false; readonly why: string };

const ENTRIES = { many: "entries", grouped: true };

function emptyBecause({ format, junk, junkCount, notApplicable }: ListReport): string {
  const [first] = junk;
  if (first !== undefined)
    return `${countIs(junkCount, "line", { grouped: true })} junk as ${format}, the first is line ${first.line}: ${first.why}`;
  if (notApplicable > 0)
    return `its ${countIs(notApplicable, "rule", { grouped: true })} about something else than whole hosts, domains or addresses`;
  return "it has no entries";
}

/**
 * Judges a new version against the entries of the one in force (null: there is none). A version that could not be fetched, that is empty,
 * or that lost over half the entries is not taken; `why` is a sentence that says what stays in force.
 */
export function judgeUpdate(previous: number | null, version: NewVersion): Judgement {
  const kept = previous === null ? "" : `; the version with ${count(previous, "entry", ENTRIES)} stays in force`;
  if (!version.ok) return { accepted: false, why: `Cannot update the list: ${version.problem}${kept}` };
  const { report } = version;
  if (report.entries === 0) return { accepted: false, why: `Cannot use this list: ${emptyBecause(report)}${kept}` };
  if (previous !== null && report.entries * 2 < previous)
    return { accepted: false, why: `The new version has only ${count(report.entries, "entry", ENTRIES)}, over half are gone${kept}` };
  return { accepted: true };
}

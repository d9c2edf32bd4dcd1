// SPDX-License-Identifier: Apache-2.0
/** Counts what node:test reports: tests, not the suites and tests that only hold others. */

/** The part of node:test's events that counting needs (nodejs.org/api/test.html, "Class: TestsStream"). */
export type TestEvent = {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly nesting?: number;
    readonly file?: string;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly details?: { readonly type?: string; readonly error?: { readonly failureType?: string } };
  };
};

export type Skipped = { readonly name: string; readonly reason: string };
export type Tally = { readonly passed: number; readonly failed: number; readonly skipped: readonly Skipped[] };

export const NOTHING: Tally = { passed: 0, failed: 0, skipped: [] };

export function add(a: Tally, b: Tally): Tally {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: [...a.skipped, ...b.skipped] };
}

/**
 * The tally of one file. A suite, or a test with subtests, counts only when it fails by itself (a hook, its own code) or is skipped as a
 * whole. The test node:test makes of the file itself counts when it fails: the file crashed, hung, or does not parse.
 */
export function tally(events: readonly TestEvent[], file: string): Tally {
  const names: string[] = [];
  const skipped: Skipped[] = [];
  let passed = 0;
  let failed = 0;
  let deepest = -1;
  for (const { type, data } of events) {
    const nesting = data.nesting ?? 0;
    if (type === "test:start") names[nesting] = data.name ?? "";
    if (type !== "test:pass" && type !== "test:fail") continue;
    const holdsOthers = data.details?.type === "suite" || deepest > nesting || data.name === file;
    deepest = nesting;
    const reason = data.skip ?? data.todo;
    if (type === "test:fail") {
      if (data.details?.error?.failureType !== "subtestsFailed") failed += 1;
    } else if (reason !== undefined && reason !== false) {
      skipped.push({
        name: [...names.slice(0, nesting), data.name].join(" > "),
        reason: typeof reason === "string" && reason !== "" ? reason : "no reason given",
      });
    } else if (!holdsOthers) passed += 1;
  }
  return { passed, failed, skipped };
}

/** The last line of a run. */
export function summaryLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`;
}

// SPDX-License-Identifier: Apache-2.0
/** Runs one test file in a process of its own. */
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { type Tally, type TestEvent, tally } from "./tally.ts";

export type FileRun = { readonly tally: Tally /** The readable report, without node:test's own totals. */; readonly report: string };

/** `file` is absolute; `testName` runs only tests whose name contains it; after `timeoutMs` the file is ended and counts as failed. */
export async function runFile(file: string, options: { readonly testName: string | null; readonly timeoutMs: number }): Promise<FileRun> {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const testNamePatterns = options.testName === null ? [] : [new RegExp(RegExp.escape(options.testName), "i")];
  const events: TestEvent[] = [];
  for await (const event of run({ files: [file], signal: deadline, testNamePatterns })) events.push(event as TestEvent);
  const counted = tally(events, file);
  const shown = events.filter(({ type, data }) => type !== "test:summary" && !(type === "test:diagnostic" && data.file === undefined));
  return { tally: counted, report: await text(Readable.from(shown).compose(new spec())) };
}

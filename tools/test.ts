// SPDX-License-Identifier: Apache-2.0
/**
 * `holdfast test [NAME] [--long]`: runs every test; NAME picks the files whose path contains it, or, where there is none, the tests whose
 * name does. The last line is `N passed, N failed`, with `, N skipped` where there are any. Exit 1 when a test failed or none ran.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { projectFiles, ROOT } from "./files.ts";
import { leftovers, RUN_VARIABLE, snapshot } from "./leftovers.ts";
import { runFile } from "./run-file.ts";
import { add, NOTHING, summaryLine, type Tally } from "./tally.ts";

const USAGE = `Usage: holdfast test [NAME] [--long]

Runs every test; without root those that need none, naming the rest. NAME picks the files whose path contains it, or, where there is none, the
tests whose name does. --long tries more cases in property tests and waits longer.`;
const MINUTE_MS = 60_000;

function readArguments(): { name: string | null; long: boolean } {
  try {
    const { values, positionals } = parseArgs({
      options: { long: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
      allowPositionals: true,
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    if (positionals.length > 1) throw new Error(`Unexpected "${positionals[1]}": expected one NAME at most`);
    return { name: positionals[0] ?? null, long: values.long };
  } catch (error) {
    const { message } = error as Error;
    /* Node's words about an unknown option go on with how to write a NAME that looks like one. */
    console.error(`holdfast test: ${message.split(". ")[0]}\n\n${USAGE}`);
    process.exit(2);
  }
}

/** Runs the files, so many at a time, and prints each one's report when it has ended. */
async function runFiles(files: readonly string[], atOnce: number, options: Parameters<typeof runFile>[1]): Promise<Tally> {
  let total = NOTHING;
  const queue = [...files];
  const worker = async (): Promise<void> => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      const { tally, report } = await runFile(join(ROOT, path), options);
      const none = tally.passed + tally.failed + tally.skipped.length === 0;
      if (none && options.testName !== null) continue;
      console.log(`\n${path}\n${none ? "✖ has no tests" : report.trimEnd()}`);
      const skipped = tally.skipped.map(({ name, reason }) => ({ name: `${path}: ${name}`, reason }));
      total = add(total, { ...tally, failed: tally.failed + (none ? 1 : 0), skipped });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return total;
}

/** A test's name is written in its file, whole or with parts put in: only where no file has it whole is every file looked through. */
function filesThatMention(testName: string): string[] {
  const mention = all.filter((path) => readFileSync(join(ROOT, path), "utf8").toLowerCase().includes(testName.toLowerCase()));
  return mention.length > 0 ? mention : all;
}

const { name, long } = readArguments();
const all = projectFiles(["{src,test,tools}/**/*.test.ts"]);
const byPath = name === null ? all : all.filter((path) => path.includes(name));
const testName = byPath.length > 0 ? null : name;
const files = testName === null ? byPath : filesThatMention(testName);
/* Who names one file waits for it, also for one that runs only with --long or when it is asked for. */
const named = name !== null && byPath.length === 1;
const options = { testName, timeoutMs: (long || named ? 60 : 5) * MINUTE_MS };
const isWorld = (path: string): boolean => path.startsWith("test/");

const run = `${process.pid}`;
process.env[RUN_VARIABLE] = run;
if (long) process.env.HOLDFAST_LONG = "1";
if (named) process.env.HOLDFAST_NAMED = "1";
const before = snapshot(run);

/* Tests of the world (namespaces, cgroups, packets on time) run one by one; the others two at a time. */
let total = await runFiles(
  files.filter((path) => !isWorld(path)),
  2,
  options,
);
total = add(total, await runFiles(files.filter(isWorld), 1, options));

const left = await leftovers(before, run);
if (left.length > 0) {
  total = add(total, { ...NOTHING, failed: 1 });
  console.log(`\n✖ nothing is left behind\n${left.map((thing) => `  ${thing}`).join("\n")}`);
}
if (total.skipped.length > 0)
  console.log(`\nSkipped:\n${total.skipped.map(({ name: test, reason }) => `  ${test}: ${reason}`).join("\n")}`);
if (total.passed + total.failed === 0) console.log(`\nNo test ran${name === null ? "" : `: no file and no test is called "${name}"`}`);
console.log(`\n${summaryLine(total)}`);
process.exitCode = total.failed > 0 || total.passed + total.failed === 0 ? 1 : 0;

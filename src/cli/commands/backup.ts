// SPDX-License-Identifier: Apache-2.0
/** `backup`, `restore`: rules, settings and lists as one JSON file, written and read by the caller; so are lists that come from files. */

import type { Command } from "commander";
import type { Backup, ReplyOf } from "../../contract/api.ts";
import { count, countIs } from "../../contract/count.ts";
import { FAILURES, Failure } from "../../contract/failure.ts";
import type { Context } from "../context.ts";
import { readText, writeText } from "../files.ts";
import { callersPath } from "../read.ts";
import type { RestoredList } from "../restore-lists.ts";

export function addBackup(program: Command, context: Context): void {
  program
    .command("backup")
    .description("Write rules, settings and lists to one JSON file: of lists where they come from, not what is on them.")
    .argument("<file>", "where to write")
    .action(async (file: string) => {
      const backup = await context.client().backup({});
      writeText(callersPath(file), `${JSON.stringify(backup, null, 2)}\n`, { mode: 0o600 });
      const { length: rules } = backup.rules;
      const { length: lists } = backup.lists;
      context.output.reply(
        { schema: 1, file: callersPath(file), rules, lists },
        () => `Wrote ${count(rules, "rule")}, ${count(lists, "list")} and the settings to ${file}`,
      );
    });
  program
    .command("restore")
    .description(
      "Put the rules and settings of a backup in the place of what there is, and add its lists, read or downloaded anew. Other lists stay.",
    )
    .argument("<file>", "a file written by backup")
    .action(async (file: string) => {
      const backup = readBackup(file);
      const reply = await context.client().restore(backup);
      const { restoreLists } = await import("../restore-lists.ts");
      const lists = await restoreLists(context.client(), backup.lists);
      context.output.reply({ ...reply, lists }, () => restoredLines(reply, lists));
      for (const { name, outcome, problem } of lists) {
        if (problem === null) continue;
        context.exit = FAILURES.failed.exit;
        context.output.error(`List ${name} ${outcome === "there" ? "is not as in the backup" : "is not there"}: ${problem}`);
      }
    });
}

function restoredLines({ rules, settings, revision }: ReplyOf<"restore">, lists: readonly RestoredList[]): string[] {
  const there = lists.filter(({ outcome }) => outcome === "there").length;
  const added = lists.filter(({ outcome }) => outcome === "added").length;
  return [
    `Restored ${count(rules, "rule")} and ${count(settings, "setting")} (revision ${revision})`,
    ...(added > 0 ? [`Added ${count(added, "list")}`] : []),
    ...(there > 0 ? [`${countIs(there, "list")} there already; "holdfast lists update" reads them anew`] : []),
  ];
}

/** The daemon checks every field; here only what gives a clearer sentence. */
function readBackup(file: string): Backup {
  let value: unknown;
  try {
    value = JSON.parse(readText(callersPath(file)));
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("bad-input", `Cannot read "${file}": it is no JSON; expected a file written by "holdfast backup"`, { cause: error });
  }
  if (typeof value !== "object" || value === null || !("kind" in value) || value.kind !== "holdfast-backup") {
    throw new Failure("bad-input", `Cannot read "${file}": it is no backup; expected a file written by "holdfast backup"`);
  }
  return value as Backup;
}

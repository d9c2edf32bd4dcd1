// SPDX-License-Identifier: Apache-2.0
/** `backup`, `restore`: rules, settings and lists as one JSON file, written and read by the caller. */

import type { Command } from "commander";
import type { Backup } from "../../contract/api.ts";
import { count } from "../../contract/count.ts";
import { Failure } from "../../contract/failure.ts";
import type { Context } from "../context.ts";
import { readText, writeText } from "../files.ts";
import { callersPath } from "../read.ts";

export function addBackup(program: Command, context: Context): void {
  program
    .command("backup")
    .description("Write rules, settings and lists to one JSON file.")
    .argument("<file>", "where to write")
    .action(async (file: string) => {
      const backup = await context.client().backup({});
      writeText(callersPath(file), `${JSON.stringify(backup, null, 2)}\n`, { mode: 0o600 });
      const rules = backup.rules.length;
      context.output.reply(
        { schema: 1, file: callersPath(file), rules },
        () => `Wrote ${count(rules, "rule")} and the settings to ${file}`,
      );
    });
  program
    .command("restore")
    .description("Put the rules, settings and lists of a backup in the place of what there is.")
    .argument("<file>", "a file written by backup")
    .action(async (file: string) => {
      const reply = await context.client().restore(readBackup(file));
      context.output.reply(
        reply,
        () => `Restored ${count(reply.rules, "rule")} and ${count(reply.settings, "setting")} (revision ${reply.revision})`,
      );
    });
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

// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import type { Mode } from "../../contract/connection.ts";
import type { Context } from "../context.ts";
import { callersPath, oneOf } from "../read.ts";

type Flags = { mode: Mode; rules: string[]; save?: string; summary?: string };

export function addRun(program: Command, context: Context): void {
  program
    .command("run")
    .description("Run one command under rules of its own, as you, with no daemon before or after.")
    .usage("[options] -- COMMAND...")
    .option("--mode <mode>", "what happens where no rule matches: ask, deny or allow", oneOf("mode", ["ask", "deny", "allow"]), "ask")
    .option("--rules <file>", "a rule file; may be given again", (file: string, files: string[]) => [...files, callersPath(file)], [])
    .option("--save <file>", "write the answers as a rule file, for --mode deny --rules FILE", callersPath)
    .option("--summary <file>", "write the summary here, as JSON, instead of to standard error", callersPath)
    .argument("<command...>", "the command and its arguments")
    .addHelpText(
      "after",
      `
Questions use the terminal itself, and COMMAND stands still while one is open; without a terminal, ask means deny. The exit code is COMMAND's
own; 125 if Holdfast failed, 126 if COMMAND cannot be run, 127 if there is none, 128+n if signal n ended it. When COMMAND ends, what it left
running is ended too.

Setting up needs root: it calls itself through sudo. COMMAND never runs as root for a user: behind sudo, a root shell that sudo started
included, it runs as whoever called sudo ("unset SUDO_UID" in such a shell runs it as root).

What gets away: services it asks to act for it (docker, systemd-run and the like), and root leaving its cgroup.`,
    )
    .action(async (command: string[], flags: Flags) => {
      const local = await context.local("run");
      context.exit = await local.run({
        mode: flags.mode,
        rules: flags.rules,
        save: flags.save ?? null,
        summary: flags.summary ?? null,
        command,
      });
    });
}

// SPDX-License-Identifier: Apache-2.0
/** `test`, `check`: the scripts of the source tree, under the one command. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { Failure } from "../../contract/failure.ts";
import type { Context } from "../context.ts";

export function addSource(program: Command, _context: Context): void {
  program
    .command("test")
    .description("Run the tests; without root those that need none, naming the rest.")
    .argument("[name]", "only tests whose file has this in its name")
    .option("--long", "more cases in property tests")
    .action((name: string | undefined, flags: { long?: true }) =>
      become("test", [...(name === undefined ? [] : [name]), ...(flags.long ? ["--long"] : [])]),
    );
  program
    .command("check")
    .description("Check format, lint, types, layers and generated files.")
    .action(() => become("check", []));
}

function become(tool: string, args: readonly string[]): void {
  const script = fileURLToPath(new URL(`../../../tools/${tool}.ts`, import.meta.url));
  if (!existsSync(script) || process.execve === undefined) {
    throw new Failure("failed", `Cannot run "holdfast ${tool}" here: it needs the source tree`);
  }
  process.execve(process.execPath, [process.execPath, script, ...args], process.env);
}

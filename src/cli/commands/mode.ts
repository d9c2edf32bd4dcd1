// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import type { Mode } from "../../contract/connection.ts";
import type { Context } from "../context.ts";
import { oneOf } from "../read.ts";

export function addMode(program: Command, context: Context): void {
  program
    .command("mode")
    .description("Say what happens where no rule matches. In force when it returns.")
    .argument("<mode>", "allow, deny or ask", oneOf("mode", ["allow", "deny", "ask"]))
    .action(async (mode: Mode) => {
      const reply = await context.client().setMode({ mode });
      context.output.reply(reply, () => `Mode ${reply.mode} is in force (generation ${reply.generation})`);
    });
}

// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import type { Context } from "../context.ts";

export function addSettings(program: Command, context: Context): void {
  const settings = program.command("settings").description("Settings: list, read, change.");
  settings
    .command("ls")
    .description("List all settings.")
    .action(async () => {
      const reply = await context.client().listSettings({});
      const rows = reply.settings.map((each) => [each.key, String(each.value), String(each.default), each.text]);
      context.output.reply(reply, () =>
        context.output.table([{ title: "KEY" }, { title: "VALUE" }, { title: "DEFAULT" }, { title: "WHAT", shrink: true }], rows),
      );
    });
  settings
    .command("get")
    .description("Print a setting's value.")
    .argument("<key>")
    .action(async (key: string) => {
      const reply = await context.client().getSetting({ key });
      context.output.reply(reply, () => String(reply.value));
    });
  settings
    .command("set")
    .description("Change a setting.")
    .argument("<key>")
    .argument("<value>")
    .action(async (key: string, value: string) => {
      const reply = await context.client().setSetting({ key, value });
      context.output.reply(reply, () => `${reply.key} is ${reply.value}`);
    });
}

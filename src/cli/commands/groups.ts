// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import type { Group } from "../../contract/shapes.ts";
import type { Context } from "../context.ts";
import { problemLines } from "../output.ts";

/** A file that cannot be used leaves the rules its group had, if it had any. */
function stateOf({ enabled, rules, problems }: Group): string {
  if (!enabled) return "disabled";
  if (problems.length === 0) return "enabled";
  return rules > 0 ? "enabled, as before" : "refused";
}

export function addGroups(program: Command, context: Context): void {
  const groups = program.command("groups").description("Rule groups: the files of the rules folder.");
  groups
    .command("ls")
    .description("List all groups, and what is wrong with their files.")
    .action(async () => {
      const reply = await context.client().listGroups({});
      const rows = reply.groups.map((each) => [each.name, stateOf(each), String(each.rules), each.file ?? "-", each.description ?? ""]);
      const columns = [
        { title: "GROUP" },
        { title: "STATE" },
        { title: "RULES", right: true },
        { title: "FILE", shrink: true },
        { title: "DESCRIPTION", shrink: true },
      ] as const;
      context.output.reply(reply, () => [
        ...context.output.table(columns, rows),
        ...reply.groups.flatMap((each) => problemLines(each.problems)),
      ]);
    });
  for (const [verb, enabled] of [
    ["enable", true],
    ["disable", false],
  ] as const) {
    groups
      .command(verb)
      .description(`${enabled ? "Enable" : "Disable"} all rules of a group.`)
      .argument("<group>")
      .action(async (name: string) => {
        const reply = await context.client().setGroupEnabled({ name, enabled });
        context.output.reply(
          reply,
          () => `Group ${reply.name} is ${reply.enabled ? "enabled" : "disabled"} (generation ${reply.generation})`,
        );
      });
  }
}

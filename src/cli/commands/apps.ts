// SPDX-License-Identifier: Apache-2.0

import type { Command } from "commander";
import type { AppSummary, ReplyOf } from "../../contract/api.ts";
import { count } from "../../contract/count.ts";
import { appWords, bytesWords, timeWords } from "../../terminal/words.ts";
import type { Context } from "../context.ts";

export function addApps(program: Command, context: Context): void {
  const apps = program.command("apps").description("Programs seen, and what is known of them.");
  apps
    .command("ls")
    .description("List all programs seen.")
    .action(async () => {
      const reply = await context.client().listApps({});
      context.output.reply(reply, () => appTable(context, reply.apps));
    });
  apps
    .command("show")
    .description("Show the programs with this path or name.")
    .argument("<x>", "path or name")
    .action(async (name: string) => {
      const reply = await context.client().showApp({ name });
      context.output.reply(reply, () => reply.apps.flatMap((app, i) => [...(i > 0 ? [""] : []), ...appLines(app)]));
    });
}

function appTable(context: Context, apps: readonly AppSummary[]): string[] {
  if (apps.length === 0) return ["No program has been seen yet"];
  const rows = apps.map((each) => [
    appWords(each.app),
    String(each.flows),
    String(each.denied),
    bytesWords(each.bytesOut),
    bytesWords(each.bytesIn),
    timeWords(each.last),
  ]);
  const right = true;
  return context.output.table(
    [
      { title: "PROGRAM", shrink: true },
      { title: "FLOWS", right },
      { title: "DENIED", right },
      { title: "SENT", right },
      { title: "RECEIVED", right },
      { title: "LAST" },
    ],
    rows,
  );
}

function appLines(each: ReplyOf<"showApp">["apps"][number]): string[] {
  const { app } = each;
  const intact = app.packageIntact === null ? "" : app.packageIntact ? " (as shipped)" : " (the file is not as shipped)";
  const facts: [string, string | null][] = [
    ["Script", app.script],
    ["Arguments", app.args.length === 0 ? null : app.args.join(" ")],
    ["Package", app.package === null ? null : `${app.package}${intact}`],
    ["Unit", app.unit],
    ["Container", app.container],
    ["Flatpak", app.flatpak],
    ["Snap", app.snap],
    ["AppImage", app.appimage],
    ["SHA-256", app.sha256],
    ["Changed", app.changedSince === null ? null : timeWords(app.changedSince)],
    ["Flows", `${each.flows} (${each.denied} denied), ${bytesWords(each.bytesOut)} sent, ${bytesWords(each.bytesIn)} received`],
    ["Seen", `${timeWords(each.first)} to ${timeWords(each.last)}`],
    ["Rules", count(each.rules.length, "rule")],
  ];
  const known = facts.filter((fact): fact is [string, string] => fact[1] !== null);
  return [
    appWords(app),
    ...known.map(([name, text]) => `  ${name.padEnd(9)}  ${text}`),
    ...each.rules.map((rule) => `    ${rule.id}  ${rule.text}`),
  ];
}

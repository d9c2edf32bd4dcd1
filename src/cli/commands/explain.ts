// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import type { ReplyOf } from "../../contract/api.ts";
import type { Context } from "../context.ts";
import { absolutePath, port } from "../read.ts";

type Flags = { app: string; via?: string; script?: string; user?: string; to: string; port: number; protocol: string; in?: true };

export function addExplain(program: Command, context: Context): void {
  program
    .command("explain")
    .description("Say what would decide a connection, which rule came next, and where the two differ.")
    .requiredOption("--app <path>", "the program", absolutePath)
    .option("--via <path>", "the helper that makes the connection for it", absolutePath)
    .option("--script <path>", "the script it runs", absolutePath)
    .option("--user <name>", "the user (default: you)")
    .requiredOption("--to <name|address>", "the peer")
    .requiredOption("--port <n>", "the peer's port; with --in ours", port)
    .option("--protocol <p>", "the protocol, a name or a number", "tcp")
    .option("--in", "an incoming connection")
    .action(async (flags: Flags) => {
      const reply = await context.client().explain({
        app: flags.app,
        via: flags.via ?? null,
        script: flags.script ?? null,
        user: flags.user ?? String(process.getuid?.() ?? 0),
        to: flags.to,
        port: flags.port,
        protocol: flags.protocol,
        direction: flags.in ? "in" : "out",
      });
      context.output.reply(reply, () => explainLines(reply));
    });
}

function explainLines(reply: ReplyOf<"explain">): string[] {
  const by = reply.rule === null ? `the ${reply.by}` : `rule ${reply.rule}: ${reply.text ?? ""}`;
  const lines = [`${reply.verdict}, by ${by}${reply.position === null ? "" : ` (position ${reply.position})`}`];
  if (reply.next !== null) {
    lines.push(`Next came rule ${reply.next.rule}: ${reply.next.text}`, `They differ at step ${reply.next.step}: ${reply.next.stepName}`);
  }
  for (const candidate of reply.candidates) {
    lines.push(`${candidate.name}: ${candidate.verdict}${candidate.rule === null ? "" : ` by rule ${candidate.rule}`}`);
  }
  return lines;
}

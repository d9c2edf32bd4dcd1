// SPDX-License-Identifier: Apache-2.0
/** `doctor`, `bench`: what this machine can do. */
import type { Command } from "commander";
import { FAILURES } from "../../contract/failure.ts";
import type { Context } from "../context.ts";
import { folder } from "../read.ts";

export function addMachine(program: Command, context: Context): void {
  program
    .command("doctor")
    .description("Say whether this machine can run Holdfast, and what stands in the way. Needs root.")
    .option("--scope <dir>", "the cgroup given to up (default: the whole machine)", folder)
    .action(async (flags: { scope?: string }) => {
      const local = await context.local("doctor");
      const report = await local.doctor({ socket: context.socket(), scope: flags.scope ?? null });
      context.output.reply({ schema: 1, ...report }, () => report.checks.map((check) => `${check.severity.padEnd(7)}  ${check.text}`));
      if (report.kernel.missing.length > 0) context.exit = FAILURES["kernel-cannot"].exit;
      else if (report.checks.some((check) => check.severity === "error")) context.exit = FAILURES.failed.exit;
    });
  program
    .command("bench")
    .description("Measure what Holdfast costs on this machine, and write docs/bench.md. Needs root.")
    .action(async () => {
      const local = await context.local("bench");
      const report = await local.bench();
      const rows = report.rows.map((row) => [
        row.measure,
        row.value,
        row.goal,
        row.met === null ? "-" : row.met ? "met" : "missed",
        row.reason ?? "",
      ]);
      const columns = [
        { title: "MEASURE", shrink: true },
        { title: "VALUE" },
        { title: "GOAL" },
        { title: "" },
        { title: "WHY", shrink: true },
      ] as const;
      context.output.reply({ schema: 1, ...report }, () => [
        report.machine,
        ...context.output.table(columns, rows),
        `Written to ${report.file}`,
      ]);
    });
}

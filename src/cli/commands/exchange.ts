// SPDX-License-Identifier: Apache-2.0
/** `rules import` and `rules export`: our own rule files, and those of Little Snitch and OpenSnitch. */

import type { Command } from "commander";
import type { ReplyOf } from "../../contract/api.ts";
import { count } from "../../contract/count.ts";
import { Failure } from "../../contract/failure.ts";
import type { ImportedFile } from "../../contract/replies.ts";
import type { Context } from "../context.ts";
import type { FileToImport } from "../exchange.ts";
import { writeText } from "../files.ts";
import { callersPath, listed, oneOf } from "../read.ts";

const IMPORT_FORMATS = ["auto", "rules", "lsrules", "opensnitch"] as const;
const EXPORT_FORMATS = ["rules", "lsrules"] as const;
type ImportOptions = { readonly format: (typeof IMPORT_FORMATS)[number]; readonly dryRun: boolean };
type ExportOptions = { readonly format: (typeof EXPORT_FORMATS)[number] };

const PROGRAMS = { lsrules: "Little Snitch", opensnitch: "OpenSnitch" } as const;
const OUTCOMES = { changed: "Changed", "left-out": "Left out" } as const;

export function addExchange(rules: Command, context: Context): void {
  const { output } = context;
  rules
    .command("import")
    .description("Add the rules of a file to yours: a rule file (all or none), Little Snitch's .lsrules, or rules of OpenSnitch.")
    .argument("<file>", "the file; for OpenSnitch its folder of rules as well")
    .option("--format <format>", `how to read it: ${listed(IMPORT_FORMATS)}`, oneOf("format", IMPORT_FORMATS), "auto")
    .option("--dry-run", "only say what would be added, changed and left out", false)
    .action(async (file: string, options: ImportOptions) => {
      const reply = await importFile(context, file, options);
      output.reply(reply, () => importLines(reply));
    });
  rules
    .command("export")
    .description("Write your rules as a file, or print them.")
    .argument("[file]", "where to write")
    .option("--format <format>", `how to write them: ${listed(EXPORT_FORMATS)}`, oneOf("format", EXPORT_FORMATS), "rules")
    .action(async (file: string | undefined, options: ExportOptions) => {
      const reply = await exported(context, options);
      if (file !== undefined) writeText(callersPath(file), reply.text, { mode: 0o644 });
      output.reply(
        reply,
        () => (file === undefined ? reply.text.replace(/\n$/, "").split("\n") : `Wrote ${count(reply.rules, "rule")} to ${file}`),
        { multiline: "text" },
      );
    });
}

async function importFile(context: Context, file: string, options: ImportOptions): Promise<ImportedFile> {
  const { countedLists, dryRun, readToImport } = await import("../exchange.ts");
  const found = readToImport(callersPath(file), options.format);
  if (options.dryRun) return dryRun(found, file);
  if (found.report !== null && found.text === "") {
    for (const line of reportLines(found.report)) context.output.error(line);
    throw new Failure("bad-input", `Cannot import "${file}": none of its rules can be used`);
  }
  const reply = await withLists(context, { file, lists: found.lists }, () => context.client().importRules({ file, text: found.text }));
  return { ...reply, dryRun: false, lists: countedLists(found.lists), report: found.report };
}

/** Adds the lists that rules of an import name, then the rules; when those cannot be added, the lists go again. */
async function withLists<T>(
  context: Context,
  { file, lists }: { file: string; lists: FileToImport["lists"] },
  work: () => Promise<T>,
): Promise<T> {
  if (lists.length === 0) return work();
  const { entriesContent } = await import("../list-text.ts");
  const client = context.client();
  const added: string[] = [];
  try {
    for (const { name, entries } of lists) {
      const source = `import of ${callersPath(file)}`;
      await client.addList({ name, source, content: entriesContent(entries), format: "domains", rule: false });
      added.push(name);
    }
    return await work();
  } catch (error) {
    for (const name of added) await client.removeList({ name });
    throw error;
  }
}

/** What was added, and everything in the file that is not as it was. */
function importLines({ dryRun, revision, rules, lists, report }: ImportedFile): string[] {
  const added = dryRun ? `Would add ${count(rules.length, "rule")}` : `Added ${count(rules.length, "rule")} (revision ${revision})`;
  const texts = dryRun ? rules.map(({ text }) => text) : [];
  const listLines = lists.map(
    ({ name, entries }) => `${dryRun ? "Would add" : "Added"} list ${name}: ${count(entries, "entry", { many: "entries", grouped: true })}`,
  );
  if (report === null) return [...texts, added];
  const { format, carried, changed, leftOut } = report;
  const total = `${added} from ${PROGRAMS[format]}: ${carried} carried over, ${changed} changed, ${leftOut} left out`;
  return [...texts, ...listLines, ...reportLines(report), total];
}

function reportLines({ lines, remarks }: NonNullable<ImportedFile["report"]>): string[] {
  const notSame = lines.flatMap(({ at, outcome, sentences }) =>
    outcome === "carried" ? [] : [`${OUTCOMES[outcome]} ${at}: ${sentences.join("; ")}`],
  );
  return [...notSame, ...remarks.map((remark) => `Note: ${remark}`)];
}

/** Your rules in that format. What it has no form for is said on standard error. */
async function exported(context: Context, { format }: ExportOptions): Promise<ReplyOf<"exportRules">> {
  const reply = await context.client().exportRules({});
  if (format === "rules") return reply;
  const { exportLsrules } = await import("../exchange.ts");
  const { text, rules, lines } = exportLsrules(reply.text);
  for (const { rule, outcome, sentences } of lines)
    if (outcome !== "carried") context.output.error(`${OUTCOMES[outcome]} ${rule}: ${sentences.join("; ")}`);
  return { schema: 1, rules, text };
}

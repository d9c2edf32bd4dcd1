// SPDX-License-Identifier: Apache-2.0
/** Rules from and for other programs' files: which format a file has, its report, and the way out. Read and written as the caller. */

import { basename, extname, join } from "node:path";
import { countIs } from "../contract/count.ts";
import { Failure } from "../contract/failure.ts";
import type { ImportedFile, ImportReport } from "../contract/replies.ts";
import { parseFile } from "../rules/file.ts";
import { type ForeignFormat, formatOf, importForeign, readJson } from "../rules/foreign/foreign.ts";
import type { ImportedList } from "../rules/foreign/join.ts";
import { type LsExport, toLsrules } from "../rules/foreign/to-lsrules.ts";
import { printRule } from "../rules/print.ts";
import { unsupported } from "../rules/unsupported.ts";
import { isFile, jsonFilesOf, readText } from "./files.ts";

/** `auto`: as the file looks. */
export type ImportFormat = "auto" | "rules" | ForeignFormat;

/** What a file holds as rule text, and the report where another program wrote it. Line n of `text` is the nth of its rules. */
export type FileToImport = {
  readonly text: string;
  /** Lists that rules of it name. */
  readonly lists: readonly ImportedList[];
  readonly report: ImportReport | null;
};

type Read = { readonly text: string; readonly value: unknown; readonly entryNames: readonly string[] };

function parsed(text: string, path: string): unknown {
  const value = readJson(text);
  if (value === null && /^[\s\ufeff]*[[{]/.test(text))
    throw new Failure("bad-input", `Cannot read "${path}": it begins like JSON and is none`);
  return value;
}

/** A file; or a folder of OpenSnitch's, which has a file for each rule. */
function read(path: string): Read {
  const names = jsonFilesOf(path);
  if (names === null) {
    const text = readText(path);
    return { text, value: parsed(text, path), entryNames: [] };
  }
  if (names.length === 0) throw new Failure("bad-input", `Cannot import "${path}": it is a folder without JSON files`);
  return { text: "", value: names.map((name) => parsed(readText(join(path, name)), join(path, name))), entryNames: names };
}

/** What `path` holds. Throws `Failure("bad-input")` when it has not the format said, or none known here. */
export function readToImport(path: string, format: ImportFormat): FileToImport {
  if (format === "rules") return { text: readText(path), lists: [], report: null };
  const { text, value, entryNames } = read(path);
  if (value === null && format === "auto") return { text, lists: [], report: null };
  const found = formatOf(value);
  if (found === null || (format !== "auto" && format !== found)) {
    const expected = format === "auto" ? "a rule file, .lsrules or rules of OpenSnitch" : format;
    throw new Failure("bad-input", `Cannot import "${path}": it holds ${found ?? "no rules known here"}; expected ${expected}`);
  }
  const fileName = basename(path, extname(path));
  const { rules, lists, report } = importForeign(value, found, { machine: { exists: isFile }, refused: unsupported, fileName, entryNames });
  const lines = report.lines.map((line) => ({ ...line, rules: [...line.rules], sentences: [...line.sentences] }));
  return {
    text: rules.map((rule) => `${printRule(rule)}\n`).join(""),
    lists,
    report: { ...report, format: found, remarks: [...report.remarks], lines },
  };
}

/** The lists of an import as its reply has them. */
export function countedLists(lists: readonly ImportedList[]): ImportedFile["lists"] {
  return lists.map(({ name, entries }) => ({ name, entries: entries.length }));
}

/** What an import of `file` would add, without a daemon. */
export function dryRun({ text, lists, report }: FileToImport, file: string): ImportedFile {
  const read = parseFile(text, file);
  const problems = read.ok
    ? read.rules.flatMap(({ rule, line }) => {
        const message = unsupported(rule);
        return message === null ? [] : [{ line, column: 1, message }];
      })
    : read.problems;
  if (problems.length > 0) {
    const wrong = `${countIs(problems.length, "line")} wrong`;
    throw new Failure("bad-input", `Cannot import "${file}": ${wrong}`, { problems: problems.map((problem) => ({ file, ...problem })) });
  }
  const rules = (read.ok ? read.rules : []).map(({ rule, line }) => ({
    id: null,
    line,
    text: printRule(rule),
    position: null,
    coveredBy: null,
  }));
  return { schema: 1, dryRun: true, revision: null, generation: null, rules, lists: countedLists(lists), report };
}

/** Rule text as a .lsrules file, and what became of each rule. */
export function exportLsrules(text: string): LsExport {
  const read = parseFile(text, "holdfast.rules");
  if (!read.ok) throw new Failure("failed", `Cannot read the rules of the daemon: ${read.problems[0]?.message ?? "no reason given"}`);
  const rules = read.rules.map(({ rule }) => rule);
  return toLsrules(rules, "Holdfast");
}

// SPDX-License-Identifier: Apache-2.0
/** What is done with the texts of lists in a thread of its own, so that nothing waits for a million names. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { parseAddress, printAddress } from "../contract/address.ts";
import { hostName } from "../contract/name.ts";
import { buildLists, type ListSource } from "../lists/build.ts";
import { type Entries, readEntries } from "../lists/entries.ts";
import { nameKey, randomNameKey } from "../lists/hash.ts";
import { listMatcher } from "../lists/match.ts";
import { entryText, nameText } from "../lists/names.ts";
import { type PackedTables, packTables } from "../lists/packed.ts";
import { type FormatName, type ListReport, parseList } from "../lists/parse.ts";
import { rangeTexts } from "../lists/ranges.ts";
import { judgeUpdate, type NewVersion } from "../lists/update.ts";
import { writeDurably } from "../store/durable.ts";
import { messageOf } from "../store/problem.ts";

/** The longest text of a list: ten times the largest that are published. */
export const MAX_TEXT_BYTES = 256 * 1024 * 1024;
/** Entries that are shown. */
export const MOST_SHOWN = 1000;

/** A list as it is kept: where its text is, what it is read as, and what a person took out of it. */
export type ListText = { readonly file: string; readonly format: string; readonly exceptions: readonly string[] };

export type Jobs = {
  /** Reads a new version, and keeps its text in `file` when it is taken. `previous`: entries of the one in force. */
  readonly read: {
    readonly job: {
      readonly text: { readonly gzip: Uint8Array } | { readonly file: string };
      readonly format: string | null;
      readonly previous: number | null;
      readonly file: string;
    };
    readonly result: { readonly ok: true; readonly report: ListReport } | { readonly ok: false; readonly problem: string };
  };
  /** Builds the tables of all lists. `problems`: why one has nothing on it. */
  readonly build: {
    readonly job: { readonly lists: readonly ListText[]; readonly key: Uint32Array<ArrayBuffer> };
    readonly result: { readonly packed: PackedTables; readonly problems: readonly (string | null)[] };
  };
  /** The entries with `search` in them (null: all), the first of them; and the one that `search`, a name or an address, is on. */
  readonly show: {
    readonly job: { readonly list: ListText; readonly search: string | null };
    readonly result: { readonly total: number; readonly entries: readonly string[]; readonly match: string | null };
  };
};

export type JobName = keyof Jobs;
export type Job = { readonly [J in JobName]: { readonly name: J } & Jobs[J]["job"] }[JobName];

type Done<J extends JobName> = { readonly result: Jobs[J]["result"]; readonly memory: ArrayBuffer[] };
type JobOf<J extends JobName> = Extract<Job, { name: J }>;

function textOf(text: Jobs["read"]["job"]["text"]): Uint8Array {
  return "file" in text ? readFileSync(text.file) : gunzipSync(text.gzip, { maxOutputLength: MAX_TEXT_BYTES });
}

/** A new version, or why there is none. */
function versionOf({ text, format }: JobOf<"read">): { bytes: Uint8Array; version: NewVersion } {
  try {
    const bytes = textOf(text);
    return { bytes, version: { ok: true, report: parseList(bytes, { format: format as FormatName | null }).report } };
  } catch (error) {
    return { bytes: new Uint8Array(), version: { ok: false, problem: `its text cannot be read: ${messageOf(error)}` } };
  }
}

function read(job: JobOf<"read">): Done<"read"> {
  const { bytes, version } = versionOf(job);
  const judged = judgeUpdate(job.previous, version);
  const refused = (problem: string): Done<"read"> => ({ result: { ok: false, problem }, memory: [] });
  if (!judged.accepted) return refused(judged.why);
  if (!version.ok) return refused(version.problem);
  const problem = writeDurably(job.file, bytes);
  return problem === null ? { result: { ok: true, report: version.report }, memory: [] } : refused(problem.message);
}

const NOTHING: Entries = readEntries([]).entries;

/** A list as the tables take it; without entries, and with the reason, where its text is not to be had. */
function sourceOf({ file, format, exceptions }: ListText): { source: ListSource; problem: string | null } {
  try {
    const parsed = parseList(readFileSync(file), { format: format as FormatName });
    return { source: { entries: parsed.entries, exceptions: [parsed.exceptions, readEntries(exceptions).entries] }, problem: null };
  } catch (error) {
    return { source: { entries: NOTHING, exceptions: [] }, problem: `Cannot read its text, so it has nothing on it: ${messageOf(error)}` };
  }
}

function build({ lists, key }: JobOf<"build">): Done<"build"> {
  const read = lists.map(sourceOf);
  const { packed, memory } = packTables(
    buildLists(
      read.map(({ source }) => source),
      nameKey(key),
    ),
  );
  return { result: { packed, problems: read.map(({ problem }) => problem) }, memory };
}

function* textsOf({ names, ranges }: Entries): Generator<string> {
  for (let n = 0; n < names.count; n++) yield entryText(nameText(names, n), names.reaches[n] as 1 | 2 | 3);
  yield* rangeTexts(ranges);
}

function matchOf(source: ListSource, search: string): string | null {
  const address = parseAddress(search);
  const name = address === null ? hostName(search.replace(/^\*?\./, "")) : null;
  if (address === null && name === null) return null;
  const matcher = listMatcher(buildLists([source], randomNameKey()), 0);
  return address === null ? matcher.has(name ?? "") : matcher.hasAddress(printAddress(address));
}

function show({ list, search }: JobOf<"show">): Done<"show"> {
  const { source, problem } = sourceOf(list);
  if (problem !== null) throw new Error(problem);
  const wanted = search?.toLowerCase() ?? "";
  const entries: string[] = [];
  let total = 0;
  for (const text of textsOf(source.entries)) {
    if (!text.includes(wanted)) continue;
    total += 1;
    if (entries.length < MOST_SHOWN) entries.push(text);
  }
  return { result: { total, entries, match: search === null ? null : matchOf(source, search) }, memory: [] };
}

/** Does a job; `memory` goes along with its result. Throws what goes wrong. */
export function doJob(job: Job): Done<JobName> {
  switch (job.name) {
    case "read":
      return read(job);
    case "build":
      return build(job);
    case "show":
      return show(job);
  }
}

// SPDX-License-Identifier: Apache-2.0
/** `lists …`: blocklists. */

import type { Command } from "commander";
import type { ListShape, ReplyOf, RequestInput } from "../../contract/api.ts";
import { count } from "../../contract/count.ts";
import { FAILURES, Failure } from "../../contract/failure.ts";
import type { Preset } from "../../lists/presets.ts";
import { timeWords } from "../../terminal/words.ts";
import type { Context } from "../context.ts";
import { durationWords, parseDuration } from "../duration.ts";
import { callersPath } from "../read.ts";

const ENTRIES = { many: "entries", grouped: true };
/** Of junk lines, that is. */
const MOST_JUNK = 10;

type AddOptions = {
  readonly name?: string;
  readonly format?: string;
  readonly every?: number;
  readonly rule: boolean;
  readonly allowHttp: boolean;
  readonly allowLocal: boolean;
};

export function addLists(program: Command, context: Context): void {
  const { output } = context;
  const lists = program.command("lists").description("Blocklists: what rules about list:NAME are about.");
  lists
    .command("add")
    .description('Add a blocklist, and the rule "deny any -> list:NAME".')
    .argument("<url|file>", "hosts file, domains, wildcards, dnsmasq, unbound, Adblock, .lsrules, addresses or prefixes")
    .option("--name <name>", "what to call it; default: as the file is called")
    .option("--format <format>", "how to read it; default: as it looks")
    .option("--every <d>", "download it anew every so often, as in 1d; default: only with lists update", every)
    .option("--allow-http", "let it come unencrypted: whoever is on the way can change it", false)
    .option("--allow-local", "let it come from this machine, or from what only it can reach", false)
    .option("--no-rule", "add no rule: nothing is denied by the list until a rule names it")
    .action(async (source: string, options: AddOptions) => {
      const reply = await context.client().addList(await listOf(source, options));
      output.reply(reply, () => addedLines(reply));
      if (reply.warning !== null) output.error(reply.warning);
    });
  lists
    .command("ls")
    .description("List the blocklists there are.")
    .action(async () => {
      const reply = await context.client().listLists({});
      output.reply(reply, () => listTable(context, reply.lists));
    });
  lists
    .command("show")
    .description("Show what is on a list, and which of its lines could not be read.")
    .argument("<n>", "the list")
    .option("--search <x>", "only entries with this in them, and the entry a name or address is on")
    .action(async (name: string, { search = null }: { search?: string | null }) => {
      const reply = await context.client().showList({ name, search });
      output.reply(reply, () => contentLines(reply, search));
    });
  lists
    .command("update")
    .description("Read a list anew; without a name all of them. A version that lost over half its entries is not taken.")
    .argument("[n]", "the list")
    .action(async (name: string | undefined) => updateLists(context, name ?? null));
  lists
    .command("rm")
    .description("Remove a list, and the rule that came with it.")
    .argument("<n>", "the list")
    .action(async (name: string) => {
      const reply = await context.client().removeList({ name });
      output.reply(reply, () => `Removed list ${reply.name}${reply.rule === null ? "" : ` and rule ${reply.rule}`}`);
    });
  lists
    .command("except")
    .description("Take an entry out of a list, across updates. It allows nothing: other lists and rules still count.")
    .argument("<n>", "the list")
    .argument("<entry>", "a host, .domain, *.domain, an address, a prefix or first-last")
    .action(async (name: string, entry: string) => {
      const reply = await context.client().exceptList({ name, entry });
      output.reply(reply, () => `Took ${entry} out of list ${reply.list.name}`);
    });
  lists
    .command("presets")
    .description("Show well-known lists, with their home page and licence. Needs no daemon; none is on by default.")
    .action(async () => {
      const { PRESETS } = await import("../../lists/presets.ts");
      output.reply({ schema: 1, presets: PRESETS }, () => PRESETS.flatMap(presetLines));
    });
}

function every(text: string): number {
  const seconds = parseDuration(text);
  if (seconds < 60) throw new Failure("bad-input", `Cannot download a list every ${text}: expected 1m or more`);
  return seconds;
}

/** What the daemon is told: where to download the list, or its text. */
async function listOf(source: string, options: AddOptions): Promise<RequestInput<"addList">> {
  const { isUrl, listContent, listNameOf } = await import("../list-text.ts");
  const name = options.name ?? listNameOf(source);
  const both = { name, format: options.format ?? null, rule: options.rule };
  const { allowHttp, allowLocal } = options;
  if (isUrl(source)) return { ...both, source, every: options.every ?? null, allowHttp, allowLocal };
  if (options.every !== undefined)
    throw new Failure("bad-input", `Cannot download "${source}" now and then: it is a file; "holdfast lists update ${name}" reads it anew`);
  const path = callersPath(source);
  return { ...both, source: path, content: listContent(path) };
}

/** "1,204 entries as hosts, 3 duplicates, 2 lines of junk". */
function counted({ format, entries, duplicates, ownExceptions, notApplicable, junk }: ListShape): string {
  const more = [
    duplicates > 0 ? count(duplicates, "duplicate", { grouped: true }) : null,
    ownExceptions > 0 ? `${count(ownExceptions, "exception", { grouped: true })} of its own` : null,
    notApplicable > 0
      ? `${count(notApplicable, "rule", { grouped: true })} about something else than a whole host, domain or address`
      : null,
    junk > 0 ? `${count(junk, "line", { grouped: true })} of junk` : null,
  ];
  return [`${count(entries, "entry", ENTRIES)} as ${format}`, ...more.filter((words) => words !== null)].join(", ");
}

function addedLines({ list, rule }: ReplyOf<"addList">): string[] {
  const more = list.junk > 0 ? [`What its junk is: holdfast lists show ${list.name}`] : [];
  const leftOut = list.notApplicable + list.junk > list.entries;
  return [
    `Added list ${list.name}${rule === null ? "" : ` and rule ${rule}`}: ${counted(list)}`,
    ...(leftOut ? [`More was left out than taken, since it was read as ${list.format}: "lists add --format" says how to read it`] : []),
    ...more,
  ];
}

function presetLines({ name, about, url, home, licence, format }: Preset): string[] {
  return [
    `${name}: ${about}`,
    `  ${home}, licence ${licence}`,
    `  holdfast lists add '${url}' --name ${name} --format ${format} --every 1d`,
  ];
}

function listTable(context: Context, lists: readonly ListShape[]): string[] {
  if (lists.length === 0) return ['There are no lists; add one with "holdfast lists add URL|FILE"'];
  const rows = lists.map((list) => [
    list.name,
    list.entries.toLocaleString("en-US"),
    list.format,
    timeWords(list.updated),
    list.source,
    list.problem ?? "-",
  ]);
  return context.output.table(
    [
      { title: "LIST" },
      { title: "ENTRIES", right: true },
      { title: "FORMAT" },
      { title: "UPDATED" },
      { title: "FROM", shrink: true },
      { title: "PROBLEM", shrink: true },
    ],
    rows,
  );
}

function contentLines({ list, junk, total, entries, match }: ReplyOf<"showList">, search: string | null): string[] {
  const found =
    search === null ? [] : [match === null ? `${search} is not on list ${list.name}` : `${search} is on list ${list.name}: ${match}`];
  const more = total - entries.length;
  return [
    `${list.name}: ${counted(list)}`,
    `From ${list.source}, ${timeWords(list.updated)}${list.every === null ? "" : `, every ${durationWords(list.every)}`}`,
    ...(list.problem === null ? [] : [`Not updated: ${list.problem}`]),
    ...list.exceptions.map((entry) => `Excepted: ${entry}`),
    ...junk.slice(0, MOST_JUNK).map(({ line, text, why }) => `Line ${line}: ${text}: ${why}`),
    ...(list.junk > MOST_JUNK ? [`and ${count(list.junk - MOST_JUNK, "more line", { grouped: true })} of junk`] : []),
    ...found,
    ...entries,
    ...(more > 0 ? [`and ${count(more, "more entry", { many: "more entries", grouped: true })}`] : []),
  ];
}

/** Files are read here, as the caller. */
async function updateLists(context: Context, name: string | null): Promise<void> {
  const { isFileSource, listContent } = await import("../list-text.ts");
  const client = context.client();
  const { lists: all } = await client.listLists({});
  const wanted = name === null ? all : all.filter((list) => list.name === name);
  /* Of a list that is not there the daemon says so. */
  if (name !== null && wanted.length === 0) await client.showList({ name, search: null });
  const downloaded = wanted.filter(({ downloaded }) => downloaded).map(({ name }) => name);
  const files = wanted.filter(({ downloaded, source }) => !downloaded && isFileSource(source));
  if (name !== null && downloaded.length + files.length === 0)
    throw new Failure("bad-input", `Cannot update list "${name}": it came with an ${wanted[0]?.source}; remove it, and import that anew`);
  const lists: Omit<ReplyOf<"updateList">, "schema">[] = [];
  if (downloaded.length > 0) lists.push(...(await client.downloadLists({ names: downloaded })).lists);
  for (const { name, source } of files) {
    const { schema: _, ...updated } = await client.updateList({ name, content: listContent(source) });
    lists.push(updated);
  }
  context.output.reply({ schema: 1, lists }, () => lists.flatMap(updatedLine));
  for (const { list, outcome } of lists) {
    if (outcome !== "kept") continue;
    context.exit = FAILURES.failed.exit;
    context.output.error(`List ${list.name} was not updated: ${list.problem}`);
  }
}

function updatedLine({ list, outcome, before }: Omit<ReplyOf<"updateList">, "schema">): string[] {
  if (outcome === "unchanged") return [`List ${list.name} has not changed: ${counted(list)}`];
  return outcome === "kept" ? [] : [`Updated list ${list.name}: ${counted(list)}; it had ${before.toLocaleString("en-US")}`];
}

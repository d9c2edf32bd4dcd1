// SPDX-License-Identifier: Apache-2.0
/** What the API asks about lists. */
import { Failure } from "../contract/failure.ts";
import type { ListShape } from "../contract/shapes.ts";
import { printWhere } from "../rules/where.ts";
import type { KeptList } from "../store/lists.ts";
import type { Backend } from "./backend.ts";
import { edit, newRule, readRule } from "./down.ts";
import type { Engine } from "./engine.ts";
import type { NewDownload } from "./lists.ts";

type ListBackend = Pick<Backend, "listLists" | "addList" | "showList" | "removeList" | "exceptList" | "updateList" | "downloadLists">;

/** A list as clients see it. */
function shownList({ name, source, download, report, exceptions, addedMs, updatedMs, checkedMs, problem }: KeptList): ListShape {
  const iso = (ms: number): string => new Date(ms).toISOString();
  const { junkCount: junk, exceptions: ownExceptions, format, entries, duplicates, notApplicable } = report;
  return {
    ...{
      name,
      source,
      downloaded: download !== null,
      every: download?.everySeconds ?? null,
      format,
      entries,
      duplicates,
      ownExceptions,
      notApplicable,
      junk,
      exceptions: [...exceptions],
    },
    ...{ added: iso(addedMs), updated: iso(updatedMs), checked: iso(checkedMs), problem },
  };
}

/** The rule that comes and goes with a list. */
const ruleOf = (name: string): string => `deny any -> ${printWhere([{ kind: "list", name }])}`;

/** Puts the rule of a list in force; its id, or why there is none: the list is kept all the same. */
async function addRuleOf(engine: Engine, name: string): Promise<{ rule: number | null; warning: string | null }> {
  const text = ruleOf(name);
  try {
    const rule = newRule(readRule(text), "any");
    const { rules } = await edit(engine, (store) => store.edit([{ kind: "add", rule }], Date.now()));
    return { rule: rules[0]?.id ?? null, warning: null };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { rule: null, warning: `No rule "${text}" was added, so nothing is denied by the list: ${error.message}` };
  }
}

/** Takes away the rule that came with a list; its id. Other rules that name the list stay, and match nothing. */
async function removeRuleOf(engine: Engine, name: string): Promise<number | null> {
  const text = ruleOf(name);
  const found = engine
    .store()
    .rules()
    .find((rule) => rule.text === text);
  if (found === undefined) return null;
  await edit(engine, (store) => store.edit([{ kind: "remove", id: found.id }], Date.now()));
  return found.id;
}

function gzipOf(content: string): Uint8Array {
  const gzip = Buffer.from(content, "base64");
  if (gzip[0] !== 0x1f || gzip[1] !== 0x8b)
    throw new Failure("bad-input", 'Cannot read "content": expected a text as gzip and base64 write it');
  return gzip;
}

/** Throws `Failure` for what is no address of a list, or tells a secret to whoever may see it. */
function downloadOf(source: string, download: NewDownload): NewDownload {
  const url = URL.canParse(source) ? new URL(source) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Failure("bad-input", `Cannot download "${source}": expected a URL like https://example.org/hosts.txt`);
  if (url.username !== "" || url.password !== "")
    throw new Failure("bad-input", "Cannot use a URL with a user name or password: everybody who may list the lists would see it");
  return download;
}

export function makeListService(engine: Engine): ListBackend {
  const { lists } = engine;
  return {
    listLists: async () => ({ lists: lists.all().map(shownList) }),
    addList: async ({ name, source, content, format, rule, every, allowHttp, allowLocal }) => {
      const from = content === null ? downloadOf(source, { everySeconds: every, allowHttp, allowLocal }) : { gzip: gzipOf(content) };
      const list = await lists.add({ name, source, from, format });
      const added = rule ? await addRuleOf(engine, name) : { rule: null, warning: null };
      return { list: shownList(list), ...added };
    },
    showList: async ({ name, search }) => {
      const { total, entries, match } = await lists.show(name, search);
      const list = lists.get(name);
      return { list: shownList(list), junk: list.report.junk, total, entries: [...entries], match };
    },
    removeList: async ({ name }) => {
      await lists.remove(name);
      return { name, rule: await removeRuleOf(engine, name) };
    },
    exceptList: async ({ name, entry }) => ({ list: shownList(await lists.except(name, entry)) }),
    updateList: async ({ name, content }) => {
      const { list, ...outcome } = await lists.update(name, gzipOf(content));
      return { list: shownList(list), ...outcome };
    },
    downloadLists: async ({ names }) => ({
      lists: (await lists.download(names)).map(({ list, ...outcome }) => ({ list: shownList(list), ...outcome })),
    }),
  };
}

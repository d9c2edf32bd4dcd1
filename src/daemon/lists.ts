// SPDX-License-Identifier: Apache-2.0
/**
 * The blocklists there are. One change after the other: a new text is read, the tables of all lists are built anew, both in a thread of
 * their own, then the index is kept and the tables are taken into use. What fails on the way leaves everything as it was.
 */
import { rmSync } from "node:fs";
import type { Environment } from "../contract/environment.ts";
import { Failure } from "../contract/failure.ts";
import { buildLists, type ListTables } from "../lists/build.ts";
import { readEntries } from "../lists/entries.ts";
import { nameKey } from "../lists/hash.ts";
import { listMatcher } from "../lists/match.ts";
import { unpackTables } from "../lists/packed.ts";
import { FORMAT_NAMES } from "../lists/parse.ts";
import { judgeUpdate } from "../lists/update.ts";
import { downloadFile, type KeptList, type ListIndex, openLists, sweepTexts, textFile, writeIndex } from "../store/lists.ts";
import { messageOf } from "../store/problem.ts";
import { fetchList } from "./fetch.ts";
import type { Health } from "./health.ts";
import type { Jobs, ListText } from "./list-jobs.ts";
import { inThread } from "./list-worker.ts";
import { Slots } from "./slots.ts";

/** The tables of all lists; names[n] is the name of list number n in them. */
export type BuiltLists = { readonly tables: ListTables; readonly names: readonly string[] };

export type ListsOptions = {
  /** STATE/lists. */
  readonly folder: string;
  /** The secret by which the kernel hashes names. */
  readonly key: Uint32Array<ArrayBuffer>;
  readonly health: Pick<Health, "keep">;
  /** Downloads a text; fetch.ts but for tests. */
  readonly fetch?: typeof fetchList;
  /** Takes new tables into use. When it throws, the lists are as they were. */
  readonly built: (lists: BuiltLists) => void | Promise<void>;
};

/** How a list is downloaded; null for a file. */
type Download = NonNullable<KeptList["download"]>;
export type NewDownload = Omit<Download, "etag" | "lastModified">;

export type NewList = {
  readonly name: string;
  /** A URL, or the path of a file. */
  readonly source: string;
  /** The text, as gzip has it; or how it is downloaded from `source`. */
  readonly from: { readonly gzip: Uint8Array } | NewDownload;
  /** Null: as it looks. */
  readonly format: string | null;
};

/** What came of an update: a new text, the same as before, or none that could be taken. */
export type Updated = { readonly list: KeptList; readonly outcome: "updated" | "unchanged" | "kept"; readonly before: number };

/** What came from a list's source: a text and what is to be kept of where it came from; no other than before; or nothing. */
type Fetched =
  | { readonly kind: "new"; readonly text: Jobs["read"]["job"]["text"]; readonly download: Download | null }
  | { readonly kind: "same" }
  | { readonly kind: "failed"; readonly problem: string };

/** Downloads at a time. */
const MOST_DOWNLOADS = 4;
/** A list whose download failed is tried again after so long, or when it is due. */
const RETRY_MS = 3_600_000;

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const HEALTH = "lists";

function checkName(name: string): void {
  if (!NAME.test(name))
    throw new Failure("bad-input", `Cannot call a list "${name}": expected up to 64 small letters, digits, dots, hyphens and underscores`);
}

function checkFormat(format: string | null): void {
  if (format !== null && !FORMAT_NAMES.some((known) => known === format))
    throw new Failure("bad-input", `Cannot read a list as "${format}": expected one of ${FORMAT_NAMES.join(", ")}`);
}

export class Lists {
  readonly #options: ListsOptions;
  #index: ListIndex = { lastId: 0, lists: [] };
  /** Why the lists are not what the index says; null when they are. */
  #trouble: string | null = null;
  /** Downloads begun so far; those that are due are on their way. */
  #downloads = 0;
  #downloading = false;
  readonly #slots = new Slots(MOST_DOWNLOADS);
  /** One change at a time: each waits for the one before. */
  #changes: Promise<unknown>;
  /** Resolves when the lists of the store are built and in use, or health says why they are not. */
  readonly ready: Promise<void>;
  /** What rules ask; another map after every build. */
  matchers: Environment["lists"] = new Map();

  constructor(options: ListsOptions) {
    this.#options = options;
    this.ready = Promise.resolve().then(() => this.#start());
    this.#changes = this.ready;
  }

  /** In the order in which they were added. */
  all(): readonly KeptList[] {
    return this.#index.lists;
  }

  /** The list of this name; throws `Failure` when there is none. */
  get(name: string): KeptList {
    const found = this.#index.lists.find((list) => list.name === name);
    if (found === undefined) throw new Failure("not-found", `Cannot find list "${name}"; "holdfast lists ls" lists those there are`);
    return found;
  }

  /** Resolves when no change is under way. */
  async settled(): Promise<void> {
    await this.#changes;
  }

  /** Adds a list, which is in use when this resolves. */
  async add({ name, source, from, format }: NewList): Promise<KeptList> {
    checkName(name);
    checkFormat(format);
    this.#checkNew(name);
    const refused = (problem: string): Failure => new Failure("bad-input", `Cannot add list "${name}": ${problem}`);
    const fetched = await this.#fetched(source, from);
    if (fetched.kind === "failed") throw refused(fetched.problem);
    if (fetched.kind === "same") throw refused("its server sends no text");
    return this.#withText(fetched.text, async (text) => {
      this.#checkNew(name);
      const { lastId, lists } = this.#index;
      const id = lastId + 1;
      const read = await this.#read({ id, version: 1 }, { text, format, previous: null });
      if (!read.ok) throw refused(read.problem);
      const nowMs = Date.now();
      const times = { addedMs: nowMs, updatedMs: nowMs, checkedMs: nowMs };
      const told = { download: fetched.download, exceptions: [], problem: null, report: keptReport(read.report) };
      const list = { id, name, source, version: 1, ...times, ...told };
      await this.#use({ lastId: id, lists: [...lists, list] });
      return list;
    });
  }

  /** Reads a list of a file anew. What cannot be taken leaves the text there was, and the list says why. */
  update(name: string, gzip: Uint8Array): Promise<Updated> {
    return this.#serially(async () => {
      const list = this.get(name);
      if (list.download !== null) throw new Failure("conflict", `Cannot give list "${name}" a text: it is downloaded from ${list.source}`);
      const [updated] = await this.#apply([{ id: list.id, fetched: { kind: "new", text: { gzip }, download: null } }]);
      if (updated === undefined) throw new Failure("not-found", `Cannot find list "${name}"`);
      return updated;
    });
  }

  /** Downloads lists anew, several at once, and builds once for all of them. Those removed meanwhile are left out. */
  async download(names: readonly string[]): Promise<Updated[]> {
    const wanted = names.map((name) => this.get(name));
    const file = wanted.find(({ download }) => download === null);
    if (file !== undefined)
      throw new Failure("conflict", `Cannot download list "${file.name}": it comes from the file "${file.source}", which its owner reads`);
    const arrived = await Promise.all(
      wanted.map(async ({ id, source, download }) => ({ id, fetched: await this.#fetched(source, download as Download) })),
    );
    return this.#serially(() => this.#apply(arrived)).finally(() => {
      for (const { fetched } of arrived) if (fetched.kind === "new") forgetDownload(fetched.text);
    });
  }

  /** Downloads what is due. Due now and then; one round at a time. */
  async downloadDue(nowMs: number): Promise<void> {
    if (this.#downloading) return;
    const due = this.#index.lists.filter(({ download, checkedMs, problem }) => {
      if (download === null || download.everySeconds === null) return false;
      const everyMs = download.everySeconds * 1000;
      return nowMs - checkedMs >= (problem === null ? everyMs : Math.min(everyMs, RETRY_MS));
    });
    if (due.length === 0) return;
    this.#downloading = true;
    try {
      await this.download(due.map(({ name }) => name));
    } finally {
      this.#downloading = false;
    }
  }

  /** Takes an entry, as rules write places, out of a list, across updates. */
  async except(name: string, entry: string): Promise<KeptList> {
    if (readEntries([entry]).wrong.length > 0)
      throw new Failure("bad-input", `Cannot except "${entry}": expected a host, .domain, *.domain, an address, a prefix or first-last`);
    return this.#serially(async () => {
      const list = this.get(name);
      if (list.exceptions.includes(entry)) return list;
      const changed = { ...list, exceptions: [...list.exceptions, entry] };
      await this.#use(this.#with(changed));
      return changed;
    });
  }

  /** Forgets a list. */
  remove(name: string): Promise<KeptList> {
    return this.#serially(async () => {
      const list = this.get(name);
      await this.#use({ ...this.#index, lists: this.#index.lists.filter(({ id }) => id !== list.id) });
      return list;
    });
  }

  /** The entries of a list with `search` in them; null: all. */
  show(name: string, search: string | null): Promise<Jobs["show"]["result"]> {
    return this.#serially(() => inThread("show", { list: this.#textOf(this.get(name)), search }));
  }

  #checkNew(name: string): void {
    if (this.#index.lists.some((list) => list.name === name))
      throw new Failure("conflict", `Cannot add list "${name}": there is one of that name; "holdfast lists update ${name}" reads it anew`);
  }

  /** What the source of a list gives now. */
  async #fetched(url: string, from: NewList["from"] | Download): Promise<Fetched> {
    if ("gzip" in from) return { kind: "new", text: from, download: null };
    const { allowHttp, allowLocal } = from;
    const { etag, lastModified } = { etag: null, lastModified: null, ...from };
    const file = downloadFile(this.#options.folder, this.#downloads++);
    const result = await this.#slots.run(() =>
      (this.#options.fetch ?? fetchList)({ url, etag, lastModified, allowHttp, allowLocal, file }),
    );
    if (result.ok && !result.same)
      return { kind: "new", text: { file }, download: { ...from, etag: result.etag, lastModified: result.lastModified } };
    forgetDownload({ file });
    return result.ok ? { kind: "same" } : { kind: "failed", problem: result.problem };
  }

  /** Does what there is to do with a text, after the changes before it; then a downloaded one goes. */
  #withText<T>(text: Jobs["read"]["job"]["text"], work: (text: Jobs["read"]["job"]["text"]) => Promise<T>): Promise<T> {
    return this.#serially(() => work(text)).finally(() => forgetDownload(text));
  }

  /** Takes over what has arrived, as one change. */
  async #apply(arrived: readonly { readonly id: number; readonly fetched: Fetched }[]): Promise<Updated[]> {
    const updates: Updated[] = [];
    for (const { id, fetched } of arrived) {
      const list = this.#index.lists.find((each) => each.id === id);
      if (list !== undefined) updates.push(await this.#updated(list, fetched));
    }
    const changed = new Map(updates.map(({ list }) => [list.id, list]));
    const index = { ...this.#index, lists: this.#index.lists.map((list) => changed.get(list.id) ?? list) };
    if (updates.some(({ outcome }) => outcome === "updated")) await this.#use(index);
    else this.#keep(index);
    return updates;
  }

  /** A list with what its source gave. */
  async #updated(list: KeptList, fetched: Fetched): Promise<Updated> {
    const before = list.report.entries;
    const checkedMs = Date.now();
    const kept = (problem: string): Updated => ({ list: { ...list, checkedMs, problem }, outcome: "kept", before });
    if (fetched.kind === "same") return { list: { ...list, checkedMs, problem: null }, outcome: "unchanged", before };
    if (fetched.kind === "failed") {
      const judged = judgeUpdate(before, { ok: false, problem: fetched.problem });
      return kept(judged.accepted ? fetched.problem : judged.why);
    }
    const version = { id: list.id, version: list.version + 1 };
    const read = await this.#read(version, { text: fetched.text, format: list.report.format, previous: before });
    if (!read.ok) return kept(read.problem);
    const told = { download: fetched.download, updatedMs: checkedMs, checkedMs, problem: null, report: keptReport(read.report) };
    return { list: { ...list, ...version, ...told }, outcome: "updated", before };
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#changes.then(work);
    this.#changes = next.catch(() => {});
    return next;
  }

  async #start(): Promise<void> {
    try {
      const { index, problem } = openLists(this.#options.folder);
      this.#index = index;
      await this.#build(index.lists);
      this.#trouble ??= problem;
    } catch (error) {
      this.#trouble = `Blocklists are not in use: ${messageOf(error)}`;
    }
    this.#tell();
  }

  #textOf(list: KeptList): ListText {
    return { file: textFile(this.#options.folder, list), format: list.report.format, exceptions: list.exceptions };
  }

  #with(changed: KeptList): ListIndex {
    return { ...this.#index, lists: this.#index.lists.map((list) => (list.id === changed.id ? changed : list)) };
  }

  #read(version: Pick<KeptList, "id" | "version">, job: Omit<Jobs["read"]["job"], "file">): Promise<Jobs["read"]["result"]> {
    return inThread("read", { ...job, file: textFile(this.#options.folder, version) });
  }

  /** Keeps an index whose tables are those in use. */
  #keep(index: ListIndex): void {
    const problem = writeIndex(this.#options.folder, index);
    if (problem !== null) throw new Failure("failed", `Cannot keep the lists, so nothing was changed: ${problem.message}`);
    this.#index = index;
    this.#trouble = null;
    this.#tell();
  }

  /** Keeps an index and takes its tables into use; or neither. */
  async #use(index: ListIndex): Promise<void> {
    const before = this.#index;
    try {
      const take = await this.#tables(index.lists);
      this.#keep(index);
      await take();
    } catch (error) {
      if (this.#index !== before) this.#keep(before);
      throw error instanceof Failure ? error : new Failure("failed", `Cannot use the lists, so nothing was changed: ${messageOf(error)}`);
    } finally {
      sweepTexts(this.#options.folder, this.#index);
    }
  }

  async #build(lists: readonly KeptList[]): Promise<void> {
    await (await this.#tables(lists))();
  }

  /** Builds the tables; what it gives takes them into use. */
  async #tables(lists: readonly KeptList[]): Promise<() => Promise<void>> {
    const { key, built } = this.#options;
    const names = lists.map(({ name }) => name);
    const { tables, problems } = await this.#built(
      lists.map((list) => this.#textOf(list)),
      key,
    );
    const matchers = new Map(names.map((name, number) => [name, listMatcher(tables, number)]));
    const missing = problems.findIndex((problem) => problem !== null);
    return async () => {
      const before = this.matchers;
      this.matchers = matchers;
      try {
        await built({ tables, names });
      } catch (error) {
        this.matchers = before;
        throw error;
      }
      this.#trouble = missing < 0 ? null : `List "${names[missing]}": ${problems[missing]}`;
      this.#tell();
    };
  }

  async #built(
    lists: readonly ListText[],
    key: Uint32Array<ArrayBuffer>,
  ): Promise<{ tables: ListTables; problems: readonly (string | null)[] }> {
    if (lists.length === 0) return { tables: buildLists([], nameKey(key)), problems: [] };
    const { packed, problems } = await inThread("build", { lists, key });
    return { tables: unpackTables(packed), problems };
  }

  #tell(): void {
    const [first, ...more] = this.#index.lists.filter(({ problem }) => problem !== null);
    const others = more.length === 0 ? "" : `; and ${more.length} more like it`;
    const told = first === undefined ? null : `List "${first.name}" was not updated: ${first.problem}${others}`;
    this.#options.health.keep(HEALTH, this.#trouble === null ? "warning" : "error", this.#trouble ?? told);
  }
}

function keptReport({
  junk,
  ...counts
}: { readonly junk: readonly KeptList["report"]["junk"][number][] } & Omit<KeptList["report"], "junk">): KeptList["report"] {
  return { ...counts, junk: [...junk] };
}

function forgetDownload(text: Jobs["read"]["job"]["text"]): void {
  if ("file" in text) rmSync(text.file, { force: true });
}

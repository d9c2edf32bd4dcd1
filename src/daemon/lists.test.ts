// SPDX-License-Identifier: Apache-2.0
/** Blocklists from the command to the tables: what is taken, what is refused, and what is there after a start. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { Failure } from "../contract/failure.ts";
import { randomNameKey } from "../lists/hash.ts";
import { matchName } from "../lists/match.ts";
import { FakeEngine } from "./engine.fixture.ts";
import type { fetchList } from "./fetch.ts";
import { Health } from "./health.ts";
import { type BuiltLists, Lists } from "./lists.ts";

const gzip = (text: string): Uint8Array => gzipSync(text);
const names = (first: number, last: number): string => Array.from({ length: last - first }, (_, i) => `h${first + i}.example\n`).join("");

/** What fetchList() gives, without a network: by URL the text there is, whose etag is its length; or why there is none. */
class FakeServer {
  readonly texts = new Map<string, string>();
  readonly asked: { readonly url: string; readonly etag: string | null }[] = [];
  /** How many were on their way at once, at most. */
  most = 0;
  #now = 0;

  readonly fetch: typeof fetchList = async ({ url, etag, file }) => {
    this.asked.push({ url, etag });
    this.#now += 1;
    this.most = Math.max(this.most, this.#now);
    await sleep(5);
    this.#now -= 1;
    const text = this.texts.get(url);
    writeFileSync(file, text ?? "half of i");
    if (text === undefined) return { ok: false, problem: "its server answers 404 Not Found" };
    const version = String(text.length);
    return { ok: true, same: etag === version, etag: version, lastModified: null };
  };
}

/** A folder that several starts share, one after the other. */
function stateOf(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-lists-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const builds: BuiltLists[] = [];
  let refuses: string | null = null;
  const health = new Health(() => {});
  const server = new FakeServer();
  const start = async (): Promise<Lists> => {
    const lists = new Lists({
      folder: join(folder, "lists"),
      key: randomNameKey().words,
      health,
      fetch: server.fetch,
      built: (built) => {
        if (refuses !== null) throw new Error(refuses);
        builds.push(built);
      },
    });
    await lists.ready;
    return lists;
  };
  const texts = (): string[] =>
    readdirSync(join(folder, "lists"))
      .filter((name) => name !== "index.json")
      .sort();
  return { folder: join(folder, "lists"), server, builds, health, start, texts, refuse: (why: string | null) => (refuses = why) };
}

const add = (lists: Lists, name: string, text: string, format: string | null = null) =>
  lists.add({ name, source: `/tmp/${name}.txt`, from: { gzip: gzip(text) }, format });

function rejected(work: Promise<unknown>, code: Failure["code"], sentence: RegExp): Promise<void> {
  return assert.rejects(work, (error) => error instanceof Failure && error.code === code && sentence.test(error.message));
}

test("Lists.add() builds all lists, and a start builds them again from what was kept", async (t) => {
  const state = stateOf(t);
  const lists = await state.start();
  assert.equal(state.builds.length, 1, "the kernel is told that there is none, too");
  const ads = await add(lists, "ads", "0.0.0.0 ads.example\n0.0.0.0 ads.example\n<html>\n");
  assert.deepEqual(
    { ...ads.report, junk: ads.report.junk.map(({ line }) => line) },
    { format: "hosts", entries: 1, duplicates: 1, exceptions: 0, notApplicable: 0, junk: [3], junkCount: 1 },
  );
  await add(lists, "bad", "*.bad.example\n*.worse.example\n");
  const again = await state.start();
  for (const each of [lists, again]) {
    assert.equal(each.matchers.get("ads")?.has("ads.example"), "ads.example");
    assert.equal(each.matchers.get("ads")?.has("x.bad.example"), null);
    assert.equal(each.matchers.get("bad")?.has("x.bad.example"), ".bad.example");
  }
  const [, , third, fourth] = state.builds;
  for (const build of [third, fourth]) {
    assert.deepEqual(build?.names, ["ads", "bad"]);
    assert.deepEqual(build && matchName(build.tables, "x.worse.example"), [{ list: 1, entry: ".worse.example" }]);
  }
  assert.deepEqual(again.all(), lists.all());
});

test("what Lists keeps is readable by its owner alone", async (t) => {
  const state = stateOf(t);
  await add(await state.start(), "ads", names(0, 2));
  assert.deepEqual(state.texts(), ["1-1.list"]);
  for (const name of ["index.json", "1-1.list"]) assert.equal(statSync(join(state.folder, name)).mode & 0o777, 0o600);
  assert.equal(statSync(state.folder).mode & 0o777, 0o700);
});

test("Lists.add() refuses what is no list, and leaves nothing behind", async (t) => {
  const state = stateOf(t);
  const lists = await state.start();
  await rejected(add(lists, "web", "<html>\n<body>no</body>\n"), "bad-input", /^Cannot add list "web": .*line 1/);
  await rejected(add(lists, "none", "# nothing\n"), "bad-input", /it has no entries$/);
  await rejected(add(lists, "Ads!", names(0, 2)), "bad-input", /^Cannot call a list "Ads!": expected/);
  await rejected(add(lists, "ads", names(0, 2), "word"), "bad-input", /^Cannot read a list as "word": expected one of .*adblock/);
  await rejected(
    lists.add({ name: "cut", source: "/x", from: { gzip: gzip(names(0, 99)).subarray(0, 40) }, format: null }),
    "bad-input",
    /cannot be read/,
  );
  await add(lists, "ads", names(0, 2));
  await rejected(add(lists, "ads", names(0, 2)), "conflict", /there is one of that name/);
  assert.deepEqual(state.texts(), ["1-1.list"]);
});

test("Lists.update() takes a new text, and keeps the old one when over half its entries are gone", async (t) => {
  const state = stateOf(t);
  const lists = await state.start();
  await add(lists, "ads", names(0, 100));
  const taken = await lists.update("ads", gzip(names(10, 100)));
  assert.equal(taken.outcome, "updated");
  assert.equal(taken.list.report.entries, 90);
  assert.equal(lists.matchers.get("ads")?.has("h5.example"), null);
  assert.deepEqual(state.texts(), ["1-2.list"], "the old text goes");
  const kept = await lists.update("ads", gzip(names(0, 44)));
  assert.equal(kept.outcome, "kept");
  assert.equal(kept.list.problem, "The new version has only 44 entries, over half are gone; the version with 90 entries stays in force");
  assert.equal(lists.matchers.get("ads")?.has("h99.example"), "h99.example");
  assert.deepEqual(state.health.list(), [{ code: "lists", severity: "warning", text: `List "ads" was not updated: ${kept.list.problem}` }]);
  assert.equal((await state.start()).get("ads").problem, kept.list.problem);
  await lists.update("ads", gzip(names(0, 45)));
  assert.deepEqual(state.health.list(), []);
});

test("Lists.except() takes an entry out across updates, and out of no other list", async (t) => {
  const lists = await stateOf(t).start();
  await add(lists, "ads", ".ads.example\n.t.example\n");
  await add(lists, "more", ".ads.example\n", "suffixes");
  await lists.except("ads", "ok.ads.example");
  const said = () => ["ok.ads.example", "x.ads.example"].map((name) => lists.matchers.get("ads")?.has(name));
  assert.deepEqual(said(), [null, ".ads.example"]);
  assert.equal(lists.matchers.get("more")?.has("ok.ads.example"), ".ads.example");
  await lists.update("ads", gzip(".ads.example\n.u.example\n"));
  assert.deepEqual(said(), [null, ".ads.example"]);
  await rejected(lists.except("ads", "not a name"), "bad-input", /^Cannot except "not a name": expected/);
  await rejected(lists.except("none", "a.example"), "not-found", /^Cannot find list "none"/);
});

test("lists whose tables cannot be used are as they were", async (t) => {
  const state = stateOf(t);
  const lists = await state.start();
  await add(lists, "ads", names(0, 10));
  const before = readFileSync(join(state.folder, "index.json"), "utf8");
  state.refuse("no room in the kernel");
  const sentence = /^Cannot use the lists, so nothing was changed: no room in the kernel$/;
  await rejected(add(lists, "more", names(0, 10)), "failed", sentence);
  await rejected(lists.update("ads", gzip(names(0, 11))), "failed", sentence);
  await rejected(lists.except("ads", "h1.example"), "failed", sentence);
  await rejected(lists.remove("ads"), "failed", sentence);
  assert.equal(readFileSync(join(state.folder, "index.json"), "utf8"), before);
  assert.deepEqual(state.texts(), ["1-1.list"]);
  assert.equal(lists.matchers.get("ads")?.has("h1.example"), "h1.example");
  state.refuse(null);
  await lists.remove("ads");
  assert.deepEqual(state.texts(), []);
  assert.equal(lists.matchers.size, 0);
  assert.equal((await add(lists, "ads", names(0, 10))).id, 2, "ids are not given again");
});

test("a start without a text, or with a damaged index, says so and goes on", async (t) => {
  const state = stateOf(t);
  const lists = await state.start();
  await add(lists, "ads", names(0, 10));
  await add(lists, "more", names(0, 10));
  rmSync(join(state.folder, "1-1.list"));
  for (const name of ["9-1.list.new", "0.download"]) writeFileSync(join(state.folder, name), "half");
  const again = await state.start();
  assert.equal(again.matchers.get("more")?.has("h1.example"), "h1.example");
  assert.match(state.health.list()[0]?.text ?? "", /^List "ads": Cannot read its text, so it has nothing on it: /);
  assert.deepEqual(state.texts(), ["2-1.list"], "what was begun and not ended goes");
  writeFileSync(join(state.folder, "index.json"), '{"schema":1,"lastId":1}');
  assert.equal((await state.start()).all().length, 0);
  assert.match(
    state.health.list()[0]?.text ?? "",
    /^Cannot read ".*index.json": "lists": .*; what is there was renamed to ".*lists.damaged-.*", and no list is in use$/,
  );
  assert.deepEqual(state.texts(), [], "the texts went with it");
});

test("Lists.show() finds entries, and the one a name or an address is on", async (t) => {
  const lists = await stateOf(t).start();
  await add(lists, "ads", `.ads.example\nt.example\n${names(0, 1500)}`);
  await add(lists, "net", "192.0.2.0/24\n2001:db8::1-2001:db8::9\n");
  assert.deepEqual(await lists.show("ads", "X.ADS.example"), { total: 0, entries: [], match: ".ads.example" });
  assert.deepEqual(await lists.show("ads", "h149"), {
    total: 11,
    entries: ["h149.example", ...Array.from({ length: 10 }, (_, i) => `h${1490 + i}.example`)],
    match: null,
  });
  const all = await lists.show("ads", null);
  assert.equal(all.total, 1502);
  assert.equal(all.entries.length, 1000);
  assert.deepEqual(await lists.show("net", "192.0.2.77"), { total: 0, entries: [], match: "192.0.2.0/24" });
  assert.deepEqual((await lists.show("net", null)).entries, ["192.0.2.0/24", "2001:db8::1-2001:db8::9"]);
});

const URL_OF = (name: string): string => `https://lists.example/${name}`;
const DAILY = { everySeconds: 86_400, allowHttp: false, allowLocal: false };

function addUrl(lists: Lists, name: string, from = DAILY) {
  return lists.add({ name, source: URL_OF(name), from, format: null });
}

test("Lists.download() says what it has, and takes what is new, unchanged or failed for what it is", async (t) => {
  const state = stateOf(t);
  const { server } = state;
  const lists = await state.start();
  await rejected(addUrl(lists, "ads"), "bad-input", /^Cannot add list "ads": its server answers 404 Not Found$/);
  server.texts.set(URL_OF("ads"), names(0, 100));
  await addUrl(lists, "ads");
  const outcome = async () => {
    const [updated] = await lists.download(["ads"]);
    return [updated?.outcome, updated?.list.report.entries, updated?.list.problem];
  };
  assert.deepEqual(await outcome(), ["unchanged", 100, null]);
  assert.deepEqual(server.asked.at(-1), { url: URL_OF("ads"), etag: String(names(0, 100).length) });
  server.texts.delete(URL_OF("ads"));
  const failed = "Cannot update the list: its server answers 404 Not Found; the version with 100 entries stays in force";
  assert.deepEqual(await outcome(), ["kept", 100, failed]);
  assert.match(state.health.list()[0]?.text ?? "", /^List "ads" was not updated: Cannot update the list: its server answers 404/);
  server.texts.set(URL_OF("ads"), names(0, 49));
  assert.match(String(await outcome()), /^kept,100,The new version has only 49 entries, over half are gone/);
  server.texts.set(URL_OF("ads"), "<html>log in</html>\n");
  assert.match(String(await outcome()), /^kept,100,Cannot use this list: /);
  assert.equal(lists.matchers.get("ads")?.has("h99.example"), "h99.example");
  server.texts.set(URL_OF("ads"), names(0, 51));
  assert.deepEqual(await outcome(), ["updated", 51, null]);
  assert.deepEqual(state.health.list(), []);
  assert.deepEqual(state.texts(), ["1-2.list"], "no download is left");
  await rejected(lists.update("ads", gzip(names(0, 51))), "conflict", /it is downloaded from https/);
});

test("Lists.download() gets several at once, and builds once for all of them", async (t) => {
  const state = stateOf(t);
  const lists = await state.start();
  const all = Array.from({ length: 6 }, (_, i) => `l${i}`);
  for (const name of all) {
    state.server.texts.set(URL_OF(name), names(0, 10));
    await addUrl(lists, name);
  }
  for (const name of all.slice(1)) state.server.texts.set(URL_OF(name), names(0, 11));
  const builds = state.builds.length;
  state.server.most = 0;
  const updates = await lists.download(all);
  assert.deepEqual(
    updates.map(({ outcome }) => outcome),
    ["unchanged", ...Array<string>(5).fill("updated")],
  );
  assert.equal(state.server.most, 4);
  assert.equal(state.builds.length, builds + 1);
  const file = await add(lists, "file", names(0, 3));
  await rejected(lists.download([file.name]), "conflict", /it comes from the file "\/tmp\/file.txt"/);
});

test("Lists.downloadDue() gets what is due, and what failed sooner", async (t) => {
  const state = stateOf(t);
  const { server } = state;
  const lists = await state.start();
  for (const name of ["daily", "asked"]) server.texts.set(URL_OF(name), names(0, 10));
  await addUrl(lists, "daily");
  await lists.add({ name: "asked", source: URL_OF("asked"), from: { ...DAILY, everySeconds: null }, format: null });
  const { checkedMs } = lists.get("daily");
  const after = async (ms: number): Promise<string[]> => {
    server.asked.length = 0;
    await lists.downloadDue(lists.get("daily").checkedMs + ms);
    return server.asked.map(({ url }) => url);
  };
  assert.deepEqual(await after(86_399_000), []);
  assert.equal(lists.get("daily").checkedMs, checkedMs);
  assert.deepEqual(await after(86_400_000), [URL_OF("daily")]);
  server.texts.delete(URL_OF("daily"));
  assert.deepEqual(await after(86_400_000), [URL_OF("daily")]);
  assert.deepEqual(await after(3_599_000), []);
  assert.deepEqual(await after(3_600_000), [URL_OF("daily")]);
});

test("a list that is removed while it is downloaded stays removed", async (t) => {
  const state = stateOf(t);
  const lists = await state.start();
  state.server.texts.set(URL_OF("ads"), names(0, 10));
  await addUrl(lists, "ads");
  state.server.texts.set(URL_OF("ads"), names(0, 11));
  const [updates] = await Promise.all([lists.download(["ads"]), lists.remove("ads")]);
  assert.deepEqual(updates, []);
  assert.deepEqual(lists.all(), []);
  assert.deepEqual(state.texts(), []);
});

test("the service adds a list with its rule, takes both away, and explain() knows the list", async (t) => {
  const fake = new FakeEngine();
  t.after(() => fake.remove());
  const { service, engine } = fake;
  await engine.lists.ready;
  const content = Buffer.from(gzip("0.0.0.0 ads.example\n")).toString("base64");
  const none = { every: null, allowHttp: false, allowLocal: false };
  const reply = await service.addList({ name: "ads", source: "/tmp/ads", content, format: null, rule: true, ...none });
  assert.equal(reply.warning, null);
  assert.deepEqual(
    engine
      .store()
      .rules()
      .map(({ id, text }) => [id, text]),
    [[reply.rule, "deny any -> list:ads"]],
  );
  assert.equal(engine.environment.lists.get("ads")?.has("ads.example"), "ads.example");
  assert.equal((await service.addList({ name: "b", source: "/tmp/b", content, format: null, rule: false, ...none })).warning, null);
  assert.deepEqual(
    (await service.listLists({})).lists.map(({ name, entries }) => [name, entries]),
    [
      ["ads", 1],
      ["b", 1],
    ],
  );
  const web = (source: string) => service.addList({ name: "w", source, content: null, format: null, rule: false, ...none });
  await rejected(web("ftp://example.org/x"), "bad-input", /^Cannot download "ftp:\/\/example.org\/x": expected a URL like https/);
  await rejected(web("https://me:secret@example.org/x"), "bad-input", /^Cannot use a URL with a user name or password/);
  await rejected(service.updateList({ name: "ads", content: "bm8=" }), "bad-input", /^Cannot read "content"/);
  assert.deepEqual(await service.removeList({ name: "ads" }), { name: "ads", rule: reply.rule });
  assert.deepEqual(engine.store().rules(), []);
  assert.deepEqual([...engine.environment.lists.keys()], ["b"]);
});

// SPDX-License-Identifier: Apache-2.0
/** Blocklists as a user has them: the real command, the real daemon, and a start that finds them again. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { withFirewall } from "./firewall.ts";

test("holdfast lists add keeps a list that a new daemon has from its start", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  await withFirewall("allow", async (firewall) => {
    const file = join(firewall.world.dir, "Ads.txt");
    const write = (from: number, to: number): void =>
      writeFileSync(file, Array.from({ length: to - from }, (_, i) => `0.0.0.0 h${from + i}.example\n`).join(""));
    write(0, 1000);
    const added = await firewall.hf("lists", "add", file);
    assert.equal(added.status, 0);
    assert.equal(added.stderr, "");
    await firewall.must("lists", "except", "ads", "h7.example");
    write(0, 400);
    const kept = await firewall.hf("lists", "update");
    assert.equal(kept.status, 1);
    assert.match(kept.stderr, /^List ads was not updated: The new version has only 400 entries, over half are gone/);
    await firewall.kill9();
    await firewall.up("allow");
    const { lists } = await firewall.client.listLists({});
    assert.deepEqual(
      lists.map(({ name, source, entries, exceptions }) => ({ name, source, entries, exceptions })),
      [{ name: "ads", source: file, entries: 1000, exceptions: ["h7.example"] }],
    );
    const on = async (search: string) => (await firewall.client.showList({ name: "ads", search })).match;
    assert.deepEqual([await on("h999.example"), await on("h7.example")], ["h999.example", null]);
    assert.match((await firewall.client.status({})).health.map(({ text }) => text).join(), /List "ads" was not updated/);
    write(0, 1200);
    await firewall.must("lists", "update", "ads");
    assert.equal(await on("h1199.example"), "h1199.example");
    assert.equal((await firewall.must("lists", "rm", "ads")).name, "ads");
    assert.deepEqual(await firewall.must("lists", "ls"), { schema: 1, lists: [] });
  });
});

test("holdfast lists add URL downloads as nobody, what is local only with --allow-local", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  let text = "0.0.0.0 ads.example\n0.0.0.0 t.example\n";
  const server = createServer((_request, reply) => reply.end(text)).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hosts`;
  await withFirewall("allow", async (firewall) => {
    const add = (...more: string[]) => firewall.hf("lists", "add", url, "--no-rule", ...more);
    const refused = await add("--allow-http");
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /^Cannot add list "hosts": "127\.0\.0\.1" is an address of this machine, .*--allow-local allows it$/m);
    assert.match((await add("--allow-local")).stderr, /is not encrypted; --allow-http allows it$/m);
    const added = await add("--allow-http", "--allow-local", "--every", "1d");
    assert.equal(added.stderr, "");
    text += "0.0.0.0 u.example\n";
    await firewall.must("lists", "update", "hosts");
    const { lists } = await firewall.client.listLists({});
    assert.deepEqual(
      lists.map(({ name, source, every, entries }) => ({ name, source, every, entries })),
      [{ name: "hosts", source: url, every: 86_400, entries: 3 }],
    );
  });
});

test("holdfast rules import brings the lists its rules name", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  await withFirewall("allow", async (firewall) => {
    const file = join(firewall.world.dir, "ads.lsrules");
    const denied = Array.from({ length: 40 }, (_, i) => `d${i}.example`);
    const addresses = Array.from({ length: 40 }, (_, i) => `198.51.100.${2 * i}`);
    const hosts = Array.from({ length: 40 }, (_, i) => `h${i}.example`);
    const value = { "denied-remote-domains": denied, "denied-remote-addresses": addresses, "denied-remote-hosts": hosts };
    writeFileSync(file, JSON.stringify({ name: "Ads", ...value }));
    await firewall.must("rules", "import", file);
    const verdictOf = async (to: string) => (await firewall.client.explain({ app: "/usr/bin/curl", to, port: 443 })).verdict;
    for (const to of ["d39.example", "x.d0.example", "198.51.100.78", "h7.example"]) assert.equal(await verdictOf(to), "deny", to);
    for (const to of ["d40.example", "198.51.100.77", "x.h7.example"]) assert.equal(await verdictOf(to), "allow", to);
    const { lists } = await firewall.client.listLists({});
    assert.equal(
      lists.reduce((sum, { entries }) => sum + entries, 0),
      120,
    );
    const update = await firewall.hf("lists", "update", lists[0]?.name ?? "");
    assert.equal(update.status, 2);
    assert.match(update.stderr, /^Cannot update list "ads": it came with an import of .*ads.lsrules; remove it, and import that anew$/m);
    assert.equal((await firewall.hf("lists", "update")).status, 0);
    const again = await firewall.hf("rules", "import", file);
    assert.equal(again.status, 1);
    assert.match(again.stderr, /^Cannot add list "ads": there is one of that name/);
    assert.equal((await firewall.client.listLists({})).lists.length, lists.length);
  });
});

test("holdfast restore brings the lists of a backup back, read and downloaded anew", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const server = createServer((_request, reply) => reply.end("far.example\nnear.example\n")).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/far.txt`;
  await withFirewall("allow", async (firewall) => {
    const file = join(firewall.world.dir, "ads.txt");
    const backup = join(firewall.world.dir, "backup.json");
    writeFileSync(file, "one.example\ntwo.example\n");
    await firewall.must("lists", "add", file, "--format", "suffixes");
    await firewall.must("lists", "except", "ads", "ok.one.example");
    await firewall.must("lists", "add", url, "--allow-http", "--allow-local", "--every", "1d", "--no-rule");
    const looks = async () =>
      (await firewall.client.listLists({})).lists.map(({ added: _added, updated: _updated, checked: _checked, ...list }) => list);
    const before = await looks();
    assert.equal((await firewall.must("backup", backup)).lists, 2);
    const restored = async () => (await firewall.must("restore", backup)).lists;
    const both = (outcome: string) => ["ads", "far"].map((name) => ({ name, outcome, problem: null }));
    assert.deepEqual(await restored(), both("there"));
    for (const name of ["ads", "far"]) await firewall.must("lists", "rm", name);
    assert.deepEqual(await restored(), both("added"));
    assert.deepEqual(await looks(), before);
    const { verdict } = await firewall.client.explain({ app: "/usr/bin/curl", to: "x.two.example", port: 443 });
    assert.equal(verdict, "deny", "the list's rule is back, and once");
    assert.equal((await firewall.client.listRules({})).rules.filter(({ text }) => text === "deny any -> list:ads").length, 1);
    await firewall.must("lists", "rm", "ads");
    await firewall.must("lists", "add", url, "--name", "ads", "--allow-http", "--allow-local", "--no-rule");
    const taken = await firewall.hf("restore", backup);
    assert.equal(taken.status, 1);
    assert.match(taken.stderr, /^List ads is not there: a list of that name comes from elsewhere; "holdfast lists rm ads"/);
  });
});

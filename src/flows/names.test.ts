// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { NameBook, type NamesLearnt } from "./names.ts";

const answer = (name: string, tgid = 1, more: Partial<NamesLearnt> = {}): NamesLearnt => ({
  names: [name],
  addresses: ["192.0.2.1"],
  source: "dns",
  tgid,
  netns: 1n,
  trusted: true,
  untilMs: 1000,
  ...more,
});
const namesOf = (book: NameBook, tgid: number, address = "192.0.2.1"): string[] =>
  book.of(address, { netns: 1n, tgid }).map(({ name }) => name);

test("NameBook.of() puts a process's own questions first, then newer before older, the hosts file last", () => {
  const book = new NameBook();
  book.setHosts(new Map([["192.0.2.1", ["printer", "old.example"]]]));
  book.learn(answer("old.example", 1));
  book.learn(answer("mid.example", 2));
  book.learn(answer("new.example", 1));
  assert.deepEqual(namesOf(book, 1), ["new.example", "old.example", "mid.example", "printer"]);
  assert.deepEqual(namesOf(book, 2), ["mid.example", "new.example", "old.example", "printer"]);
  assert.deepEqual(book.of("192.0.2.1", { netns: 1n, tgid: 2 })[0], { name: "mid.example", source: "dns", own: true });
  assert.deepEqual(book.of("192.0.2.1", { netns: 1n, tgid: 2 }).at(-1), { name: "printer", source: "hosts", own: false });
});

test("NameBook.of() gives what a name stands for after the name itself, each once", () => {
  const book = new NameBook();
  book.learn(answer("www.example", 1, { names: ["www.example", "edge.cdn.example"] }));
  book.learn(answer("img.example", 1, { names: ["img.example", "edge.cdn.example"] }));
  assert.deepEqual(namesOf(book, 1), ["img.example", "edge.cdn.example", "www.example"]);
  assert.deepEqual(book.of("192.0.2.2", { netns: 1n, tgid: 1 }), []);
});

test("NameBook keeps one entry a question and process, however often it is answered", () => {
  const book = new NameBook({ maxAnswers: 2 });
  for (let i = 0; i < 5; i++) book.learn(answer("a.example"));
  book.learn(answer("b.example"));
  assert.deepEqual(namesOf(book, 1), ["b.example", "a.example"]);
  book.learn(answer("c.example"));
  assert.deepEqual(namesOf(book, 1), ["c.example", "b.example"]);
});

test("NameBook forgets nothing that a configured resolver said for what others say", () => {
  const book = new NameBook({ maxAnswers: 2, maxAddresses: 2 });
  book.learn(answer("true.example", 1));
  for (let i = 0; i < 5; i++) {
    book.learn(answer(`lie${i}.example`, 2, { trusted: false }));
    book.learn(answer("lie.example", 2, { trusted: false, addresses: [`192.0.2.${i + 2}`] }));
  }
  assert.equal(namesOf(book, 1)[0], "true.example");
});

test("NameBook forgets the address it heard of longest ago", () => {
  const book = new NameBook({ maxAddresses: 2 });
  for (const address of ["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3"]) book.learn(answer("a.example", 1, { addresses: [address] }));
  assert.equal(book.size, 2);
  assert.deepEqual(namesOf(book, 1, "192.0.2.2"), []);
  assert.deepEqual(namesOf(book, 1, "192.0.2.1"), ["a.example"]);
});

test("NameBook.candidates() leaves out what another process may have made up, what has grown old, and what was said in another namespace", () => {
  const book = new NameBook();
  book.learn(answer("forged.example", 1, { trusted: false }));
  book.learn(answer("true.example", 1));
  book.learn(answer("elsewhere.example", 1, { netns: 2n }));
  book.setHosts(new Map([["192.0.2.1", ["printer", "printer.lan"]]]));
  const candidates = (tgid: number, nowMs: number) =>
    book.candidates("192.0.2.1", { netns: 1n, tgid }, nowMs).map(({ names, own, trusted }) => [names.join(" "), own, trusted]);
  const hosts = ["printer printer.lan", false, true];
  assert.deepEqual(candidates(1, 1000), [["true.example", true, true], ["forged.example", true, false], hosts]);
  assert.deepEqual(candidates(2, 1000), [["true.example", false, true], hosts]);
  assert.deepEqual(candidates(2, 1001), [hosts]);
  assert.deepEqual(book.addressesOf("true.example"), ["192.0.2.1"]);
});

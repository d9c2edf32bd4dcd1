// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { NameBook, type NamesLearnt } from "./names.ts";

const answer = (name: string, tgid = 1, more: Partial<NamesLearnt> = {}): NamesLearnt => ({
  names: [name],
  addresses: ["192.0.2.1"],
  source: "dns",
  tgid,
  ...more,
});
const namesOf = (book: NameBook, tgid: number, address = "192.0.2.1"): string[] => book.of(address, tgid).map(({ name }) => name);

test("NameBook.of() puts a process's own questions first, then newer before older, the hosts file last", () => {
  const book = new NameBook();
  book.setHosts(new Map([["192.0.2.1", ["printer", "old.example"]]]));
  book.learn(answer("old.example", 1));
  book.learn(answer("mid.example", 2));
  book.learn(answer("new.example", 1));
  assert.deepEqual(namesOf(book, 1), ["new.example", "old.example", "mid.example", "printer"]);
  assert.deepEqual(namesOf(book, 2), ["mid.example", "new.example", "old.example", "printer"]);
  assert.deepEqual(book.of("192.0.2.1", 2)[0], { name: "mid.example", source: "dns", own: true });
  assert.deepEqual(book.of("192.0.2.1", 2).at(-1), { name: "printer", source: "hosts", own: false });
});

test("NameBook.of() gives what a name stands for after the name itself, each once", () => {
  const book = new NameBook();
  book.learn(answer("www.example", 1, { names: ["www.example", "edge.cdn.example"] }));
  book.learn(answer("img.example", 1, { names: ["img.example", "edge.cdn.example"] }));
  assert.deepEqual(namesOf(book, 1), ["img.example", "edge.cdn.example", "www.example"]);
  assert.deepEqual(book.of("192.0.2.2", 1), []);
});

test("NameBook keeps one entry a question and process, however often it is answered", () => {
  const book = new NameBook({ maxAnswers: 2 });
  for (let i = 0; i < 5; i++) book.learn(answer("a.example"));
  book.learn(answer("b.example"));
  assert.deepEqual(namesOf(book, 1), ["b.example", "a.example"]);
  book.learn(answer("c.example"));
  assert.deepEqual(namesOf(book, 1), ["c.example", "b.example"]);
});

test("NameBook forgets the address it heard of longest ago", () => {
  const book = new NameBook({ maxAddresses: 2 });
  for (const address of ["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3"]) book.learn(answer("a.example", 1, { addresses: [address] }));
  assert.equal(book.size, 2);
  assert.deepEqual(namesOf(book, 1, "192.0.2.2"), []);
  assert.deepEqual(namesOf(book, 1, "192.0.2.1"), ["a.example"]);
});

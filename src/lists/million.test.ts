// SPDX-License-Identifier: Apache-2.0
/** A million names and 200,000 prefixes: what they take, counted; how long, printed. */
import assert from "node:assert/strict";
import test from "node:test";
import { buildLists } from "./build.ts";
import { readEntries } from "./entries.ts";
import { testKey } from "./lists.fixture.ts";
import { hitsOf } from "./match.ts";
import { parseList } from "./parse.ts";

const NAMES = 1_000_000;
/** As long as names of real lists (20 characters in the middle), and as alike: the hard case for a hash. */
const name = (i: number): string => `${["ads", "t", "px", "cdn", "s"][i % 5]}${i}.site${i % 4001}.com`;

function timed<T>(what: string, t: { diagnostic: (message: string) => void }, work: () => T): T {
  const start = performance.now();
  const result = work();
  t.diagnostic(`${what}: ${Math.round(performance.now() - start)} ms`);
  return result;
}

test("a million names take 8,421,056 bytes, all are found, and none besides", (t) => {
  const text = new TextEncoder().encode(Array.from({ length: NAMES }, (_, i) => `0.0.0.0 ${name(i)}\n`).join(""));
  const { entries, report } = timed("read 1,000,000 names", t, () => parseList(text));
  assert.deepEqual(
    { format: report.format, entries: report.entries, duplicates: report.duplicates },
    { format: "hosts", entries: NAMES, duplicates: 0 },
  );
  const tables = timed("build", t, () => buildLists([{ entries, exceptions: [] }], testKey(2)));
  assert.equal(tables.names.names, NAMES);
  assert.equal(tables.names.bytes, 8_421_056);
  timed("300,000 lookups", t, () => {
    for (let i = 0; i < NAMES; i += 10) assert.equal(hitsOf(tables, name(i)).length, 1);
    for (let i = 0; i < NAMES; i += 5) assert.equal(hitsOf(tables, `x${name(i)}`).length, 0);
  });
});

test("two lists of the same million names take no more than one", (t) => {
  const text = new TextEncoder().encode(Array.from({ length: 200_000 }, (_, i) => `${name(i)}\n`).join(""));
  const { entries } = parseList(text);
  const source = { entries, exceptions: [] };
  const tables = timed("build 2 x 200,000 names", t, () => buildLists([source, source], testKey(3)));
  assert.equal(tables.names.names, 200_000);
  assert.equal(tables.names.buckets, Math.ceil(200_000 / 0.95 / 8));
});

test("200,000 prefixes take at most 16 bytes each for IPv4 and 48 for IPv6", (t) => {
  const v4 = Array.from({ length: 100_000 }, (_, i) => `${1 + (i % 200)}.${(i >> 4) & 255}.${(i * 7) & 255}.${(i * 2) & 254}/31`);
  const v6 = Array.from({ length: 100_000 }, (_, i) => `2001:db8:${i.toString(16).slice(-4)}:${(i >> 12).toString(16)}::/64`);
  const { entries } = timed("read 200,000 prefixes", t, () => readEntries([...v4, ...v6]));
  const tables = timed("build", t, () => buildLists([{ entries, exceptions: [] }], testKey(4)));
  assert.ok(tables.v4.bytes <= 16 * 100_000 + 8);
  assert.ok(tables.v6.bytes <= 48 * 100_000 + 24);
});

// SPDX-License-Identifier: Apache-2.0
/** bpf/name_hash.h, compiled for the host, finds what match.ts finds. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before, suite } from "node:test";
import fc from "fast-check";
import { hostName } from "../contract/name.ts";
import { buildLists, type ListTables } from "./build.ts";
import { NO_CLASS } from "./classes.ts";
import { classAt } from "./exceptions.ts";
import { Suffixes } from "./hash.ts";
import { listOf, testKey } from "./lists.fixture.ts";

const ROOT = join(import.meta.dirname, "../..");

type Answer = { readonly sum: bigint; readonly class: number };

function inputOf({ key, names }: ListTables, asked: readonly string[]): Buffer {
  const head = Uint32Array.from([names.buckets, 0, ...names.depths]);
  const questions = asked.flatMap((name) => [Buffer.from(Uint32Array.of(name.length).buffer), Buffer.from(name)]);
  return Buffer.concat([...[key.words, head, names.words].map((words) => Buffer.from(words.buffer as ArrayBuffer)), ...questions]);
}

/** What the program wrote: for each name its suffixes, shortest first. */
function answersIn(output: Buffer): Answer[][] {
  const answers: Answer[][] = [];
  for (let at = 0; at < output.length; ) {
    const count = output.readUInt32LE(at);
    const from = at + 4;
    answers.push(
      Array.from({ length: count }, (_, i) => ({
        sum: output.readBigUInt64LE(from + 16 * i),
        class: output.readUInt32LE(from + 16 * i + 8),
      })),
    );
    at = from + 16 * count;
  }
  return answers;
}

function answersHere({ key, names }: ListTables, name: string): Answer[] {
  const suffixes = new Suffixes();
  suffixes.read(key, Buffer.from(name), 0, name.length);
  return Array.from({ length: suffixes.count }, (_, n) => ({
    sum: BigInt.asUintN(64, (BigInt(suffixes.high[n] ?? 0) << 32n) | BigInt((suffixes.low[n] ?? 0) >>> 0)),
    class: classAt(names, suffixes, n),
  }));
}

suite("name_hash.h", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-names-"));
  const program = join(folder, "name_host");
  const ask = (tables: ListTables, names: readonly string[]): Answer[][] =>
    answersIn(execFileSync(program, { input: inputOf(tables, names), maxBuffer: 1 << 28 }));

  before(() => {
    execFileSync("cc", [
      "-O2",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-I",
      join(ROOT, "bpf"),
      join(ROOT, "test/native/name_host.c"),
      "-o",
      program,
    ]);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const name = fc
    .array(fc.stringMatching(/^[a-z0-9_]([a-z0-9_-]{0,18}[a-z0-9_])?$/), { minLength: 1, maxLength: 9 })
    .map((labels) => `${labels.join(".")}.example`);

  test("name_find() agrees with find() on random names, members and others", () => {
    let found = 0;
    fc.assert(
      fc.property(
        fc.integer(),
        fc.uniqueArray(name, { minLength: 20, maxLength: 300 }),
        fc.array(name, { maxLength: 50 }),
        (seed, members, others) => {
          const valid = members.filter((member) => hostName(member) !== null);
          const tables = buildLists([listOf(valid), listOf(valid.slice(0, 50).map((member) => `.${member}`))], testKey(seed));
          const asked = [...members, ...others, ...members.map((member) => `www.${member}`)];
          const answers = ask(tables, asked);
          assert.equal(answers.length, asked.length);
          for (const [i, answer] of answers.entries()) assert.deepEqual(answer, answersHere(tables, asked[i] ?? ""));
          found += answers.flat().filter((answer) => answer.class !== NO_CLASS).length;
        },
      ),
      { numRuns: 60 },
    );
    assert.ok(found > 1000, `${found} found`);
  });

  test("name_find() agrees with find() in a full table, and for the longest name", () => {
    const members = Array.from({ length: 50_000 }, (_, i) => `h${i}.site${i % 100}.example`);
    const longest = ["a".repeat(60), ...Array.from({ length: 96 }, () => "b")].join(".");
    const tables = buildLists([listOf([...members, longest])], testKey(7));
    const asked = [longest, `c${longest.slice(1)}`, "a.".repeat(126).concat("a"), ...members];
    for (const [i, answer] of ask(tables, asked).entries()) {
      assert.deepEqual(answer, answersHere(tables, asked[i] ?? ""));
      if (i === 0 || i > 2) assert.equal(answer.at(-1)?.class, 1);
    }
    assert.equal(longest.length, 252);
  });
});

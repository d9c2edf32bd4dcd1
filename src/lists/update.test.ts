// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import { parseList } from "./parse.ts";
import { judgeUpdate, type NewVersion } from "./update.ts";

function version(text: string): NewVersion {
  return { ok: true, report: parseList(new TextEncoder().encode(text)).report };
}

const names = (count: number): string => Array.from({ length: count }, (_, i) => `n${i}.example\n`).join("");

suite("judgeUpdate()", () => {
  /** Entries in force, new version, why it is not taken. */
  const cases: [string, number | null, NewVersion, string | null][] = [
    ["takes a first version", null, version(names(3)), null],
    ["takes one that grew", 10, version(names(1000)), null],
    ["takes one that lost half", 10, version(names(5)), null],
    [
      "keeps the one in force when over half is gone",
      1001,
      version(names(500)),
      "The new version has only 500 entries, over half are gone; the version with 1,001 entries stays in force",
    ],
    [
      "keeps the one in force when there is no new one",
      10,
      { ok: false, problem: "the server answered 503" },
      "Cannot update the list: the server answered 503; the version with 10 entries stays in force",
    ],
    [
      "keeps the one in force when the new one is empty",
      10,
      version("# nothing\n"),
      "Cannot use this list: it has no entries; the version with 10 entries stays in force",
    ],
    [
      "refuses a page that is no list",
      null,
      version("<!DOCTYPE html>\n<html>\n"),
      "Cannot use this list: 2 lines are junk as domains, the first is line 1: not a host name: expected one like ads.example.com",
    ],
    [
      "refuses a list about something else",
      null,
      version("[Adblock Plus 2.0]\n##.ad\n"),
      "Cannot use this list: its 1 rule is about something else than whole hosts, domains or addresses",
    ],
  ];
  for (const [sentence, previous, next, why] of cases) {
    test(`judgeUpdate() ${sentence}`, () => {
      const judged = judgeUpdate(previous, next);
      assert.equal(judged.accepted ? null : judged.why, why);
    });
  }
});

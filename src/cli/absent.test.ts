// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRule } from "../rules/parse.ts";
import { absentWords } from "./absent.ts";

function words(text: string, passwd?: string): string[] {
  const parsed = parseRule(text);
  assert.ok(parsed.ok, text);
  return absentWords(parsed.rule, ["ads"], passwd);
}

test("absentWords() names files, users and lists of a rule that are not on this machine, and nothing it cannot know", () => {
  const file = (path: string) => `There is no file "${path}" here: until there is, the rule matches no program`;
  assert.deepEqual(words("allow /nonexistent/curl -> any"), [file("/nonexistent/curl")]);
  assert.deepEqual(words("allow /bin/sh/x via /nonexistent/b -> any"), [file("/bin/sh/x"), file("/nonexistent/b")]);
  assert.deepEqual(words("allow script:/nonexistent/a.py -> any"), [file("/nonexistent/a.py")]);
  assert.deepEqual(words("deny user:no-such-user -> any"), [`There is no user "no-such-user" here: the rule matches nobody`]);
  const list = `There is no list "adds" here: until "holdfast lists add" makes it, nothing is on it`;
  const parsed = parseRule("deny any -> list:ads,list:adds");
  assert.deepEqual(parsed.ok && absentWords(parsed.rule, ["ads"]), [list]);
  for (const known of ["any", "/bin/sh", "/nonexistent/**", "user:root /bin/sh", "user:4242", "unit:no-such.service"])
    assert.deepEqual(words(`deny ${known} -> any`), [], known);
  assert.deepEqual(words("deny user:no-such-user -> any", "/nonexistent/passwd"), []);
});

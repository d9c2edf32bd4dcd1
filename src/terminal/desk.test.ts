// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { QUESTION } from "../../test/fake-backend.ts";
import type { Question } from "../contract/api.ts";
import { Desk } from "./desk.ts";

function asked(id: number, more: Partial<Question> = {}) {
  return { schema: 1, kind: "question", question: { ...QUESTION, id, ...more } } as const;
}

const closed = (id: number) => ({ schema: 1, kind: "question-closed", id, answer: null, rule: null }) as const;

test("Desk.take() never puts a new question in the place of the one shown", () => {
  const desk = new Desk();
  assert.equal(desk.answer("a"), null);
  assert.equal(desk.take(asked(1)), true);
  assert.equal(desk.take(asked(2)), false);
  assert.equal(desk.take(asked(1, { flows: 9 })), false);
  assert.equal(desk.answer("d")?.id, 1);
  assert.equal(desk.take(closed(2)), false);
  assert.equal(desk.take(asked(3)), false);
  assert.equal(desk.take(closed(1)), true);
  assert.equal(desk.answer("d")?.id, 3);
  assert.equal(desk.remove(3), false);
  assert.deepEqual(desk.lines(), []);
});

test("Desk.key() sets the answer; each question starts with the default", () => {
  const desk = new Desk();
  desk.take(asked(1, { scopes: ["exact", "host", "any"] }));
  desk.take(asked(2));
  assert.deepEqual(desk.answer("a"), { id: 1, action: "allow", scope: "host", anyPort: false, lifetime: { kind: "ever" } });
  for (const key of ["s", "p", "t"]) assert.equal(desk.key(key), true);
  assert.deepEqual(desk.answer("a"), { id: 1, action: "allow", scope: "any", anyPort: true, lifetime: { kind: "quit" } });
  assert.deepEqual(desk.answer("n"), { id: 1, action: "deny", scope: "any", anyPort: true, lifetime: { kind: "once" } });
  assert.equal(desk.answer("x"), null);
  assert.equal(desk.key("x"), false);
  desk.key("down");
  assert.deepEqual(desk.answer("d"), { id: 2, action: "deny", scope: "exact", anyPort: false, lifetime: { kind: "ever" } });
  desk.key("down");
  assert.equal(desk.answer("d")?.id, 1);
  desk.key("up");
  assert.equal(desk.answer("o")?.id, 2);
});

test("Desk.tooSoon() is true until a moment after a question that came up by itself was drawn, not after a key", () => {
  const desk = new Desk();
  desk.take(asked(1));
  assert.equal(desk.tooSoon(999_999), true);
  desk.drawn(null, 500);
  desk.drawn(2, 600);
  assert.equal(desk.tooSoon(999_999), true);
  desk.drawn(1, 1000);
  desk.drawn(1, 1500);
  assert.deepEqual([desk.tooSoon(1600), desk.tooSoon(1700)], [true, false]);
  desk.take(asked(2));
  desk.key("down");
  assert.equal(desk.tooSoon(2001), false);
  desk.take(closed(2));
  desk.drawn(2, 2900);
  assert.equal(desk.tooSoon(999_999), true);
  desk.drawn(1, 3000);
  assert.deepEqual([desk.current()?.id, desk.tooSoon(3100), desk.tooSoon(3700)], [1, true, false]);
});

// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { OUTBOX_LINES, Outbox } from "./outbox.ts";

function slowReader() {
  const got: string[] = [];
  const state = { takes: 1 };
  const write = (line: string): boolean => {
    got.push(line);
    state.takes -= 1;
    return state.takes > 0;
  };
  const outbox = new Outbox({ write }, "resync");
  const takes = (lines: number): void => {
    state.takes = lines;
    outbox.ready();
  };
  return { got, outbox, takes };
}

test("Outbox.put() keeps lines for a reader that is not ready, in order", () => {
  const { got, outbox, takes } = slowReader();
  for (const line of ["1", "2", "3"]) outbox.put(line);
  assert.deepEqual(got, ["1"]);
  takes(1);
  assert.deepEqual(got, ["1", "2"]);
  outbox.put("4");
  takes(10);
  assert.deepEqual(got, ["1", "2", "3", "4"]);
});

test("Outbox.put() drops the oldest lines when there are too many, and says so once", () => {
  const { got, outbox, takes } = slowReader();
  outbox.put("first");
  for (let i = 1; i <= OUTBOX_LINES + 2; i++) outbox.put(String(i));
  takes(OUTBOX_LINES * 2);
  assert.deepEqual(got.slice(0, 3), ["first", "resync", "3"]);
  assert.equal(got.at(-1), String(OUTBOX_LINES + 2));
  assert.equal(got.length, OUTBOX_LINES + 2);
});

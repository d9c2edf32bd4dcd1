// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { FLOW, HOSTILE_SHOWN, QUESTION } from "../../test/fake-backend.ts";
import { Desk } from "./desk.ts";
import { type ScreenState, screenLines } from "./screen.ts";
import { cells } from "./table.ts";

function state(questions: number, flows: number): ScreenState {
  const desk = new Desk();
  for (let id = 1; id <= questions; id++) desk.take({ kind: "question", question: { ...QUESTION, id } });
  return {
    version: "0.1.0",
    mode: "ask",
    scope: "/sys/fs/cgroup",
    revision: 3,
    inForce: true,
    health: [{ code: "x", severity: "warning", text: "Something is amiss" }],
    desk,
    flows: Array.from({ length: flows }, (_, i) => ({ ...FLOW, id: flows - i })),
    said: "Said",
  };
}

test("screenLines() never has more lines or cells than the terminal, however many questions and flows there are", () => {
  for (const rows of [1, 5, 12, 24, 60])
    for (const columns of [20, 80, 200])
      for (const [questions, flows] of [
        [0, 0],
        [1, 100],
        [30, 100],
      ] as const) {
        const lines = screenLines(state(questions, flows), { columns, rows });
        assert.ok(lines.length <= Math.max(1, rows - 1), `${lines.length} lines in ${rows} rows`);
        for (const { text } of lines) assert.ok(cells(text) <= columns, text);
      }
});

test("screenLines() shows the question, its keys and the newest flows, and text from outside made visible", () => {
  const text = screenLines(state(7, 3), { columns: 200, rows: 40 })
    .map((line) => line.text)
    .join("\n");
  assert.match(text, /^warning: Something is amiss$/m);
  assert.match(text, /^7 open questions {3}\[↑↓\] choose$/m);
  assert.match(text, /^ {4}\[a\]llow {2}\[d\]eny/m);
  assert.match(text, /^ {4}and 2 more$/m);
  assert.ok(text.includes(HOSTILE_SHOWN));
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u202e]/);
  assert.equal(screenLines(state(7, 40), { columns: 200, rows: 40 }).length, 39);
});

test("screenLines() says so when the rules are not in force", () => {
  const lines = screenLines({ ...state(0, 0), inForce: false }, { columns: 200, rows: 24 });
  assert.match(lines[0]?.text ?? "", /NOT in force/);
  assert.ok(lines.some(({ text }) => text === "No open questions"));
  assert.ok(lines.some(({ text }) => text === "No flows yet"));
});

// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { cells, fit, table } from "./table.ts";

test("cells() counts what a terminal shows", () => {
  assert.equal(cells("curl"), 4);
  assert.equal(cells("日本"), 4);
  assert.equal(cells("e\u0301"), 1);
});

test("fit() cuts what does not fit", () => {
  assert.equal(fit("curl", 4), "curl");
  assert.equal(fit("/usr/bin/curl", 5), "/usr…");
  assert.equal(fit("日本語", 4), "日…");
  assert.equal(fit("x", 0), "");
});

test("table() aligns columns and narrows those that may shrink", () => {
  const columns = [{ title: "ID", right: true }, { title: "PROGRAM", shrink: true }, { title: "PORT" }] as const;
  const rows = [
    ["7", "/usr/bin/curl", "tcp/443"],
    ["12", "/opt/日本", "udp/53"],
  ];
  assert.deepEqual(table(columns, rows, { width: null }), [
    "ID  PROGRAM        PORT",
    " 7  /usr/bin/curl  tcp/443",
    "12  /opt/日本      udp/53",
  ]);
  const narrow = table(columns, rows, { width: 22 });
  assert.equal(narrow[1], " 7  /usr/bin…  tcp/443");
  assert.ok(table(columns, rows, { width: 5 }).every((line) => line.includes("tcp") || line.includes("udp") || line.includes("PORT")));
});

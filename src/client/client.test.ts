// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { PATHS } from "../contract/routes.ts";
import { address, createClient, type Transport } from "./client.ts";

test("address() spreads a request over path, query and body", () => {
  assert.deepEqual(address(PATHS.removeRule, { id: 7 }), { path: "/v1/rules/7", body: undefined });
  assert.deepEqual(address(PATHS.setRuleEnabled, { id: 7, enabled: false }), { path: "/v1/rules/7/enabled", body: { enabled: false } });
  assert.deepEqual(address(PATHS.listFlows, { app: "a b&c", to: null, undecided: true }), {
    path: "/v1/flows?app=a%20b%26c&undecided=true",
    body: undefined,
  });
  assert.deepEqual(address(PATHS.undo, {}), { path: "/v1/undo", body: {} });
  assert.equal(address(PATHS.setGroupEnabled, { name: "a/$&\udcff", enabled: true }).path, "/v1/groups/a%2F%24%26%EF%BF%BD/enabled");
});

function answering(status: number, body: unknown): Transport {
  return {
    request: async () => ({ status, body }),
    stream: async function* () {
      yield { status, body };
    },
  };
}

test("createClient() turns an error reply into a Failure with its code and problems", async () => {
  const problems = [{ file: null, line: 1, column: 2, message: "no" }];
  const client = createClient(answering(400, { schema: 1, error: { code: "bad-input", message: "No", problems } }));
  await assert.rejects(client.undo({}), { name: "Failure", code: "bad-input", message: "No", problems });
  await assert.rejects(client.events(["flows"], new AbortController().signal)[Symbol.asyncIterator]().next(), { code: "bad-input" });
});

test("createClient() fails on answers of another program", async () => {
  for (const body of [null, "x", {}, { error: null }, { error: {} }]) {
    await assert.rejects(createClient(answering(500, body)).status({}), { code: "failed" });
  }
  await assert.rejects(createClient(answering(500, { error: { code: "toString", message: "m" } })).status({}), { code: "failed" });
});

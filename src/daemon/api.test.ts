// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { once } from "node:events";
import { lstatSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as anyTest } from "node:test";
import { FLOW, fakeBackend } from "../../test/fake-backend.ts";
import { ErrorReply } from "../contract/replies.ts";
import { type ApiServer, startApi } from "./api.ts";
import type { Backend } from "./backend.ts";

/** The API gives rights to root and the group `holdfast` only. */
const isRoot = process.getuid?.() === 0;
const test: typeof anyTest = isRoot
  ? anyTest
  : (((name: string, run: never) => anyTest(name, { skip: "needs root" }, run)) as typeof anyTest);

type Context = { after: (clean: () => void | Promise<void>) => void };

function folderFor(t: Context): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-api-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function serve(t: Context, replies: Partial<Backend> = {}, groupFile = "/dev/null") {
  const socket = join(folderFor(t), "api.sock");
  const logged: string[] = [];
  const backend = fakeBackend(replies);
  const server: ApiServer = await startApi(backend, { socket, log: (sentence) => logged.push(sentence), groupFile });
  t.after(server.close);
  return { socket, logged, backend, server };
}

type Reply = { readonly status: number | undefined; readonly headers: NodeJS.Dict<string | string[]>; readonly text: string };

async function ask(socketPath: string, method: string, path: string, body?: string, type = "application/json"): Promise<Reply> {
  const headers = body === undefined ? {} : { "content-type": type };
  const sent = request({ socketPath, method, path, headers, agent: false }).end(body);
  // The server may answer and close before it has read a body that is too long.
  sent.on("error", () => {});
  const [response] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, headers: response.headers, text };
}

test("startApi() refuses what it cannot read, each with its code and one sentence", async (t) => {
  const { socket, backend } = await serve(t);
  const cases: readonly (readonly [string, string, string | undefined, number, RegExp])[] = [
    ["PUT", "/v1/mode", "{", 400, /^Cannot read the request: /],
    ["PUT", "/v1/mode", "[]", 400, /no JSON object/],
    ["PUT", "/v1/mode", '{"mode":"x"}', 400, /"mode" of the request/],
    ["PUT", "/v1/mode", '{"mode":"ask","more":1}', 400, /more/],
    ["DELETE", "/v1/rules/0", undefined, 400, /"id"/],
    ["DELETE", "/v1/rules/1e9", undefined, 400, /"id"/],
    ["GET", "/v1/flows?verdict=x", undefined, 400, /"verdict"/],
    ["GET", "/v1/flows?since=yesterday", undefined, 400, /"since"/],
    ["GET", "/v1/events?topics=flows,all", undefined, 400, /"topics/],
    ["GET", "/v1/nonsense", undefined, 404, /^There is no "GET \/v1\/nonsense"/],
    ["HEAD", "/v1/events?topics=flows", undefined, 404, /^$/],
  ];
  for (const [method, path, body, status, sentence] of cases) {
    const reply = await ask(socket, method, path, body);
    assert.equal(reply.status, status, path);
    if (method === "HEAD") continue;
    assert.match(ErrorReply.parse(JSON.parse(reply.text)).error.message, sentence);
  }
  assert.equal((await ask(socket, "PUT", "/v1/mode", "mode=ask", "text/plain")).status, 400);
  assert.equal((await ask(socket, "POST", "/v1/rules", JSON.stringify({ text: "x".repeat(17 * 1024 * 1024) }))).status, 400);
  assert.deepEqual(backend.calls, []);
});

test("startApi() says nothing about itself in its headers", async (t) => {
  const { socket } = await serve(t);
  const { headers } = await ask(socket, "GET", "/v1/status");
  assert.deepEqual(Object.keys(headers).sort(), ["connection", "content-length", "content-type"]);
});

test("startApi() does not pass on a reply that does not fit, and logs it", async (t) => {
  const { socket, logged } = await serve(t, { exportRules: async () => ({ rules: -1, text: "" }) });
  const reply = await ask(socket, "GET", "/v1/export");
  assert.equal(reply.status, 500);
  assert.match(logged.join(), /The reply of "exportRules" does not fit its schema: .*rules/);
});

test("startApi() keeps faults of the backend to the log", async (t) => {
  const broken = async (): Promise<never> => {
    throw new TypeError("secret detail");
  };
  const { socket, logged } = await serve(t, { listRules: broken });
  const reply = await ask(socket, "GET", "/v1/rules");
  assert.equal(reply.status, 500);
  assert.equal(JSON.parse(reply.text).error.message, "The daemon failed at this; its log says more");
  assert.match(logged.join(), /secret detail/);
});

test("startApi() makes its socket root's own, or its group's", async (t) => {
  const alone = await serve(t);
  assert.equal(statSync(alone.socket).mode & 0o777, 0o600);
  if (process.getuid?.() !== 0) return;
  const groupFile = join(folderFor(t), "group");
  writeFileSync(groupFile, "holdfast:x:54321:\n");
  const shared = await serve(t, {}, groupFile);
  assert.equal(statSync(shared.socket).mode & 0o777, 0o660);
  assert.equal(statSync(shared.socket).gid, 54321);
  assert.equal(statSync(shared.socket).uid, 0);
});

test("startApi() takes the place of a socket nobody listens on, and of nothing else", async (t) => {
  const folder = folderFor(t);
  const options = (name: string) => ({ socket: join(folder, name), log: () => {}, groupFile: "/dev/null" });

  writeFileSync(join(folder, "file"), "precious");
  await assert.rejects(startApi(fakeBackend(), options("file")), { code: "conflict", message: /no socket/ });
  symlinkSync(join(folder, "file"), join(folder, "link"));
  await assert.rejects(startApi(fakeBackend(), options("link")), { code: "conflict" });

  const first = await startApi(fakeBackend(), options("live"));
  await assert.rejects(startApi(fakeBackend(), options("live")), { code: "conflict", message: /another program listens/ });
  const answer = await ask(join(folder, "live"), "GET", "/v1/status");
  assert.equal(answer.status, 200);
  await first.close();
  assert.equal(lstatSync(join(folder, "live"), { throwIfNoEntry: false }), undefined);

  // A socket left behind: the name outlives its listener when the file was linked elsewhere.
  const leaver = createServer().listen(join(folder, "old"));
  await once(leaver, "listening");
  const { linkSync } = await import("node:fs");
  linkSync(join(folder, "old"), join(folder, "stale"));
  leaver.close();
  await once(leaver, "close");
  assert.ok(lstatSync(join(folder, "stale")).isSocket());
  const second = await startApi(fakeBackend(), options("stale"));
  await second.close();
});

test("startApi() tells a reader that was too slow to ask again, and goes on with the newest", async (t) => {
  const { socket, backend } = await serve(t);
  const reader = connect(socket);
  await once(reader, "connect");
  reader.write("GET /v1/events?topics=flows HTTP/1.1\r\nhost: x\r\n\r\n");
  const [head] = (await once(reader, "data")) as [Buffer];
  assert.match(head.toString(), /^HTTP\/1.1 200 /);
  reader.pause();
  const total = 20_000;
  for (let id = 1; id <= total; id++) backend.emit({ kind: "flow", undecided: false, flow: { ...FLOW, id } });
  const kinds: string[] = [];
  let last = 0;
  let rest = "";
  reader.on("data", (chunk) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.filter((each) => each.startsWith("{"))) {
      const event = JSON.parse(line);
      if (kinds.at(-1) !== event.kind) kinds.push(event.kind);
      if (event.kind === "flow") last = event.flow.id;
      if (last === total) reader.destroy();
    }
  });
  reader.resume();
  await once(reader, "close");
  assert.deepEqual(kinds, ["flow", "resync", "flow"]);
  assert.equal(last, total);
});

test("startApi() forgets a reader that has gone", async (t) => {
  const { socket, backend, server } = await serve(t);
  const stream = request({ socketPath: socket, path: "/v1/events?topics=health", agent: false }).end();
  await once(stream, "response");
  assert.equal(server.clients(), 1);
  assert.equal(backend.listeners(), 1);
  stream.destroy();
  while (backend.listeners() > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(server.clients(), 0);
});

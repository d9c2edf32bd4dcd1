// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Right } from "../contract/routes.ts";
import { peerCredentials } from "../kernel/peercred.ts";
import { groupId, groupLookup, rightsOf, rightsOfConnection } from "./auth.ts";

const GROUP = 54321;
const NOBODY = 65534;

function folderFor(t: { after: (clean: () => void) => void }): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-auth-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("groupId() finds a group by its whole name", () => {
  const text = "root:x:0:\nholdfasts:x:1:\nholdfast:x:54321:ann\n";
  assert.equal(groupId(text, "holdfast"), 54321);
  assert.equal(groupId("root:x:0:\n", "holdfast"), null);
  assert.equal(groupId("holdfast:x:\n", "holdfast"), null);
});

test("groupLookup() follows changes of the file, its absence included", (t) => {
  const file = join(folderFor(t), "group");
  const group = groupLookup(file);
  assert.equal(group(), null);
  writeFileSync(file, "holdfast:x:7:\n");
  assert.equal(group(), 7);
  writeFileSync(file, "holdfast:x:4242:\n");
  assert.equal(group(), 4242);
  rmSync(file);
  assert.equal(group(), null);
});

test("rightsOf() gives root and members everything, others nothing", () => {
  const peer = { pid: 1, uid: 1000, gid: 1000, groups: [1000, 27] };
  const all = new Set(["read", "change"]);
  assert.deepEqual(rightsOf({ ...peer, uid: 0 }, null), all);
  assert.deepEqual(rightsOf({ ...peer, gid: GROUP }, GROUP), all);
  assert.deepEqual(rightsOf({ ...peer, groups: [27, GROUP] }, GROUP), all);
  assert.deepEqual(rightsOf(peer, GROUP), new Set());
  assert.deepEqual(rightsOf(peer, null), new Set());
});

test("peerCredentials() refuses what is no Unix socket", () => {
  assert.throws(() => peerCredentials(0x7fff), /Cannot read option 17 of socket 32767/);
});

/** A connection as another process makes it, with the user and groups given. Resolves with what is found out about it. */
async function connectionOf(path: string, code: string): Promise<{ rights: ReadonlySet<Right>; uid: number; groups: readonly number[] }> {
  const server = createServer().listen(path);
  await once(server, "listening");
  chmodSync(path, 0o666);
  const child = spawn(process.execPath, ["-e", code, path], { stdio: "inherit" });
  try {
    const [socket] = (await once(server, "connection")) as [Socket & { _handle: { fd: number } }];
    const { uid, groups } = peerCredentials(socket._handle.fd);
    const rights = rightsOfConnection(socket, () => GROUP);
    socket.destroy();
    return { rights, uid, groups };
  } finally {
    child.kill();
    server.close();
  }
}

const CONNECT = `require("node:net").connect(process.argv[1]).on("close", () => {});`;

test("rightsOfConnection() reads the kernel's credentials of the process that connected", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const folder = folderFor(t);
  chmodSync(folder, 0o755);
  const drop = (groups: number[]): string =>
    `process.setgroups(${JSON.stringify(groups)}); process.setgid(${NOBODY}); process.setuid(${NOBODY});`;
  const root = await connectionOf(join(folder, "a"), CONNECT);
  assert.deepEqual(root.rights, new Set(["read", "change"]));
  const stranger = await connectionOf(join(folder, "b"), `${drop([])} ${CONNECT}`);
  assert.deepEqual(stranger, { rights: new Set(), uid: NOBODY, groups: [] });
  const member = await connectionOf(join(folder, "c"), `${drop([27, GROUP])} ${CONNECT}`);
  assert.deepEqual(member.rights, new Set(["read", "change"]));
  assert.deepEqual([...member.groups].sort(), [27, GROUP]);
});

test("rightsOfConnection() keeps the rights of who connected, not of who holds the connection now", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const folder = folderFor(t);
  chmodSync(folder, 0o755);
  const became = `const s = require("node:net").connect(process.argv[1], () => { process.setuid(${NOBODY}); }).on("close", () => {});`;
  const { rights, uid } = await connectionOf(join(folder, "d"), became);
  assert.equal(uid, 0);
  assert.deepEqual(rights, new Set(["read", "change"]));
});

// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { AF_INET, close, getOption64, SO_NETNS_COOKIE, SOCK_DGRAM, SOL_SOCKET, socket } from "./libc.ts";
import { isRoot, twoNamespaces } from "./namespaces.fixture.ts";
import { findNamespace, inNamespace, namespaceCookie, openNamespace } from "./netns.ts";

const own = (): string => readlinkSync("/proc/thread-self/ns/net");

test("inNamespace() moves the thread there and back, nested and when the work throws", (t) => {
  if (!isRoot) return t.skip("needs root");
  const world = twoNamespaces(t, "in");
  const home = own();
  const [here, there] = inNamespace(world.here.fd, () => [own(), inNamespace(`/run/netns/${world.thereName}`, own)]);
  assert.equal(new Set([home, here, there]).size, 3);
  assert.equal(own(), home);
  assert.throws(
    () =>
      inNamespace(world.here.fd, () => {
        throw new Error("in there");
      }),
    /in there/,
  );
  assert.equal(own(), home);
  assert.throws(() => inNamespace("/run/netns/hf-net-none", own), { name: "SystemCallError", call: "open", code: "ENOENT" });
  assert.throws(() => inNamespace("/proc/self/status", own), { name: "SystemCallError", call: "setns", code: "EINVAL" });
  assert.equal(own(), home);
});

test("namespaceCookie() is one for each namespace, whoever asks", (t) => {
  if (!isRoot) return t.skip("needs root");
  const world = twoNamespaces(t, "cookie");
  assert.equal(namespaceCookie(world.here.fd), world.here.cookie);
  const probe = world.keep(inNamespace(world.there.fd, () => socket(AF_INET, SOCK_DGRAM, 0)));
  assert.equal(getOption64(probe, SOL_SOCKET, SO_NETNS_COOKIE), world.there.cookie);
  assert.notEqual(world.here.cookie, world.there.cookie);
});

test("findNamespace() finds a namespace by its name, by a process in it, by a mere socket in it", async (t) => {
  if (!isRoot) return t.skip("needs root");
  const found = (cookie: bigint, tgid: number): bigint | null => {
    const handle = findNamespace(cookie, tgid);
    if (handle === null) return null;
    try {
      return namespaceCookie(handle.fd);
    } finally {
      handle.close();
    }
  };
  const ip = (...words: string[]): string => execFileSync("ip", words, { encoding: "utf8" });
  const name = `hf-net-${process.pid}-find`;
  ip("netns", "add", name);
  let named = true;
  t.after(() => named && ip("netns", "del", name));
  const handle = openNamespace(`/run/netns/${name}`);
  const { cookie } = handle;
  handle.close();
  assert.equal(found(cookie, process.pid), cookie);
  assert.equal(found(0x7fff_ffff_ffffn, process.pid), null);

  const child = spawn("ip", ["netns", "exec", name, process.execPath, "-e", "console.log(1);setInterval(()=>{},1e6)"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const mere = inNamespace(`/run/netns/${name}`, () => socket(AF_INET, SOCK_DGRAM, 0));
  t.after(() => close(mere));
  ip("netns", "del", name);
  named = false;
  const pid = child.pid ?? 0;
  assert.equal(found(cookie, pid), cookie);
  assert.equal(found(cookie, 0), cookie);

  child.kill("SIGKILL");
  await once(child, "exit");
  assert.equal(found(cookie, pid), null);
  assert.equal(found(cookie, process.pid), cookie);
});

test("findNamespace() and openNamespace() leave no descriptor open", (t) => {
  if (!isRoot) return t.skip("needs root");
  const world = twoNamespaces(t, "leak");
  const count = (): number => readdirSync("/proc/self/fd").length;
  const before = count();
  findNamespace(1n, process.pid);
  findNamespace(world.there.cookie, process.pid)?.close();
  assert.throws(() => openNamespace("/proc/self/status"));
  const twice = openNamespace(`/run/netns/${world.hereName}`);
  twice.close();
  twice.close();
  assert.equal(count(), before);
});

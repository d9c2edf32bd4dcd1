// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseHosts, parsePasswd, parseResolvConf, readDnsServers, readUsers } from "./system-files.ts";

test("parseResolvConf() reads nameserver lines and ignores the rest", () => {
  const text =
    "# nameserver 1.1.1.1\nsearch lan\nnameserver 9.9.9.9\nnameserver\tfe80::0:1%eth0 # router\n nameserver 8.8.8.8\nnameserver nine\nnameserver 9.9.9.9\nnameserver ::ffff:192.0.2.1";
  assert.deepEqual(parseResolvConf(text), ["9.9.9.9", "fe80::1", "192.0.2.1"]);
  assert.deepEqual(parseResolvConf(""), []);
});

test("parsePasswd() reads names and ids; the first of two lines holds", () => {
  const text =
    "root:x:0:0:root:/root:/bin/sh\n\nwww-data:x:33:33::/:/none\n+::::::\nroot:x:5:0::/:/\nodd:x:4294967295:0::/:/\nbad:x:1x:0::/:/\nlast:x:1000";
  assert.deepEqual(
    [...parsePasswd(text)],
    [
      ["root", 0],
      ["www-data", 33],
      ["last", 1000],
    ],
  );
});

test("parseHosts() gives each address its names, and ignores what makes no sense", () => {
  const text =
    "127.0.0.1\tlocalhost\n192.0.2.1 Printer printer.LAN # on the desk\n#192.0.2.2 gone\n::ffff:192.0.2.1 nas printer\nnine nine\n192.0.2.3 a/b";
  assert.deepEqual(
    [...parseHosts(text)],
    [
      ["127.0.0.1", ["localhost"]],
      ["192.0.2.1", ["printer", "printer.lan", "nas"]],
      ["192.0.2.3", []],
    ],
  );
});

test("readDnsServers() looks behind systemd-resolved's own listener", (t) => {
  const root = mkdtempSync(join(tmpdir(), "hf-net-"));
  t.after(() => rmSync(root, { recursive: true }));
  assert.deepEqual(readDnsServers(root), []);
  assert.equal(readUsers(root).size, 0);
  mkdirSync(join(root, "etc"));
  mkdirSync(join(root, "run/systemd/resolve"), { recursive: true });
  writeFileSync(join(root, "run/systemd/resolve/resolv.conf"), "nameserver 192.168.1.1\n");
  writeFileSync(join(root, "etc/resolv.conf"), "nameserver 9.9.9.9\n");
  assert.deepEqual(readDnsServers(root), ["9.9.9.9"]);
  writeFileSync(join(root, "etc/resolv.conf"), "nameserver 127.0.0.53\n");
  assert.deepEqual(readDnsServers(root), ["127.0.0.53", "192.168.1.1"]);
});

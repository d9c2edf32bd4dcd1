// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Destroyer } from "./destroy.ts";
import {
  bind,
  connect,
  getOption,
  getOption64,
  receive,
  SO_COOKIE,
  SO_ERROR,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  socket,
  socketAddress,
} from "./libc.ts";
import { isRoot, type TwoNamespaces, twoNamespaces } from "./namespaces.fixture.ts";
import { inNamespace } from "./netns.ts";
import { hex } from "./packets.fixture.ts";

const ECONNABORTED = 103;
/** Nobody has these addresses, but a neighbour entry says where they are: packets to them vanish. */
const SILENT = { 4: hex("0a4d 0009"), 6: hex("fd77 0000 0000 0000 0000 0000 0000 0009") };
const MAPPED = hex("0000 0000 0000 0000 0000 ffff 0a4d 0009");

function world(t: TestContext, name: string): { readonly world: TwoNamespaces; readonly destroyer: Destroyer } {
  const two = twoNamespaces(t, name);
  for (const address of ["10.77.0.9", "fd77::9"])
    two.ip("neigh", "add", address, "lladdr", "02:00:00:00:00:99", "dev", "cable0", "nud", "permanent");
  const destroyer = new Destroyer(two.here.fd);
  t.after(() => destroyer.close());
  return { world: two, destroyer };
}

test("Destroyer.destroy() ends a waiting connect() with ECONNABORTED (v4, v6, v4-mapped)", (t) => {
  if (!isRoot) return t.skip("needs root");
  const { world: two, destroyer } = world(t, "tcp");
  assert.equal(destroyer.supported(), true);
  let localPort = 41000;
  for (const [family, address] of [
    [2, SILENT[4]],
    [10, SILENT[6]],
    [10, MAPPED],
  ] as const) {
    localPort += 1;
    const fd = two.keep(inNamespace(two.here.fd, () => socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0)));
    bind(fd, socketAddress(new Uint8Array(family === 2 ? 4 : 16), localPort));
    assert.throws(() => connect(fd, socketAddress(address, 80)), { code: "EINPROGRESS" });
    const name = { protocol: 6, cookie: getOption64(fd, SOL_SOCKET, SO_COOKIE), localPort, remotePort: 80 } as const;
    assert.equal(destroyer.destroy({ ...name, cookie: name.cookie + 1000n }), false);
    assert.equal(getOption(fd, SOL_SOCKET, SO_ERROR), 0);
    assert.equal(destroyer.destroy(name), true);
    assert.equal(getOption(fd, SOL_SOCKET, SO_ERROR), ECONNABORTED);
    assert.equal(destroyer.destroy(name), false);
  }
});

test("Destroyer.destroy() ends UDP sockets, connected or not", (t) => {
  if (!isRoot) return t.skip("needs root");
  const { world: two, destroyer } = world(t, "udp");
  for (const isConnected of [true, false]) {
    const localPort = isConnected ? 41001 : 41002;
    const fd = two.keep(inNamespace(two.here.fd, () => socket(2, SOCK_DGRAM | SOCK_NONBLOCK, 0)));
    bind(fd, socketAddress(new Uint8Array(4), localPort));
    if (isConnected) connect(fd, socketAddress(SILENT[4], 53));
    const cookie = getOption64(fd, SOL_SOCKET, SO_COOKIE);
    assert.equal(receive(fd, new Uint8Array(1), 0), null);
    assert.equal(destroyer.destroy({ protocol: 17, cookie, localPort, remotePort: isConnected ? 53 : 0 }), true);
    assert.throws(() => receive(fd, new Uint8Array(1), 0), { code: "ECONNABORTED" });
  }
});

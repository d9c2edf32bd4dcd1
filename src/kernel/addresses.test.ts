// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { addressText, parseAddress, readAddresses, watchAddresses } from "./addresses.ts";
import { isRoot, twoNamespaces } from "./namespaces.fixture.ts";
import { hex } from "./packets.fixture.ts";

test("addressText() writes canonical addresses", () => {
  for (const [bytes, text] of [
    ["0a4d0001", "10.77.0.1"],
    ["00000000000000000000ffff0a4d0001", "10.77.0.1"],
    ["fd770000000000000000000000000001", "fd77::1"],
    ["20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
    ["00000000000000000000000000000000", "::"],
  ] as const) {
    assert.equal(addressText(hex(bytes)), text);
  }
});

test("parseAddress() tells our end of a point-to-point link from the other", () => {
  // struct ifaddrmsg { AF_INET, /30, 0, 0, index 7 }, IFA_ADDRESS 10.0.0.6 (the other end), IFA_LOCAL 192.168.1.1
  const payload = hex("021e 0000 0700 0000  0800 0100 0a00 0006  0800 0200 c0a8 0101");
  assert.deepEqual(parseAddress({ type: 20, payload }), {
    ifindex: 7,
    address: "192.168.1.1",
    network: "10.0.0.4",
    prefix: 30,
    broadcasts: ["10.0.0.7"],
  });
  assert.equal(parseAddress({ type: 21, payload }), null);
});

test("readAddresses() lists what a namespace has", (t) => {
  if (!isRoot) return t.skip("needs root");
  const world = twoNamespaces(t, "addr");
  world.ip("addr", "add", "192.0.2.1", "peer", "198.51.100.1/32", "dev", "cable0");
  const ifindex = world.ifindex("cable0");
  const all = readAddresses(world.here.fd);
  const onCable = all.filter((one) => one.ifindex === ifindex);
  assert.deepEqual(onCable.map((one) => `${one.address} in ${one.network}/${one.prefix} ${one.broadcasts}`).sort(), [
    "10.77.0.1 in 10.77.0.0/24 10.77.0.255",
    "192.0.2.1 in 198.51.100.1/32 ",
    "fd77::1 in fd77::/64 ",
    "fe80::1 in fe80::/64 ",
  ]);
  assert.ok(all.some((one) => one.address === "127.0.0.1" && one.broadcasts.includes("127.255.255.255")));
});

test("watchAddresses() tells of addresses that come and go", async (t) => {
  if (!isRoot) return t.skip("needs root");
  const world = twoNamespaces(t, "watch");
  let changes = 0;
  t.after(watchAddresses(world.here.fd, () => (changes += 1)));
  for (const words of [
    ["add", "10.77.0.50/24"],
    ["del", "10.77.0.50/24"],
    ["add", "fd77::50/64"],
  ] as const) {
    const before = changes;
    world.ip("addr", ...words, "dev", "cable0");
    while (changes === before) await sleep(20);
  }
});

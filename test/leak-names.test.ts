// SPDX-License-Identifier: Apache-2.0
/**
 * The leak matrix' rows for names: under a rule that denies by name, not one packet of the connection arrives. Each row is also made
 * without that rule, in the same world and before and after it, and arrives: else its zero would prove nothing.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { another, client, nameServer, PORT } from "./names/place.ts";
import { type Holdfast, withHoldfast } from "./survive/holdfast.ts";

const options = { timeout: 120_000, skip: process.getuid?.() === 0 ? false : "needs root" };

/** Connects without asking anybody. */
const BY_ADDRESS = `
  const socket = require("node:net").connect(Number(process.argv[2]), process.argv[1]);
  socket.on("connect", () => { console.log("connected"); socket.destroy(); });
  socket.on("error", (error) => console.log(error.code));`;

/** Last bytes of the addresses a row's names have: each row has its own, since names of an address are kept. */
const LAST = { host: 101, domain: 102, cloaked: 103, shared: 104, learnt: 105, lied: 106, resolver: 107 } as const;

type Row = {
  readonly name: string;
  /** What denies it. */
  readonly rules: readonly string[];
  /** Makes its connection; what the program says of it. */
  readonly connect: (holdfast: Holdfast, address: Readonly<Record<keyof typeof LAST, string>>) => Promise<string>;
};

const byName = async (holdfast: Holdfast, name: string): Promise<string> => (await client(holdfast, name).exited).stdout;

const ROWS: readonly Row[] = [
  { name: "denied host", rules: ["deny any -> host.example"], connect: (holdfast) => byName(holdfast, "host.example") },
  { name: "denied domain", rules: ["deny any -> .denied.example"], connect: (holdfast) => byName(holdfast, "a.b.denied.example") },
  {
    name: "tracker behind the CNAME of another's name",
    rules: ["deny any -> .tracker.example"],
    connect: (holdfast) => byName(holdfast, "metrics.shop.example"),
  },
  {
    name: "two names of one address, one allowed and one denied",
    rules: ["allow any -> good.example", "deny any -> bad.example"],
    connect: async (holdfast) => {
      await client(holdfast, "bad.example").exited;
      return await byName(holdfast, "good.example");
    },
  },
  {
    name: "name learnt by another process",
    rules: ["deny any -> learnt.example"],
    connect: async (holdfast, { learnt }) => {
      await client(holdfast, "learnt.example").exited;
      const program = [process.execPath, "-e", BY_ADDRESS, learnt, String(PORT)];
      return (await holdfast.world.start(holdfast.inside(program)).exited).stdout;
    },
  },
];

async function place(holdfast: Holdfast): Promise<Record<keyof typeof LAST, string>> {
  const { world } = holdfast;
  const address = { host: "", domain: "", cloaked: "", shared: "", learnt: "", lied: "", resolver: "" };
  for (const [name, last] of Object.entries(LAST)) address[name as keyof typeof LAST] = await another(holdfast, last);
  await nameServer(holdfast, {
    "host.example": [address.host],
    "a.b.denied.example": [address.domain],
    "metrics.shop.example": "shop.cdn.example",
    "shop.cdn.example": "eu.tracker.example",
    "eu.tracker.example": [address.cloaked],
    "good.example": [address.shared],
    "bad.example": [address.shared],
    "learnt.example": [address.learnt],
    "true.example.org": [address.host],
  });
  await nameServer(holdfast, { "www.example.org": [address.lied] }, address.resolver);
  await world.peer.serve({ tcp: [PORT] });
  return address;
}

test("names: what is denied by name does not arrive, and arrives without the rule", options, (t) =>
  withHoldfast(async (holdfast) => {
    const { peer } = holdfast.world;
    const address = await place(holdfast);
    holdfast.useResolvers(peer.address4);
    await holdfast.up("--mode", "allow");
    const arrives = async (row: Row): Promise<void> => {
      await peer.clear();
      assert.match(await row.connect(holdfast, address), /^connected$/m, row.name);
      assert.ok((await peer.count({ protocol: "tcp" })) > 0, row.name);
    };
    const both = async (row: Row): Promise<void> => {
      await arrives(row);
      const added = [];
      for (const rule of row.rules) added.push(await holdfast.rule(rule));
      await peer.clear();
      assert.match(await row.connect(holdfast, address), /^ECONNREFUSED$/m, row.name);
      assert.equal(await peer.count({ protocol: "tcp" }), 0, row.name);
      for (const _ of added) assert.equal((await holdfast.run("rules", "undo")).code, 0);
      await arrives(row);
    };
    for (const row of ROWS) await t.test(row.name, () => both(row));
  }),
);

test("names: a resolver of the program's own cannot make an allowed name of another address", options, () =>
  withHoldfast(async (holdfast) => {
    const { peer } = holdfast.world;
    const { resolver } = await place(holdfast);
    holdfast.useResolvers(peer.address4);
    await holdfast.up("--mode", "deny");
    await holdfast.rule("allow any -> any udp/53");
    await holdfast.rule("allow any -> .example.org");
    await peer.clear();
    assert.match((await client(holdfast, "www.example.org", resolver).exited).stdout, /^ECONNREFUSED$/m);
    assert.equal(await peer.count({ protocol: "tcp" }), 0);
    assert.match((await client(holdfast, "true.example.org").exited).stdout, /^connected$/m);
    assert.ok((await peer.count({ protocol: "tcp" })) > 0);
  }),
);

// SPDX-License-Identifier: Apache-2.0
/** Names of addresses as a person sees them: what a program asked a name server for stands beside where it then goes. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Flow } from "../src/contract/shapes.ts";
import { another, client, nameServer, PORT } from "./names/place.ts";
import { type Holdfast, until, withHoldfast } from "./survive/holdfast.ts";
import type { Running } from "./world.ts";

const options = { timeout: 60_000, skip: process.getuid?.() === 0 ? false : "needs root" };
/** The TCP flow to `to`, once it is listed. */
function tcpFlow({ client }: Holdfast, to: string): Promise<Flow> {
  return until("a TCP flow", async () => {
    const { flows } = await client.listFlows({ app: null, to, verdict: null, undecided: false, since: null });
    return flows.find(({ protocol }) => protocol === "tcp") ?? null;
  });
}

test("a flow has the name its program asked for, and what that stands for", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const { address4 } = world.peer;
    await nameServer(holdfast, { "www.example.org": "edge.cdn.example", "edge.cdn.example": [address4], "other.example": ["192.0.2.99"] });
    await world.peer.serve({ tcp: [PORT] });
    await holdfast.up("--mode", "allow");
    assert.match((await client(holdfast, "WWW.example.org").exited).stdout, /connected/);
    const flow = await tcpFlow(holdfast, ".example.org");
    assert.equal(flow.address, address4);
    assert.equal(flow.name, "www.example.org");
    assert.deepEqual(flow.names, [
      { name: "www.example.org", source: "dns", own: true },
      { name: "edge.cdn.example", source: "dns", own: true },
    ]);
  }),
);

test("a question names the place its program asked for", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const { address4 } = world.peer;
    await nameServer(holdfast, { "www.example.org": [address4] });
    await world.peer.serve({ tcp: [PORT] });
    await holdfast.up("--mode", "ask");
    await holdfast.rule(`allow any -> ${address4} udp/53`);
    const held = client(holdfast, "www.example.org");
    const [question] = await holdfast.questions(1);
    assert.equal(question?.name, "www.example.org");
    assert.equal(await world.peer.count({ protocol: "tcp" }), 0);
    await holdfast.answer(question, "allow");
    assert.match((await held.exited).stdout, /connected/);
  }),
);

test("an answer nobody asked for teaches no name", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const { address4 } = world.peer;
    await world.peer.serve({ tcp: [PORT] });
    await holdfast.up("--mode", "allow");
    /* A socket that has asked nothing receives an answer from port 53. */
    const waits = `const s = require("node:dgram").createSocket("udp4");
      s.on("message", () => require("node:net").connect(${PORT}, "${address4}").on("connect", () => process.exit()));
      s.bind(5300, () => console.log("ready"));`;
    const receiver = world.start([process.execPath, "-e", waits]);
    await receiver.line((line) => line === "ready");
    const lie = `const { encode } = require("dns-packet");
      const s = require("node:dgram").createSocket("udp4");
      const bytes = encode({ type: "response", questions: [{ type: "A", name: "bank.example" }],
        answers: [{ type: "A", name: "bank.example", data: "${address4}", ttl: 60 }] });
      s.bind(53, () => s.send(bytes, 5300, "${world.a.address4}", () => s.close()));`;
    await world.run([process.execPath, "-e", lie], { cgroup: false, netns: "b", cwd: join(import.meta.dirname, "..") });
    await receiver.exited;
    assert.deepEqual((await tcpFlow(holdfast, address4)).names, []);
  }),
);

test("a name from a configured resolver allows, denies and asks, and nothing leaves for a name that is denied", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const { address4 } = world.peer;
    const [good, bad, other] = [await another(holdfast, 101), await another(holdfast, 102), await another(holdfast, 103)];
    await nameServer(holdfast, {
      "www.good.example": "edge.cdn.example",
      "edge.cdn.example": [good],
      "shop.example": "x.tracker.example",
      "x.tracker.example": [bad],
      "other.example": [other],
    });
    await world.peer.serve({ tcp: [PORT] });
    holdfast.useResolvers(address4);
    await holdfast.up("--mode", "deny");
    await holdfast.rule("allow any -> dns-servers");
    await holdfast.rule("allow any -> .good.example");
    await holdfast.rule("deny any -> *.tracker.example");
    await holdfast.rule("ask any -> other.example");
    assert.match((await client(holdfast, "shop.example").exited).stdout, /ECONNREFUSED/);
    assert.equal(await world.peer.count({ protocol: "tcp" }), 0);
    assert.match((await client(holdfast, "www.good.example").exited).stdout, /connected/);
    const held = client(holdfast, "other.example");
    const [question] = await holdfast.questions(1);
    assert.equal(question?.name, "other.example");
    assert.deepEqual(question?.scopes, ["host"]);
    assert.match(question?.resultingRule ?? "", / -> other\.example tcp\/443$/);
    await holdfast.answer(question, "allow");
    assert.match((await held.exited).stdout, /connected/);
  }),
);

test("a name that another server tells allows nothing", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const { address4 } = world.peer;
    await nameServer(holdfast, { "good.example": [address4], "bad.example": [address4] });
    await world.peer.serve({ tcp: [PORT] });
    holdfast.useResolvers("192.0.2.53");
    await holdfast.up("--mode", "deny");
    await holdfast.rule(`allow any -> ${address4} udp/53`);
    await holdfast.rule("allow any -> good.example");
    assert.match((await client(holdfast, "good.example").exited).stdout, /ECONNREFUSED/);
    await holdfast.rule("deny any -> bad.example priority high");
    await holdfast.rule("allow any -> any");
    assert.match((await client(holdfast, "bad.example").exited).stdout, /ECONNREFUSED/);
    assert.equal(await world.peer.count({ protocol: "tcp" }), 0);
  }),
);

test("what is on a list is denied from the moment it is added, and goes again with it; nothing leaves meanwhile", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const { address4 } = world.peer;
    const [bad, other, listed] = [await another(holdfast, 101), await another(holdfast, 102), await another(holdfast, 103)];
    const zone = { "shop.example": "x.tracker.example", "x.tracker.example": [bad], "other.example": [other], "plain.example": [listed] };
    await nameServer(holdfast, zone);
    await world.peer.serve({ tcp: [PORT] });
    holdfast.useResolvers(address4);
    await holdfast.up("--mode", "allow");
    const add = async (name: string, text: string): Promise<void> => {
      const file = join(world.dir, `${name}.txt`);
      writeFileSync(file, text);
      const { code, stderr } = await holdfast.run("lists", "add", file);
      assert.equal(code, 0, stderr);
    };
    await add("ads", "||tracker.example^\n");
    await add("addresses", `${listed}\n`);
    assert.match((await client(holdfast, "shop.example").exited).stdout, /ECONNREFUSED/);
    assert.match((await client(holdfast, "plain.example").exited).stdout, /ECONNREFUSED/);
    assert.equal(await world.peer.count({ protocol: "tcp" }), 0);
    assert.match((await client(holdfast, "other.example").exited).stdout, /connected/);
    const { code } = await holdfast.run("lists", "except", "ads", ".tracker.example");
    assert.equal(code, 0);
    assert.match((await client(holdfast, "shop.example").exited).stdout, /connected/);
    assert.match((await client(holdfast, "plain.example").exited).stdout, /ECONNREFUSED/);
    assert.equal((await holdfast.run("lists", "rm", "addresses")).code, 0);
    assert.match((await client(holdfast, "plain.example").exited).stdout, /connected/);
  }),
);

/** Asks `server` for one name after the other, says "asked", and connects to the first address when told to: "connected" or the errno. */
const ASKS = `
  const { Resolver } = require("node:dns").promises;
  const [server, port, ...names] = process.argv.slice(1);
  const resolver = new Resolver();
  resolver.setServers([server]);
  (async () => {
    const told = [];
    for (const name of names) told.push(...await resolver.resolve4(name));
    console.log("asked");
    process.stdin.once("data", () => {
      process.stdin.destroy();
      const socket = require("node:net").connect(Number(port), told[0]);
      socket.on("connect", () => { console.log("connected"); socket.destroy(); });
      socket.on("error", (error) => console.log(error.code));
    });
  })();`;

async function asks(holdfast: Holdfast, server: string, ...names: string[]): Promise<Running> {
  const running = holdfast.world.start(holdfast.inside([process.execPath, "-e", ASKS, server, String(PORT), ...names]));
  await running.line((line) => line === "asked");
  return running;
}

for (const [where, netns] of [
  ["is believed where the daemon is", "a"],
  ["is none in another network namespace, where anybody may have its address", null],
] as const)
  test(`a resolver of this machine ${where}`, options, () =>
    withHoldfast(async (holdfast) => {
      const { world } = holdfast;
      const { address4 } = world.peer;
      const resolver = "127.0.0.53";
      await nameServer(holdfast, { "good.example": [address4] }, resolver, "a");
      await world.peer.serve({ tcp: [PORT] });
      holdfast.useResolvers(resolver);
      holdfast.netns = netns;
      await holdfast.up("--mode", "deny");
      await holdfast.rule("allow any -> good.example");
      assert.match((await client(holdfast, "good.example", resolver).exited).stdout, netns === null ? /ECONNREFUSED/ : /connected/);
      assert.equal((await world.peer.count({ protocol: "tcp" })) === 0, netns === null);
    }),
  );

test("names that programs make up crowd out none that a configured resolver told", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const { address4 } = world.peer;
    const [bad, liar] = [await another(holdfast, 101), await another(holdfast, 102)];
    const lies = Array.from({ length: 9 }, (_, i) => `lie${i}.example`);
    await nameServer(holdfast, { "x.tracker.example": [bad] });
    await nameServer(holdfast, Object.fromEntries(lies.map((name) => [name, [bad]])), liar);
    await world.peer.serve({ tcp: [PORT] });
    holdfast.useResolvers(address4);
    await holdfast.up("--mode", "allow");
    await holdfast.rule("deny any -> *.tracker.example");
    const first = await asks(holdfast, address4, "x.tracker.example");
    const other = await asks(holdfast, liar, ...lies);
    for (const each of [first, other]) each.write("\n");
    assert.match((await first.exited).stdout, /ECONNREFUSED/);
    assert.equal(await world.peer.count({ protocol: "tcp" }), 0);
    await other.exited;
  }),
);

// SPDX-License-Identifier: Apache-2.0
/** Names of addresses as a person sees them: what a program asked a name server for stands beside where it then goes. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Flow } from "../src/contract/shapes.ts";
import { another, client, nameServer, PORT } from "./names/place.ts";
import { type Holdfast, until, withHoldfast } from "./survive/holdfast.ts";

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

// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { type Answer, encode, type Packet } from "dns-packet";
import fc from "fast-check";
import { namesTold } from "./dns.ts";
import { PORT_LLMNR, PORT_MDNS } from "./dns-message.ts";

const a = (name: string, data: string): Answer => ({ type: "A", name, data, ttl: 60 });
const cname = (name: string, data: string): Answer => ({ type: "CNAME", name, data, ttl: 60 });
const message = (question: string | null, answers: Answer[], more: Partial<Packet> = {}): Buffer =>
  encode({ type: "response", questions: question === null ? [] : [{ type: "A", name: question }], answers, ...more });

test("namesTold() gives the name asked for, what it stands for, and all their addresses", () => {
  const answers = [
    cname("WWW.Example.org", "edge.cdn.example"),
    cname("edge.cdn.example", "e7.cdn.example"),
    a("e7.cdn.example", "192.0.2.7"),
    { type: "AAAA", name: "e7.cdn.example", data: "2001:db8:0:0:0:0:0:7", ttl: 1 } as const,
  ];
  assert.deepEqual(namesTold(message("www.example.ORG", answers), 53), [
    { names: ["www.example.org", "edge.cdn.example", "e7.cdn.example"], addresses: ["192.0.2.7", "2001:db8::7"], source: "dns", ttl: 1 },
  ]);
});

test("namesTold() takes every address of an answer, as programs do, and none of the machine itself", () => {
  const own = [
    a("www.example", "127.0.0.1"),
    a("www.example", "0.0.0.0"),
    { type: "AAAA", name: "www.example", data: "::1", ttl: 1 } as const,
  ];
  assert.deepEqual(namesTold(message("www.example", own), 53), []);
  assert.deepEqual(namesTold(message("www.example", [...own, a("other.example", "192.0.2.9"), a("www.example", "192.0.2.1")]), 53), [
    { names: ["www.example"], addresses: ["192.0.2.9", "192.0.2.1"], source: "dns", ttl: 60 },
  ]);
});

test("namesTold() names each link of a chain once, also of one that bites its tail", () => {
  const answers = [cname("a.example", "b.example"), cname("b.example", "a.example"), a("b.example", "192.0.2.1")];
  assert.deepEqual(namesTold(message("a.example", answers), 53)[0]?.names, ["a.example", "b.example"]);
});

test("namesTold() takes of link-local messages only the names they may tell", () => {
  const answers = [a("printer.local", "192.0.2.3"), a("bank.example", "192.0.2.4"), a("nas", "192.0.2.5")];
  assert.deepEqual(namesTold(message(null, answers), PORT_MDNS), [
    { names: ["printer.local"], addresses: ["192.0.2.3"], source: "mdns", ttl: 60 },
  ]);
  assert.deepEqual(namesTold(message("nas", [a("nas", "192.0.2.5")]), PORT_LLMNR), [
    { names: ["nas"], addresses: ["192.0.2.5"], source: "dns", ttl: 60 },
  ]);
  assert.deepEqual(namesTold(message("bank.example", answers), PORT_LLMNR), []);
});

test("namesTold() takes nothing from questions, from answers to several questions, or from what cannot be read", () => {
  const answers = [a("a.example", "192.0.2.1")];
  assert.deepEqual(namesTold(message("a.example", answers, { type: "query" }), 53), []);
  const two = [
    { type: "A", name: "a.example" },
    { type: "A", name: "b.example" },
  ] as const;
  assert.deepEqual(namesTold(message(null, answers, { questions: [...two] }), 53), []);
  assert.deepEqual(namesTold(message("a.example", answers).subarray(0, 20), 53), []);
});

test("namesTold() never throws, whatever the bytes", () => {
  const real = message("www.example.org", [cname("www.example.org", "b.example"), a("b.example", "192.0.2.1")]);
  const changed = fc.array(fc.tuple(fc.nat(real.length - 1), fc.nat(255)), { maxLength: 8 }).map((changes) => {
    const bytes = Uint8Array.from(real);
    for (const [at, value] of changes) bytes[at] = value;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), changed), fc.constantFrom(53, PORT_MDNS, PORT_LLMNR), (bytes, port) => {
      for (const { names, addresses } of namesTold(bytes, port)) assert.ok(names.length > 0 && addresses.length > 0);
    }),
    { numRuns: 2000 },
  );
});

// SPDX-License-Identifier: Apache-2.0
/** Answers as name servers send them, and answers as nobody should; and how they are changed at random. */
import type { Random } from "../random.ts";

export type Sample = {
  readonly about: string;
  readonly port: number;
  readonly message: Uint8Array;
  /** What it says, names in order; null: it cannot be read. */
  readonly names: readonly string[] | null;
  readonly addresses: number;
};

const CNAME = 5;
const OPT = 41;
const RRSIG = 46;

/** Writes a message with names compressed as servers do (RFC 1035, 4.1.4). */
class Writer {
  readonly bytes: number[] = [];
  readonly #known = new Map<string, number>();

  constructor(counts: readonly number[]) {
    this.u16(0x1234, 0x8180, ...counts);
  }

  u16(...values: number[]): this {
    for (const value of values) this.bytes.push(value >> 8, value & 255);
    return this;
  }

  raw(...values: number[]): this {
    this.bytes.push(...values);
    return this;
  }

  name(text: string): this {
    const labels = text === "" ? [] : text.split(".");
    for (let i = 0; i < labels.length; i++) {
      const rest = labels.slice(i).join(".");
      const known = this.#known.get(rest);
      if (known !== undefined) return this.u16(0xc000 | known);
      if (this.bytes.length < 0x4000) this.#known.set(rest, this.bytes.length);
      const label = Buffer.from(labels[i] ?? "", "latin1");
      this.raw(label.length, ...label);
    }
    return this.raw(0);
  }

  question(name: string, type = 1): this {
    return this.name(name).u16(type, 1);
  }

  record(name: string, type: number, { ttl = 60, of = 1 }: { ttl?: number; of?: number }, data: (writer: Writer) => void): this {
    this.name(name).u16(type, of, ttl >> 16, ttl & 0xffff, 0);
    const start = this.bytes.length;
    data(this);
    const length = this.bytes.length - start;
    this.bytes[start - 2] = length >> 8;
    this.bytes[start - 1] = length & 255;
    return this;
  }

  a(name: string, last: number, options: { ttl?: number; of?: number } = {}): this {
    return this.record(name, 1, options, (writer) => writer.raw(192, 0, 2, last & 255));
  }

  aaaa(name: string, last: number, options: { ttl?: number; of?: number } = {}): this {
    return this.record(name, 28, options, (writer) => writer.raw(0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), last));
  }

  cname(name: string, target: string): this {
    return this.record(name, CNAME, {}, (writer) => writer.name(target));
  }

  opt(): this {
    return this.raw(0).u16(OPT, 1232, 0, 0, 0);
  }

  rrsig(name: string): this {
    return this.record(name, RRSIG, {}, (writer) => {
      writer.u16(1, 0x0803, 0, 60, 0x6000, 0, 0x5000, 0, 4711).raw(7, ...Buffer.from("example"), 0, ...new Array<number>(64).fill(0xc1));
    });
  }
}

const FLUSH = 0x8001;
const LONG = [..."abc"].map((letter) => letter.repeat(63)).join(".");
const MOST = Array.from({ length: 127 }, () => "a").join(".");
/** Deep names that stand for each other: 60 names and domains, of which the last is short. */
const DEEP = [..."abcd"].map((letter) => `${Array.from({ length: 13 }, () => letter).join(".")}.example`).concat("tracker.test");
const chain = ["www.example.org", "www.example.org.edge.cdn.example", "e7.cdn.example"] as const;

function sample(about: string, writer: Writer, names: readonly string[] | null, addresses: number, port = 53): Sample {
  return { about, port, message: Uint8Array.from(writer.bytes), names, addresses };
}

/** A chain of pointers, each to the one before, at the end of the question's name. */
function pointers(count: number): Writer {
  const writer = new Writer([1, count + 1, 0, 0]).question("a.example");
  let target = 12;
  for (let i = 0; i < count; i++) {
    writer.u16(0xc00c, 16, 1, 0, 60, 2);
    const at = writer.bytes.length;
    writer.u16(0xc000 | target);
    target = at;
  }
  return writer.u16(0xc000 | target, 1, 1, 0, 60, 4).raw(192, 0, 2, 1);
}

export const ANSWERS: readonly Sample[] = [
  sample("one address", new Writer([1, 1, 0, 0]).question("www.example.org").a("www.example.org", 7), ["www.example.org"], 1),
  sample("mixed case (0x20)", new Writer([1, 1, 0, 0]).question("wWw.ExAmPlE.oRg").a("wWw.ExAmPlE.oRg", 7), ["www.example.org"], 1),
  sample(
    "a chain, both families, EDNS",
    new Writer([1, 4, 0, 1]).question(chain[0]).cname(chain[0], chain[1]).cname(chain[1], chain[2]).a(chain[2], 7).aaaa(chain[2], 8).opt(),
    chain,
    2,
  ),
  sample(
    "a long chain of deep names",
    DEEP.slice(1)
      .reduce((writer, target, i) => writer.cname(DEEP[i] ?? "", target), new Writer([1, DEEP.length, 0, 0]).question(DEEP[0] ?? ""))
      .a("tracker.test", 7),
    DEEP,
    1,
  ),
  sample(
    "a chain out of order",
    new Writer([1, 3, 0, 0]).question(chain[0]).a(chain[2], 7).cname(chain[1], chain[2]).cname(chain[0], chain[1]),
    [chain[0], chain[2], chain[1]],
    1,
  ),
  sample(
    "signed",
    new Writer([1, 4, 0, 1])
      .question("example")
      .a("example", 1, { ttl: 0 })
      .rrsig("example")
      .a("example", 2, { ttl: 86_400 })
      .rrsig("example")
      .opt(),
    ["example"],
    2,
  ),
  sample(
    "two hundred addresses: a test run takes a page, less what the kernel puts around it",
    Array.from({ length: 200 }, (_, i) => i).reduce(
      (writer, i) => writer.a("many.example", i),
      new Writer([1, 200, 0, 0]).question("many.example"),
    ),
    ["many.example"],
    200,
  ),
  sample("the root", new Writer([1, 1, 0, 0]).question("").a("", 1), [], 0),
  sample("an alias of the root", new Writer([1, 2, 0, 0]).question("a.example").cname("a.example", "").a("a.example", 1), ["a.example"], 1),
  sample("253 characters", new Writer([1, 1, 0, 0]).question(`${LONG}.${"d".repeat(61)}`).a("x", 1), [`${LONG}.${"d".repeat(61)}`], 1),
  sample("254 characters", new Writer([1, 1, 0, 0]).question(`${LONG}.${"d".repeat(62)}`).a("x", 1), null, 0),
  sample("127 labels", new Writer([1, 1, 0, 0]).question(MOST).a(MOST, 1), [MOST], 1),
  sample(
    "a dot, a zero and no ASCII in labels",
    new Writer([1, 1, 0, 0]).raw(5, 97, 46, 0, 200, 98, 3, 111, 114, 103, 0).u16(1, 1).a("x", 1),
    ["a\u0001\u0001\u0001b.org"],
    1,
  ),
  sample(
    "a loop",
    new Writer([1, 2, 0, 0])
      .question("a.example")
      .u16(0xc00c, CNAME, 1, 0, 60, 2)
      .u16(0xc000 | 39)
      .a("x", 1),
    null,
    0,
  ),
  sample(
    "a pointer forward",
    new Writer([1, 2, 0, 0])
      .question("a.example")
      .u16(0xc00c, CNAME, 1, 0, 60, 2)
      .u16(0xc000 | 41)
      .a("x", 1),
    null,
    0,
  ),
  sample("pointers to pointers", pointers(100), ["a.example"], 1),
  sample("more pointers than names have labels", pointers(140), null, 0),
  sample("two questions", new Writer([2, 1, 0, 0]).question("a.example").question("b.example").a("b.example", 1), [], 0),
  sample("more answers said than there are", new Writer([1, 3, 0, 0]).question("a.example").a("a.example", 1).a("a.example", 2), null, 0),
  sample(
    "addresses of the machine itself",
    new Writer([1, 1, 0, 0]).question("a.example").record("a.example", 1, {}, (w) => w.raw(127, 0, 0, 1)),
    [],
    0,
  ),
  sample(
    "of another class",
    new Writer([1, 2, 0, 0]).question("a.example").a("a.example", 1, { of: 3 }).a("a.example", 2),
    ["a.example"],
    1,
  ),
  sample(
    "mDNS with additionals",
    new Writer([0, 1, 0, 2]).a("printer.local", 3, { of: FLUSH }).aaaa("printer.local", 4, { of: FLUSH }).a("bank.example", 5),
    ["printer.local", "printer.local"],
    2,
    5353,
  ),
  sample("mDNS cut short", new Writer([0, 3, 0, 0]).a("printer.local", 3, { of: FLUSH }).a("nas.local", 4), null, 0, 5353),
  sample("LLMNR", new Writer([1, 1, 0, 0]).question("nas").a("nas", 5), ["nas"], 1, 5355),
  sample("LLMNR for more than a label", new Writer([1, 1, 0, 0]).question("bank.example").a("bank.example", 5), [], 0, 5355),
];

const TELLING = [0, 1, 5, 11, 12, 28, 41, 0x3f, 0x40, 0x80, 0xc0, 0xff];

/** Up to three changes: other bytes, a part cut off, or bytes taken out or put in. */
export function mutate(real: Uint8Array, random: Random): Uint8Array {
  let bytes = Uint8Array.from(real);
  for (let changes = random.below(4); changes > 0 && bytes.length > 0; changes--) {
    const at = random.below(bytes.length);
    const what = random.below(8);
    if (what === 0) bytes = bytes.slice(0, at);
    else if (what === 1) bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random.below(4))]);
    else if (what === 2) bytes = Uint8Array.from([...bytes.subarray(0, at), random.below(256), ...bytes.subarray(at)]);
    else if (what === 3) bytes[random.below(Math.min(12, bytes.length))] = random.below(4);
    else bytes[at] = random.oneIn(2) ? random.pick(TELLING) : random.below(256);
  }
  return bytes;
}

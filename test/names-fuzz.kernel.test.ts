// SPDX-License-Identifier: Apache-2.0
/** The loaded program's reader of DNS answers against the daemon's, and both against dns-packet. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type Answer, decode as decodePacket } from "dns-packet";
import { type Address, parseAddress, printAddress } from "../src/contract/address.ts";
import { decode, encode } from "../src/contract/codec.ts";
import { AddressNames, Candidate, Counter, NamedKey } from "../src/contract/layout.gen.ts";
import { hostName } from "../src/contract/name.ts";
import { PORT_LLMNR, PORT_MDNS, readAnswer, type Said } from "../src/daemon/dns-message.ts";
import { nameWords } from "../src/kernel/fixed-names.ts";
import { BpfObject, deleteEntry, keys, readEntry, runProgram } from "../src/kernel/libbpf.ts";
import { possibleCpus } from "../src/kernel/linux.ts";
import { nameKey } from "../src/lists/hash.ts";
import { packNames } from "../src/rules/candidate.ts";
import { ANSWERS, mutate } from "./names/answers.ts";
import { Random } from "./random.ts";

const CASES = process.env.HOLDFAST_LONG === "1" ? 1_000_000 : 50_000;
const SEED = 20;
/** After so many cases the tables are looked through for what should not be there; they hold more than those leave behind. */
const LOOK = 500;
const ETHERNET = 14;
const HEADERS = ETHERNET + 20 + 8;
/** `struct __sk_buff` (linux/bpf.h): its size, and where `cb` stands. */
const SK_BUFF = { size: 192, cb: 48 };
const LEAST_SECONDS = 60;
const MOST_SECONDS = 3600;

/** The message in a UDP datagram over IPv4; of the headers, only what the reader looks at. */
function frameOf(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADERS + message.length);
  frame[12] = 0x08;
  frame[ETHERNET] = 0x45;
  frame[ETHERNET + 9] = 17;
  frame.set(message, HEADERS);
  return frame;
}

class KernelReader {
  readonly #object = new BpfObject(join(import.meta.dirname, "../build/holdfast.bpf.o"));
  readonly #key: ReturnType<typeof nameKey>;
  readonly #cpus = possibleCpus();

  constructor() {
    this.#object.load();
    this.#key = nameKey(nameWords((name) => this.#object.mapFd(name), false));
  }

  /** Has `message` read as an answer that a process in a namespace, both called `which`, got from `port`. */
  read(message: Uint8Array, port: number, which: number): void {
    const context = new Uint8Array(SK_BUFF.size);
    const cb = new DataView(context.buffer, SK_BUFF.cb);
    for (const [i, word] of [which, which, port === 53 ? 0 : port].entries()) cb.setUint32(4 * i, word, true);
    runProgram(this.#object.programFd("read_answer"), context, frameOf(message));
  }

  /** What an address is called now, as bytes of candidates, and how long; it is forgotten. */
  take(address: Address, which: number): { candidates: Set<string>; seconds: number } {
    const whole = address.family === 4 ? (0xffffn << 32n) | address.value : address.value;
    const words = { addressHigh: whole >> 64n, addressLow: BigInt.asUintN(64, whole) };
    const key = encode(NamedKey, { netns: BigInt(which), ...words });
    const value = new Uint8Array(AddressNames.size);
    const candidates = new Set<string>();
    let seconds = 0;
    if (!readEntry(this.#object.mapFd("claimed_names"), key, value)) return { candidates, seconds };
    for (const ref of decode(AddressNames, value).refs.filter(({ id }) => id !== 0n)) {
      const id = new Uint8Array(BigUint64Array.of(ref.id).buffer);
      const candidate = new Uint8Array(Candidate.size);
      assert.equal(ref.tgid, which);
      assert.equal(ref.id & 1n, 0n, "nobody but a configured resolver is trusted");
      assert.ok(readEntry(this.#object.mapFd("claimed_candidates"), id, candidate), "a name of an address is known");
      const { id: itself, ...known } = decode(Candidate, candidate);
      assert.equal(itself, ref.id);
      candidates.add(Buffer.from(encode(Candidate, { ...known, id: 0n })).toString("hex"));
      seconds = Number((ref.untilNs - ref.learntNs) / 1_000_000_000n);
    }
    deleteEntry(this.#object.mapFd("claimed_names"), key);
    return { candidates, seconds };
  }

  candidateOf(names: readonly string[]): string {
    return Buffer.from(encode(Candidate, { ...packNames(names, this.#key), id: 0n })).toString("hex");
  }

  /** The namespaces for which something was learnt that nobody has taken. */
  left(): bigint[] {
    const all = [...keys(this.#object.mapFd("claimed_names"), NamedKey.size)];
    return all.map((key) => decode(NamedKey, key).netns);
  }

  /** Forgets all candidates, and says how many there were. */
  forget(): number {
    const all = [...keys(this.#object.mapFd("claimed_candidates"), 8)].map((id) => Uint8Array.from(id));
    for (const id of all) deleteEntry(this.#object.mapFd("claimed_candidates"), id);
    return all.length;
  }

  /** How many messages, or names of them, were lost and counted so far. */
  lost(): number {
    const values = new BigUint64Array(this.#cpus);
    readEntry(this.#object.mapFd("counters"), new Uint8Array(Uint32Array.of(Counter.NAMES_LOST).buffer), new Uint8Array(values.buffer));
    return Number(values.reduce((sum, value) => sum + value, 0n));
  }

  close(): void {
    this.#object.close();
  }
}

/** Fails unless the kernel has learnt exactly what `expected` says. */
function compare(kernel: KernelReader, expected: readonly Said[], which: number): void {
  const byAddress = new Map<string, { address: Address; candidates: Set<string>; ttl: number }>();
  for (const { names, addresses, ttl } of expected)
    for (const address of addresses) {
      const known = byAddress.get(printAddress(address)) ?? { address, candidates: new Set<string>(), ttl };
      known.candidates.add(kernel.candidateOf(names));
      byAddress.set(printAddress(address), known);
    }
  for (const { address, candidates, ttl } of byAddress.values()) {
    const learnt = kernel.take(address, which);
    assert.deepEqual(learnt.candidates, candidates);
    if (candidates.size === 1 && expected.length === 1) assert.equal(learnt.seconds, Math.max(LEAST_SECONDS, Math.min(MOST_SECONDS, ttl)));
  }
}

/** Types of records, as dns-packet calls them. */
const READ = /^(A|AAAA|CNAME|UNKNOWN_\d+)$/;

/** Each name with each of its addresses. */
function pairsOf(said: readonly Said[]): string[] {
  return [...new Set(said.flatMap(({ names, addresses }) => addresses.map((address) => `${names} ${printAddress(address)}`)))].sort();
}

/**
 * As dns-packet reads a well-formed answer; null where it gives up, and where there are records of types it has a reader for but we do
 * not look into: it goes on after what that reader took, whatever the record's length says.
 */
function reference(message: Uint8Array, port: number): Said[] | null {
  const bytes = Buffer.from(message);
  /* But for mDNS, nobody looks at authorities and additionals (RFC 1035, 4.1.1). */
  if (port !== PORT_MDNS) bytes.fill(0, 8, 12);
  try {
    const { questions = [], answers = [], authorities = [], additionals = [] } = decodePacket(bytes);
    const all = [...answers, ...authorities, ...additionals];
    if (all.some(({ type }) => !READ.test(type))) return null;
    const records = all.filter((record) => "class" in record && record.class === "IN");
    const addressOf = (record: Answer): Address[] => {
      const address = record.type === "A" || record.type === "AAAA" ? parseAddress(record.data) : null;
      return address === null || /^(127\.|0\.0\.0\.0$|::1?$)/.test(printAddress(address)) ? [] : [address];
    };
    const lower = (name: string): string => name.toLowerCase();
    if (port === PORT_MDNS) return records.map((record) => ({ names: [lower(record.name)], addresses: addressOf(record), ttl: 0 }));
    const aliases = records.flatMap((record) => (record.type === "CNAME" && record.data !== "." ? lower(record.data) : []));
    return [{ names: [lower(questions[0]?.name ?? ""), ...aliases], addresses: records.flatMap(addressOf), ttl: 0 }];
  } catch {
    return null;
  }
}

test("read_answer() in the loaded program reads what others read, and nothing from what is malformed", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const kernel = new KernelReader();
  t.after(() => kernel.close());
  const random = new Random(SEED);
  const seen = { taught: 0, malformed: 0, compared: 0, unreadable: 0, names: 0 };
  const last: { which: number; message: string; port: number }[] = [];
  for (let which = 1; which <= CASES; which++) {
    const { port, message: real } = random.pick(ANSWERS);
    const message = which <= ANSWERS.length ? (ANSWERS[which - 1]?.message ?? real) : mutate(real, random);
    const from = which <= ANSWERS.length ? (ANSWERS[which - 1]?.port ?? port) : port;
    const about = `case ${which}, port ${from}: ${Buffer.from(message).toString("hex")}`;
    last.push({ which, message: about, port: from });
    const lost = kernel.lost();
    kernel.read(message, from, which);
    const expected = readAnswer(message, from);
    if (expected === null) assert.ok(kernel.lost() > lost, `not counted: ${about}`);
    try {
      compare(kernel, expected ?? [], which);
      const names = (expected ?? []).flatMap((one) => one.names);
      if (expected === null) seen.malformed++;
      if (names.length > 0) seen.taught++;
      /* dns-packet takes names for text, whatever stands in them. */
      if (expected !== null && names.length > 0 && names.every((name) => hostName(name) === name)) {
        const other = reference(message, from)?.filter((one) => from !== PORT_MDNS || one.names[0]?.endsWith(".local"));
        if (other === undefined) seen.unreadable++;
        else {
          assert.deepEqual(pairsOf(expected), pairsOf(other));
          seen.compared++;
        }
      }
    } catch (error) {
      throw new Error(about, { cause: error });
    }
    if (which % LOOK === 0 || which === CASES) {
      const left = kernel.left();
      assert.deepEqual(
        left.map((netns) => last.find((one) => BigInt(one.which) === netns)?.message),
        [],
        "only what was expected was learnt",
      );
      seen.names += kernel.forget();
      last.length = 0;
    }
  }
  t.diagnostic(`${CASES} cases: ${JSON.stringify(seen)}`);
  assert.ok(seen.taught > CASES / 10, `only ${seen.taught} of ${CASES} answers taught something: a tenth must`);
  assert.ok(seen.malformed > CASES / 10, `only ${seen.malformed} of ${CASES} answers were malformed: a tenth must be`);
  assert.ok(
    seen.unreadable < seen.compared / 2,
    `dns-packet could not read ${seen.unreadable} answers, and ${seen.compared} were compared`,
  );
});

test("the answers that are mutated mean what they are there for", () => {
  for (const { about, port, message, names, addresses } of ANSWERS) {
    const read = readAnswer(message, port);
    assert.deepEqual(read?.flatMap((one) => one.names) ?? null, names, about);
    assert.equal(read?.flatMap((one) => one.addresses).length ?? 0, addresses, about);
  }
  assert.ok(ANSWERS.some(({ port }) => port === PORT_MDNS) && ANSWERS.some(({ port }) => port === PORT_LLMNR));
});

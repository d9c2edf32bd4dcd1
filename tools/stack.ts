// SPDX-License-Identifier: Apache-2.0
/**
 * How much stack the programs of a BPF object use, as Linux 6.1 counts it (kernel/bpf/verifier.c, check_max_stack_depth): along every chain of
 * calls, 512 bytes at most, each function's rounded up to 32. Newer kernels round to 16 and would not notice.
 */

export const MOST_STACK = 512;
const ROUND = 32;

/** ELF (elf.h), as far as a BPF object needs it. */
const SECTION_RELOCATIONS = 9;
const SECTION_SYMBOLS = 2;
const SECTION_EXECUTABLE = 4n;
const SYMBOL_FUNCTION = 2;
const SYMBOL_SECTION = 3;

/** Instructions (linux/bpf.h). */
const SIZE = 8;
const CALL = 0x85;
const LOAD_64 = 0x18;
const MOVE_64 = 0xbf;
const ADD_64 = 0x07;
const PSEUDO_CALL = 1;
const FRAME = 10;
const CLASS = 7;
const LOAD_MEMORY = 1;
const STORES = [2, 3];

type Section = {
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  readonly bytes: Uint8Array;
  readonly link: number;
  readonly info: number;
};
type Symbol_ = { readonly name: string; readonly kind: number; readonly section: number; readonly value: number; readonly size: number };

/** `stack`: bytes of its own. `calls`: functions it calls, or hands to a helper that does (bpf_loop). */
export type BpfFunction = { readonly name: string; readonly stack: number; readonly calls: ReadonlySet<string> };

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function textAt(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.subarray(at, bytes.indexOf(0, at))).toString("latin1");
}

function sectionsOf(object: Uint8Array): Section[] {
  const view = viewOf(object);
  if (object.length < 64 || view.getUint32(0) !== 0x7f454c46 || object[4] !== 2 || object[5] !== 1)
    throw new Error("Cannot read the object: expected a 64-bit little-endian ELF file");
  const [at, size, count, names] = [
    Number(view.getBigUint64(40, true)),
    view.getUint16(58, true),
    view.getUint16(60, true),
    view.getUint16(62, true),
  ];
  const raw = Array.from({ length: count }, (_, i) => {
    const header = at + i * size;
    const [offset, length] = [Number(view.getBigUint64(header + 24, true)), Number(view.getBigUint64(header + 32, true))];
    return {
      nameAt: view.getUint32(header, true),
      type: view.getUint32(header + 4, true),
      flags: view.getBigUint64(header + 8, true),
      bytes: object.subarray(offset, offset + length),
      link: view.getUint32(header + 40, true),
      info: view.getUint32(header + 44, true),
    };
  });
  const texts = raw[names]?.bytes ?? new Uint8Array();
  return raw.map(({ nameAt, ...section }) => ({ ...section, name: textAt(texts, nameAt) }));
}

function symbolsOf(sections: readonly Section[]): Symbol_[] {
  const table = sections.find(({ type }) => type === SECTION_SYMBOLS);
  if (table === undefined) throw new Error("Cannot read the object: it has no symbols");
  const view = viewOf(table.bytes);
  const texts = sections[table.link]?.bytes ?? new Uint8Array();
  return Array.from({ length: table.bytes.length / 24 }, (_, i) => ({
    name: textAt(texts, view.getUint32(24 * i, true)),
    kind: view.getUint8(24 * i + 4) & 15,
    section: view.getUint16(24 * i + 6, true),
    value: Number(view.getBigUint64(24 * i + 8, true)),
    size: Number(view.getBigUint64(24 * i + 16, true)),
  }));
}

/** Symbols by the place in a section whose instruction refers to them. */
function relocationsOf(sections: readonly Section[], symbols: readonly Symbol_[], of: number): Map<number, Symbol_> {
  const found = new Map<number, Symbol_>();
  for (const { type, info, bytes } of sections) {
    if (type !== SECTION_RELOCATIONS || info !== of) continue;
    const view = viewOf(bytes);
    for (let at = 0; at < bytes.length; at += 16) {
      const symbol = symbols[view.getUint32(at + 12, true)];
      if (symbol !== undefined) found.set(Number(view.getBigUint64(at, true)), symbol);
    }
  }
  return found;
}

/** Every function of an object file. */
export function functionsOf(object: Uint8Array): BpfFunction[] {
  const sections = sectionsOf(object);
  const symbols = symbolsOf(sections);
  const functions = symbols.filter(({ kind }) => kind === SYMBOL_FUNCTION);
  const at = (section: number, offset: number): string => {
    const found = functions.find((each) => each.section === section && offset >= each.value && offset < each.value + each.size);
    if (found === undefined) throw new Error(`Cannot find the function at ${offset} of section "${sections[section]?.name}"`);
    return found.name;
  };
  const executable = (symbol: Symbol_): boolean => ((sections[symbol.section]?.flags ?? 0n) & SECTION_EXECUTABLE) !== 0n;
  return functions.map(({ name, section, value, size }) => {
    const code = sections[section]?.bytes ?? new Uint8Array();
    const view = viewOf(code);
    const relocations = relocationsOf(sections, symbols, section);
    const calls = new Set<string>();
    /* Registers that hold the frame's address. */
    const frames = new Set<number>();
    let stack = 0;
    for (let place = value; place < value + size; place += SIZE) {
      const operation = view.getUint8(place);
      const [to, from] = [view.getUint8(place + 1) & 15, view.getUint8(place + 1) >> 4];
      const offset = view.getInt16(place + 2, true);
      const number = view.getInt32(place + 4, true);
      const symbol = relocations.get(place);
      if (operation === CALL && from === PSEUDO_CALL) {
        const target =
          symbol === undefined ? place + (number + 1) * SIZE : symbol.value + (symbol.kind === SYMBOL_SECTION ? (number + 1) * SIZE : 0);
        calls.add(at(symbol?.section ?? section, target));
      }
      if (operation === LOAD_64) {
        if (symbol !== undefined && executable(symbol))
          calls.add(at(symbol.section, symbol.value + (symbol.kind === SYMBOL_SECTION ? number : 0)));
        place += SIZE;
      }
      const base = (operation & CLASS) === LOAD_MEMORY ? from : STORES.includes(operation & CLASS) ? to : null;
      if (base === FRAME) stack = Math.max(stack, -offset);
      if (operation === ADD_64 && frames.has(to)) stack = Math.max(stack, -number);
      if (operation === MOVE_64 && from === FRAME) frames.add(to);
      else if ((operation & CLASS) !== 2 && (operation & CLASS) !== 3 && (operation & CLASS) !== 5) frames.delete(to);
    }
    return { name, stack, calls };
  });
}

export type Chain = { readonly bytes: number; readonly names: readonly string[] };

/** The chain of calls from a function that takes the most stack. */
export function deepest(functions: readonly BpfFunction[], from: string): Chain {
  const byName = new Map(functions.map((each) => [each.name, each]));
  const known = new Map<string, Chain>();
  const chainOf = (name: string): Chain => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const { stack = 0, calls = new Set<string>() } = byName.get(name) ?? {};
    const below = [...calls]
      .map(chainOf)
      .reduce<Chain>((most, chain) => (chain.bytes > most.bytes ? chain : most), { bytes: 0, names: [] });
    const chain = { bytes: Math.ceil(Math.max(stack, 1) / ROUND) * ROUND + below.bytes, names: [name, ...below.names] };
    known.set(name, chain);
    return chain;
  };
  return chainOf(from);
}

/** A line for every function whose calls take more than there is. */
export function stackProblems(functions: readonly BpfFunction[]): string[] {
  return functions.flatMap(({ name }) => {
    const { bytes, names } = deepest(functions, name);
    return bytes <= MOST_STACK
      ? []
      : [`${names.join(" -> ")}: ${bytes} bytes of stack; Linux 6.1 gives ${MOST_STACK}, counted in steps of ${ROUND}`];
  });
}

// SPDX-License-Identifier: Apache-2.0
/** Which lists a name or an address is on, and by which entry: what the kernel answers as classes, in words. */
import { type Address, knownAddress } from "../contract/address.ts";
import type { ListMatcher } from "../contract/environment.ts";
import type { ListTables } from "./build.ts";
import { BELOW, type ListSet, listsOf, NO_CLASS, type Reach, SELF } from "./classes.ts";
import { classAt } from "./exceptions.ts";
import { Suffixes } from "./hash.ts";
import { entryText } from "./names.ts";

/** A suffix of a name that is in the table. */
export type Hit = {
  readonly class: number;
  /** Characters of the suffix. */
  readonly length: number;
  /** The suffix is the name itself: the class counts with its `self` set, otherwise with `below`. */
  readonly whole: boolean;
};

/** An entry of a list, as the rule language writes it. */
export type Match = { readonly list: number; readonly entry: string };

const ascii = new TextEncoder();

/** Every suffix of `name` (as `hostName` writes it) that is in the table, longest first. */
function allHits(tables: ListTables, name: string): Hit[] {
  const suffixes = new Suffixes();
  suffixes.read(tables.key, ascii.encode(name), 0, name.length);
  const hits: Hit[] = [];
  for (let n = suffixes.count - 1; n >= 0; n--) {
    const found = classAt(tables.names, suffixes, n);
    const length = name.length - (suffixes.start[n] ?? 0);
    if (found !== NO_CLASS) hits.push({ class: found, length, whole: length === name.length });
  }
  return hits;
}

/** What the kernel finds for `name` (as `hostName` writes it): longest suffix first, none after one whose class is final. */
export function hitsOf(tables: ListTables, name: string): Hit[] {
  const hits = allHits(tables, name);
  const final = hits.findIndex((hit) => tables.classes.get(hit.class).final);
  return final < 0 ? hits : hits.slice(0, final + 1);
}

/** The lists that a hit says the name is on. */
function setOf(tables: ListTables, hit: Hit): ListSet {
  const { self, below } = tables.classes.get(hit.class);
  return hit.whole ? self : below;
}

/** The entry of `list` at a hit. */
function entryAt(tables: ListTables, name: string, { hit, list }: { hit: Hit; list: number }): string {
  const { self, below } = tables.classes.get(hit.class);
  const bit = 1n << BigInt(list);
  const reach = (self & bit ? SELF : 0) | (below & bit ? BELOW : 0);
  return entryText(name.slice(name.length - hit.length), reach as Reach);
}

/** The lists `name` (as `hostName` writes it) is on, in order, each with its most specific entry. */
export function matchName(tables: ListTables, name: string): Match[] {
  const hits = allHits(tables, name);
  const decisive = hitsOf(tables, name);
  const set = decisive.reduce((lists, hit) => lists | setOf(tables, hit), 0n);
  return listsOf(set).map((list) => {
    const has = (hit: Hit): boolean => ((setOf(tables, hit) >> BigInt(list)) & 1n) === 1n;
    /* A final class repeats what stands further up. */
    const hit = hits.find((found) => has(found) && !tables.classes.get(found.class).final) ?? hits.findLast(has);
    return { list, entry: hit === undefined ? name : entryAt(tables, name, { hit, list }) };
  });
}

/** The lists an address is on, in order, each with the stretch of neighbouring entries around it. */
export function matchAddress(tables: ListTables, address: Address): Match[] {
  const table = address.family === 4 ? tables.v4 : tables.v6;
  return listsOf(tables.classes.get(table.find(address)).self).map((list) => {
    const holds = (number: number): boolean => ((tables.classes.get(number).self >> BigInt(list)) & 1n) === 1n;
    return { list, entry: table.stretch(address, holds) };
  });
}

/** List n of the load, as rules ask it. */
export function listMatcher(tables: ListTables, list: number): ListMatcher {
  const entry = (matches: readonly Match[]): string | null => matches.find((match) => match.list === list)?.entry ?? null;
  return {
    has: (name) => entry(matchName(tables, name)),
    hasAddress: (address) => entry(matchAddress(tables, knownAddress(address))),
  };
}

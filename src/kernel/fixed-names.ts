// SPDX-License-Identifier: Apache-2.0
/** The names of addresses that no answer taught: /etc/hosts, in the maps `fixed_names` and `fixed_candidates`. */
import { randomBytes } from "node:crypto";
import { encode } from "../contract/codec.ts";
import { ADDRESS_NAMES, AddressNames, Candidate, NAME_KEYS, NamedKey } from "../contract/layout.gen.ts";
import type { FixedName } from "./kernel.ts";
import { deleteEntry, keys, readEntry, updateEntry } from "./libbpf.ts";
import type { MapName } from "./object.ts";

const FOR_EVER = 2n ** 64n - 1n;
const NOTHING = { id: 0n, learntNs: 0n, untilNs: 0n, tgid: 0, reserved: 0 };

const idKey = (id: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(id).buffer);

/** Writes what is new, then takes away what is no more, so that what stays is there all the time. `put` writes one entry of a map. */
export function setFixedNames(
  fd: (name: MapName) => number,
  names: readonly FixedName[],
  put: (name: MapName, key: Uint8Array, value: Uint8Array) => void,
): void {
  const byAddress = new Map<string, FixedName[]>();
  for (const name of names) {
    const { high, low } = name.address;
    byAddress.set(`${high}:${low}`, [...(byAddress.get(`${high}:${low}`) ?? []), name]);
  }
  const kept = { fixed_names: new Set<string>(), fixed_candidates: new Set<string>() };
  const keep = (map: keyof typeof kept, key: Uint8Array, value: Uint8Array): void => {
    put(map, key, value);
    kept[map].add(Buffer.from(key).toString("hex"));
  };
  for (const { id, candidate } of names) keep("fixed_candidates", idKey(id), encode(Candidate, { ...candidate, id }));
  for (const known of byAddress.values()) {
    const [{ address } = { address: { high: 0n, low: 0n } }] = known;
    const refs = known.slice(0, ADDRESS_NAMES).map(({ id }) => ({ ...NOTHING, id, untilNs: FOR_EVER }));
    const free = Array.from({ length: ADDRESS_NAMES - refs.length }, () => NOTHING);
    const named = { netns: 0n, addressHigh: address.high, addressLow: address.low };
    keep("fixed_names", encode(NamedKey, named), encode(AddressNames, { key: named, refs: [...refs, ...free] }));
  }
  for (const [map, size] of [
    ["fixed_names", NamedKey.size],
    ["fixed_candidates", 8],
  ] as const) {
    const gone = [...keys(fd(map), size)].filter((key) => !kept[map].has(Buffer.from(key).toString("hex")));
    for (const key of gone) deleteEntry(fd(map), key);
  }
}

/** What names are hashed by: random for a set that is new, its own for one that was adopted. */
export function nameWords(fd: (name: MapName) => number, adopted: boolean): Uint32Array<ArrayBuffer> {
  const key = new Uint8Array(4);
  const bytes = new Uint8Array(NAME_KEYS * 8);
  if (adopted) readEntry(fd("name_keys"), key, bytes);
  else {
    bytes.set(randomBytes(bytes.length));
    updateEntry(fd("name_keys"), key, bytes);
  }
  return new Uint32Array(bytes.buffer);
}

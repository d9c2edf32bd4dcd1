// SPDX-License-Identifier: Apache-2.0
/** What addresses are called: the names somebody asked for and was given them as an answer. Bounded; shown to people, never decided by. */
import type { FlowRecord } from "../contract/flow.ts";

export type KnownName = FlowRecord["names"][number];
/** DNS is LLMNR too. */
export type NameSource = KnownName["source"];

/** One answer. Names as `hostName` writes them: the one asked for, then what it stands for (CNAME). Addresses in canonical text. */
export type NamesLearnt = {
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  readonly source: NameSource;
  /** The process that asked; 0 = nobody did (multicast). */
  readonly tgid: number;
};

type Entry = { readonly names: readonly string[]; readonly source: NameSource; readonly tgid: number };

export type NameBookOptions = {
  /** Addresses kept; the one heard of longest ago is forgotten first. Default 16,384. */
  readonly maxAddresses?: number;
  /** Answers kept of one address; the oldest goes first. Default 8. */
  readonly maxAnswers?: number;
};

export class NameBook {
  readonly #maxAddresses: number;
  readonly #maxAnswers: number;
  /** Newest answer first; least recently learnt address first. */
  readonly #byAddress = new Map<string, Entry[]>();
  #hosts: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(options: NameBookOptions = {}) {
    this.#maxAddresses = options.maxAddresses ?? 16_384;
    this.#maxAnswers = options.maxAnswers ?? 8;
  }

  /** How many addresses have a name that was asked for. */
  get size(): number {
    return this.#byAddress.size;
  }

  learn({ names, addresses, source, tgid }: NamesLearnt): void {
    const [asked] = names;
    if (asked === undefined) return;
    for (const address of addresses) {
      const others = (this.#byAddress.get(address) ?? []).filter((entry) => entry.tgid !== tgid || entry.names[0] !== asked);
      this.#byAddress.delete(address);
      this.#byAddress.set(address, [{ names, source, tgid }, ...others].slice(0, this.#maxAnswers));
    }
    for (const address of this.#byAddress.keys()) {
      if (this.#byAddress.size <= this.#maxAddresses) break;
      this.#byAddress.delete(address);
    }
  }

  /** Replaces what /etc/hosts says: address -> its names, as they stand there. */
  setHosts(hosts: ReadonlyMap<string, readonly string[]>): void {
    this.#hosts = hosts;
  }

  /** What `address` is called by process `tgid`: its own questions before those of others, newer before older, the hosts file last. */
  of(address: string, tgid: number): KnownName[] {
    const entries = this.#byAddress.get(address) ?? [];
    const own = entries.filter((entry) => entry.tgid === tgid);
    const others = entries.filter((entry) => entry.tgid !== tgid);
    const known = new Map<string, KnownName>();
    const add = (names: readonly string[], source: NameSource, mine: boolean): void => {
      for (const name of names) if (!known.has(name)) known.set(name, { name, source, own: mine });
    };
    for (const { names, source } of own) add(names, source, true);
    for (const { names, source } of others) add(names, source, false);
    add(this.#hosts.get(address) ?? [], "hosts", false);
    return [...known.values()];
  }
}

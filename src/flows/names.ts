// SPDX-License-Identifier: Apache-2.0
/**
 * What addresses are called: the names somebody asked for and was given them as an answer. The kernel learns the same from the same answers
 * and decides by it (bpf/names.h); this is what people are shown, and what a decision is explained by. Bounded.
 */
import type { Candidate } from "../contract/connection.ts";
import type { FlowRecord } from "../contract/flow.ts";

export type KnownName = FlowRecord["names"][number];
/** DNS is LLMNR too. */
export type NameSource = KnownName["source"];

/** A process, and the network namespace (cookie) it talks in. */
export type Asker = { readonly netns: bigint; readonly tgid: number };

/** One answer. Names as `hostName` writes them: the one asked for, then what it stands for (CNAME). Addresses in canonical text. */
export type NamesLearnt = Asker & {
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  readonly source: NameSource;
  /** Another than the program itself said so: a configured resolver. */
  readonly trusted: boolean;
  /** How long the answer counts for others than who asked, milliseconds since the epoch. */
  readonly untilMs: number;
};

type Entry = Pick<NamesLearnt, "names" | "source" | "tgid" | "trusted" | "untilMs">;

export type NameBookOptions = {
  /** Addresses kept; the one heard of longest ago is forgotten first. Default as in the kernel. */
  readonly maxAddresses?: number;
  /** Answers kept of one address; the oldest goes first. Default as in the kernel. */
  readonly maxAnswers?: number;
};

const keyOf = (address: string, netns: bigint): string => `${netns} ${address}`;

export class NameBook {
  readonly #maxAddresses: number;
  readonly #maxAnswers: number;
  /** Newest answer first; least recently learnt address first. What programs may have made up crowds out only its like, as in the kernel. */
  readonly #trusted = new Map<string, Entry[]>();
  readonly #claimed = new Map<string, Entry[]>();
  #hosts: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(options: NameBookOptions = {}) {
    this.#maxAddresses = options.maxAddresses ?? 4096;
    this.#maxAnswers = options.maxAnswers ?? 8;
  }

  /** How many addresses have a name that was asked for. */
  get size(): number {
    return new Set([...this.#trusted.keys(), ...this.#claimed.keys()]).size;
  }

  #heard(key: string): Entry[] {
    return [...(this.#trusted.get(key) ?? []), ...(this.#claimed.get(key) ?? [])];
  }

  learn({ names, addresses, source, tgid, netns, trusted, untilMs }: NamesLearnt): void {
    const [asked] = names;
    if (asked === undefined) return;
    const byAddress = trusted ? this.#trusted : this.#claimed;
    for (const address of addresses) {
      const key = keyOf(address, netns);
      const others = (byAddress.get(key) ?? []).filter((entry) => entry.tgid !== tgid || entry.names[0] !== asked);
      byAddress.delete(key);
      byAddress.set(key, [{ names, source, tgid, trusted, untilMs }, ...others].slice(0, this.#maxAnswers));
    }
    for (const key of byAddress.keys()) {
      if (byAddress.size <= this.#maxAddresses) break;
      byAddress.delete(key);
    }
  }

  /** Replaces what /etc/hosts says: address -> its names, as they stand there. */
  setHosts(hosts: ReadonlyMap<string, readonly string[]>): void {
    this.#hosts = hosts;
  }

  /**
   * What `address` is called by a process: its own questions before those of others, what a configured resolver says before what others say,
   * newer before older, the hosts file last.
   */
  of(address: string, { netns, tgid }: Asker): KnownName[] {
    const entries = this.#heard(keyOf(address, netns));
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

  /**
   * The questions that count for a connection of a process to `address`, a configured resolver's first, newest first. What one program may
   * have made up says nothing about another's connection, and what others were told grows old. An asker of null is nobody in particular, in
   * any namespace.
   */
  candidates(address: string, asker: Asker | null, nowMs: number): Candidate[] {
    const heard =
      asker === null
        ? [...this.#trusted, ...this.#claimed].flatMap(([key, entries]) => (key.endsWith(` ${address}`) ? entries : []))
        : this.#heard(keyOf(address, asker.netns));
    const counting = heard
      .map(({ names, trusted, tgid, untilMs }) => ({ names, trusted, own: tgid === asker?.tgid, untilMs }))
      .filter(({ own, trusted, untilMs }) => own || (trusted && nowMs <= untilMs));
    const hosts = this.#hosts.get(address);
    return [
      ...counting.map(({ names, trusted, own }) => ({ names, trusted, own })),
      ...(hosts === undefined || hosts.length === 0 ? [] : [{ names: hosts, trusted: true, own: false }]),
    ];
  }

  /** Addresses that were given for `name`, newest first. */
  addressesOf(name: string): string[] {
    const heard = [...this.#claimed, ...this.#trusted].filter(([, entries]) => entries.some(({ names }) => names[0] === name));
    const hosts = [...this.#hosts].filter(([, names]) => names.includes(name));
    return [...new Set(heard.map(([key]) => key.slice(key.indexOf(" ") + 1)).reverse()), ...hosts.map(([address]) => address)];
  }
}

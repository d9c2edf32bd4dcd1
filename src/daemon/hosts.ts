// SPDX-License-Identifier: Apache-2.0
/** The names in /etc/hosts, for people and for the kernel. */
import { statSync } from "node:fs";
import { knownAddress, wideAddress } from "../contract/address.ts";
import { CANDIDATE_TRUSTED } from "../contract/layout.gen.ts";
import type { FixedName } from "../kernel/kernel.ts";
import { readHosts } from "../kernel/system-files.ts";
import { nameKey } from "../lists/hash.ts";
import { packNames } from "../rules/candidate.ts";
import type { Engine } from "./engine.ts";

/** Addresses of the machine itself, and those that stand for "nowhere" in a hosts file that blocks: they have no name. */
const NAMELESS = /^(127\.|0\.0\.0\.0$|::1?$)/;
/** FNV-1a, 64 bits. */
const PRIME = 0x100000001b3n;

/** The same names have the same id, and others (but for one chance in 2^63) another. */
function idOf({ sums, count }: FixedName["candidate"]): bigint {
  const hash = sums.slice(0, count).reduce((before, sum) => BigInt.asUintN(64, (before ^ sum) * PRIME), 0xcbf29ce484222325n);
  return hash | BigInt(CANDIDATE_TRUSTED);
}

/** What identifies a version of the file without reading it. */
function versionOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? "" : `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}`;
}

export class Hosts {
  readonly #engine: Pick<Engine, "kernel" | "names">;
  #version: string | null = null;

  constructor(engine: Pick<Engine, "kernel" | "names">) {
    this.#engine = engine;
  }

  /** Takes over what the file says now, if it is another than last time. Throws when the kernel has no room for all of it. */
  follow(): void {
    const version = versionOf("/etc/hosts");
    if (version === this.#version) return;
    const hosts = new Map([...readHosts()].filter(([address, names]) => names.length > 0 && !NAMELESS.test(address)));
    const { kernel, names } = this.#engine;
    const key = nameKey(kernel.nameWords);
    names.setHosts(hosts);
    this.#version = version;
    kernel.setFixedNames(
      [...hosts].map(([address, known]) => {
        const candidate = packNames(known, key);
        return { address: wideAddress(knownAddress(address)), id: idOf(candidate), candidate };
      }),
    );
  }
}

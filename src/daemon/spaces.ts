// SPDX-License-Identifier: Apache-2.0
/** The network namespaces programs talk in: their own addresses for the kernel's table, and a way to send a held packet from within. */

import { readAddresses } from "../kernel/addresses.ts";
import { Destroyer } from "../kernel/destroy.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { findNamespace } from "../kernel/netns.ts";
import { Sender } from "../kernel/resend.ts";
import { address128 } from "./address.ts";

/** How long an open namespace is kept after its last use; while it is open it cannot go away. */
const KEEP_MS = 2000;
/** Namespaces whose addresses are kept up to date; more than a machine full of containers has. */
const MAX_SPACES = 1024;

type Open = { readonly sender: Sender; readonly destroyer: Destroyer; readonly close: () => void; usedMs: number };

export class Spaces {
  readonly #kernel: Kernel;
  readonly #hints = new Map<bigint, number>();
  readonly #open = new Map<bigint, Open>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Makes a namespace known: files its own addresses. `tgid`: a process in it. Cheap when it is known already. */
  learn(cookie: bigint, tgid: number): void {
    if (cookie === 0n || this.#hints.has(cookie) || this.#hints.size >= MAX_SPACES) return;
    this.#hints.set(cookie, tgid);
    this.#refresh(cookie);
  }

  /** The namespace's own addresses as they are now; one that is gone is forgotten. */
  #refresh(cookie: bigint): void {
    const space = findNamespace(cookie, this.#hints.get(cookie) ?? 0);
    if (space === null) {
      this.#kernel.putOwnAddresses(cookie, []);
      this.#hints.delete(cookie);
      return;
    }
    try {
      const addresses = readAddresses(space.fd).flatMap(({ address }) => address128(address) ?? []);
      this.#kernel.putOwnAddresses(cookie, addresses);
    } finally {
      space.close();
    }
  }

  /** Looks at every known namespace again; due every few seconds. */
  refreshAll(): void {
    for (const cookie of [...this.#hints.keys()]) this.#refresh(cookie);
  }

  /** What sends and destroys in a namespace; null when the namespace is gone. Throws what the system says, and then leaves nothing open. */
  enter(cookie: bigint, tgid: number): { readonly sender: Sender; readonly destroyer: Destroyer } | null {
    const known = this.#open.get(cookie);
    if (known) {
      known.usedMs = Date.now();
      return known;
    }
    const space = findNamespace(cookie, tgid);
    if (space === null) return null;
    using opened = new DisposableStack();
    opened.defer(() => space.close());
    const sender = opened.adopt(new Sender(space), (each) => each.close());
    const destroyer = opened.adopt(new Destroyer(space.fd), (each) => each.close());
    const kept = opened.move();
    const open = { sender, destroyer, close: () => kept.dispose(), usedMs: Date.now() };
    this.#open.set(cookie, open);
    return open;
  }

  /** Lets go of namespaces that have not been used for a while; `all` of them when the daemon ends. */
  rest(all = false): void {
    for (const [cookie, open] of this.#open) {
      if (!all && Date.now() - open.usedMs < KEEP_MS) continue;
      open.close();
      this.#open.delete(cookie);
    }
  }
}

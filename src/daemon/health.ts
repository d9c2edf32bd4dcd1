// SPDX-License-Identifier: Apache-2.0
/** What is wrong, as a list of named, worded, ranked conditions; and the counters they come from. */
import { count } from "../contract/count.ts";
import type { HealthItem } from "../contract/shapes.ts";

const RANK = { error: 0, warning: 1, info: 2 } as const;

/** Conditions by code. A condition stands until it is cleared. */
export class Health {
  readonly #items = new Map<string, HealthItem>();
  readonly #changed: (items: readonly HealthItem[]) => void;

  constructor(changed: (items: readonly HealthItem[]) => void) {
    this.#changed = changed;
  }

  /** Worst first. */
  list(): HealthItem[] {
    return [...this.#items.values()].sort((a, b) => RANK[a.severity] - RANK[b.severity] || (a.code < b.code ? -1 : 1));
  }

  set(code: string, severity: HealthItem["severity"], text: string): void {
    const before = this.#items.get(code);
    if (before?.severity === severity && before.text === text) return;
    this.#items.set(code, { code, severity, text });
    this.#changed(this.list());
  }

  clear(code: string): void {
    if (this.#items.delete(code)) this.#changed(this.list());
  }

  /** Sets the condition when there is a text, clears it when there is none. */
  keep(code: string, severity: HealthItem["severity"], text: string | null): void {
    if (text === null) this.clear(code);
    else this.set(code, severity, text);
  }
}

/** The kernel's counters that mean a table was full, or a helper failed; what remains is traffic. */
export const TABLE_FULL = { processesFull: "processes", peersFull: "peers", stoppedFull: "stopped" } as const;
/** Tables the daemon fills; what did not fit has a condition of its own. */
export const DAEMON_TABLE_FULL = {
  imagesFull: "images",
  registryFull: "registry",
  own_addressesFull: "own_addresses",
  onceFull: "once",
  guardedFull: "guarded",
} as const;
export const HELPER_FAILED = {
  socketStorageFailed: "sk_storage_get",
  packetUnreadable: "skb_load_bytes",
  syncntFailed: "setsockopt",
  decideFailed: "map_lookup_elem",
  stopFailed: "send_signal",
} as const;

/** Turns the kernel's counters into conditions. */
export function watchCounters(health: Health, counters: Readonly<Record<string, number>>): void {
  const lost = counters.eventsLost ?? 0;
  health.keep(
    "events-lost",
    "warning",
    lost === 0
      ? null
      : `${count(lost, "event")} ${lost === 1 ? "was" : "were"} lost because more came than was read in time: some flows are missing from the history. Verdicts are not affected`,
  );
  for (const [counter, table] of Object.entries(TABLE_FULL)) {
    const full = counters[counter] ?? 0;
    health.keep(
      `full-${table}`,
      "warning",
      full === 0 ? null : `The kernel's table "${table}" was full ${count(full, "time")}: what did not fit is looked up anew or held`,
    );
  }
  for (const [counter, helper] of Object.entries(HELPER_FAILED)) {
    const failed = counters[counter] ?? 0;
    health.keep(
      `failed-${helper}`,
      "warning",
      failed === 0 ? null : `The kernel's "${helper}" failed ${count(failed, "time")}: what it was for was refused or held`,
    );
  }
}

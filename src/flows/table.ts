// SPDX-License-Identifier: Apache-2.0
/** Kernel flow events in, flow records out. Bounded in memory; what the store has already goes first. */
import type { FlowBatch, FlowCounters, FlowRecord } from "../contract/flow.ts";
import type { Cookie, FlowId } from "../contract/ids.ts";
import { isNothing } from "./counters.ts";
import type { FlowCountEvent, FlowVerdictEvent } from "./event.ts";
import { add, type Entry, judge, keyOf, newEntry, snapshot } from "./record.ts";
import { Sockets, type Talk } from "./sockets.ts";

export type FlowTableOptions = {
  /** Gives an id no record ever had. */
  readonly nextId: () => FlowId;
  /** Records kept in memory. Default 10,000, some 10 MB: as many as a list shows; the store has the others. */
  readonly maxRecords?: number;
  /** Conversations kept in memory. Default 32,768: the default local port range of Linux has 28,232 ports. */
  readonly maxConversations?: number;
  /** Peers of one socket. Default 256. */
  readonly maxPeersPerSocket?: number;
};

/** `complete` false: more changed since then than is still known; ask for the list again. */
export type FlowChanges = FlowBatch & { readonly sequence: number; readonly complete: boolean };

/** `forgottenRecords` were open or not yet stored when they had to go; `unknownSockets` counted or ended without being known. */
export type FlowTableStats = {
  readonly records: number;
  readonly conversations: number;
  readonly forgottenRecords: number;
  readonly forgottenConversations: number;
  readonly unknownSockets: number;
};

const MAX_REMOVED = 4096;
/** As long as a thread may stand between its call and its packet, with the daemon's look at the same in between. */
const ECHO_MS = 100;

export class FlowTable {
  readonly #nextId: () => FlowId;
  readonly #maxRecords: number;
  readonly #sockets: Sockets;
  /** Least recently changed first. */
  readonly #records = new Map<FlowId, Entry>();
  readonly #byKey = new Map<string, Entry>();
  #removed: { readonly id: FlowId; readonly changed: number }[] = [];
  #sequence = 0;
  #stored = 0;
  /** Changes up to here may be missing from `changes`. */
  #lostUpTo = 0;
  #forgottenRecords = 0;
  #unknownSockets = 0;

  constructor(options: FlowTableOptions) {
    this.#nextId = options.nextId;
    this.#maxRecords = options.maxRecords ?? 10_000;
    this.#sockets = new Sockets({ conversations: options.maxConversations ?? 32_768, perSocket: options.maxPeersPerSocket ?? 256 });
  }

  /** A socket that was there before this table: what it has counted so far is no record's. */
  older(cookie: Cookie, totals: FlowCounters): void {
    this.#sockets.older(cookie, totals);
  }

  /** A verdict on a new flow, or a new one on a flow. Returns the record as it is now, and whether kernel and daemon told one thing twice. */
  judged(event: FlowVerdictEvent): { readonly record: FlowRecord; readonly echo: boolean } {
    const talk = this.#sockets.find(event);
    const echo = talk !== null && isEcho(talk, event);
    const entry = talk === null ? this.#begin(event) : this.#judgedAgain(talk, event);
    this.#makeRoom();
    return { record: snapshot(entry), echo };
  }

  /** A socket's running totals. They may be told as often as one likes. */
  counted(event: FlowCountEvent): void {
    const counted = this.#sockets.count(event);
    if (counted === null) this.#unknownSockets += 1;
    else if (!isNothing(counted.delta)) {
      add(counted.entry, counted.delta);
      counted.entry.facts.lastMs = Math.max(counted.entry.facts.lastMs, event.timeMs);
      this.#touch(counted.entry);
    }
  }

  /** A socket is gone; these are its final totals. */
  ended(event: FlowCountEvent): void {
    this.counted(event);
    this.#release(this.#sockets.close(event.cookie));
  }

  /** The newest change. Hand it to `changes` to hear only what comes later. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Everything that changed after `since`, oldest change first, each record once. */
  changes(since: number): FlowChanges {
    const flows: FlowRecord[] = [];
    for (const entry of this.#records.values()) if (entry.changed > since) flows.push(snapshot(entry));
    const removed = this.#removed.filter((gone) => gone.changed > since).map((gone) => gone.id);
    return { sequence: this.#sequence, flows, removed, complete: since >= this.#lostUpTo };
  }

  /** What the store does not have yet. Call `stored(sequence)` once it has. */
  dirty(): FlowChanges {
    return this.changes(this.#stored);
  }

  /** The store has everything up to this sequence number. */
  stored(sequence: number): void {
    this.#stored = Math.max(this.#stored, sequence);
  }

  stats(): FlowTableStats {
    return {
      records: this.#records.size,
      conversations: this.#sockets.conversations,
      forgottenRecords: this.#forgottenRecords,
      forgottenConversations: this.#sockets.forgotten,
      unknownSockets: this.#unknownSockets,
    };
  }

  #begin(event: FlowVerdictEvent): Entry {
    const entry = this.#join(event);
    this.#release(this.#sockets.open(event, entry));
    return entry;
  }

  #judgedAgain(talk: Talk, event: FlowVerdictEvent): Entry {
    const from = talk.entry;
    const key = keyOf(event);
    if (from.key === key) {
      // The kernel reports a refusal again only when the same socket tried again, or when the daemon has found the same at the same time.
      if (event.verdict === "deny" && talk.verdict === "deny" && !isEcho(talk, event)) from.facts.attempts += 1;
      this.#judge(from, event);
    } else if (!this.#byKey.has(key) && movesWhole(from, key)) {
      this.#judge(from, event);
    } else {
      this.#leave(from);
      talk.entry = this.#join(event);
    }
    talk.verdict = event.verdict;
    talk.lookedMs = event.looked ? event.timeMs : null;
    return talk.entry;
  }

  #join(event: FlowVerdictEvent): Entry {
    const entry = this.#byKey.get(keyOf(event)) ?? newEntry(this.#nextId(), event);
    entry.live += 1;
    entry.facts.attempts += 1;
    this.#judge(entry, event);
    return entry;
  }

  #judge(entry: Entry, event: FlowVerdictEvent): void {
    if (this.#byKey.get(entry.key) === entry) this.#byKey.delete(entry.key);
    judge(entry, event);
    this.#touch(entry);
  }

  /** A connection that waited is not counted as one that waits any more; one that was let through or refused stays history. */
  #leave(entry: Entry): void {
    entry.live -= 1;
    if (entry.facts.verdict === "held") entry.facts.attempts -= 1;
    if (entry.facts.attempts > 0) this.#touch(entry);
    else this.#retire(entry);
  }

  /** Nothing is left of this record: all it told of stands in another one. */
  #retire(entry: Entry): void {
    this.#drop(entry);
    this.#sequence += 1;
    this.#removed.push({ id: entry.facts.id, changed: this.#sequence });
    if (this.#removed.length > MAX_REMOVED) {
      const cut = this.#removed.splice(0, MAX_REMOVED / 2);
      this.#lostUpTo = Math.max(this.#lostUpTo, cut.at(-1)?.changed ?? 0);
    }
  }

  #release(talks: readonly Talk[]): void {
    for (const { entry } of talks) {
      entry.live -= 1;
      this.#touch(entry);
    }
  }

  /** Also brings back a record that had to go while a conversation of it was still there: its id stays its own. */
  #touch(entry: Entry): void {
    this.#sequence += 1;
    entry.changed = this.#sequence;
    this.#records.delete(entry.facts.id);
    this.#records.set(entry.facts.id, entry);
    if (!this.#byKey.has(entry.key)) this.#byKey.set(entry.key, entry);
  }

  #drop(entry: Entry): void {
    this.#records.delete(entry.facts.id);
    if (this.#byKey.get(entry.key) === entry) this.#byKey.delete(entry.key);
  }

  /** One sixteenth at a time, so that a full table is searched once in many new records. */
  #makeRoom(): void {
    if (this.#records.size <= this.#maxRecords) return;
    const goal = this.#maxRecords - Math.floor(this.#maxRecords / 16);
    for (const mayGo of [(entry: Entry) => entry.live === 0 && entry.changed <= this.#stored, () => true]) {
      for (const entry of this.#records.values()) {
        if (this.#records.size <= goal) return;
        if (!mayGo(entry)) continue;
        if (entry.live > 0 || entry.changed > this.#stored) this.#forgottenRecords += 1;
        this.#lostUpTo = Math.max(this.#lostUpTo, entry.changed);
        this.#drop(entry);
      }
    }
  }
}

/** Whether daemon and kernel tell of one verdict on one attempt, each by itself. */
function isEcho(talk: Talk, { verdict, looked, timeMs }: FlowVerdictEvent): boolean {
  if (verdict !== talk.verdict) return false;
  return looked || (talk.lookedMs !== null && (verdict === "allow" || timeMs - talk.lookedMs < ECHO_MS));
}

/**
 * Whether a record goes along with the verdict of one of its connections: when all it tells of is still there, and is alone or waits
 * for one answer together. Else the past would be shown under a verdict it never had. Another program never inherits a record.
 */
function movesWhole(entry: Entry, key: string): boolean {
  const place = (k: string): string => k.slice(0, k.lastIndexOf(" "));
  const samePlace = entry.facts.app === null || place(entry.key) === place(key);
  return samePlace && entry.facts.attempts === entry.live && (entry.live === 1 || entry.facts.verdict === "held");
}

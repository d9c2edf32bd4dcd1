// SPDX-License-Identifier: Apache-2.0
/** Which record each conversation of each socket counts in. Bounded: the socket heard of longest ago is forgotten first. */
import type { FlowCounters } from "../contract/flow.ts";
import type { Cookie } from "../contract/ids.ts";
import { highest, more, NOTHING } from "./counters.ts";
import type { Conversation, FlowCountEvent, FlowVerdictEvent } from "./event.ts";
import type { Entry } from "./record.ts";

/**
 * A conversation that is still there, and the last verdict on it (its record may have moved on with another's). `lookedMs`: when the daemon
 * gave it, until the kernel has come to the same; null for a verdict of the kernel's.
 */
export type Talk = { entry: Entry; verdict: FlowVerdictEvent["verdict"]; lookedMs: number | null };

type Socket = {
  /** Least recently used first. */
  readonly talks: Map<string, Talk>;
  /** What was counted already. */
  totals: FlowCounters;
};

export type SocketLimits = {
  readonly conversations: number;
  /** A server's one UDP socket has any number of peers; the one heard of longest ago counts as gone. */
  readonly perSocket: number;
};

const talkKey = (c: Conversation): string => `${c.direction} ${c.protocol} ${c.peerAddress} ${c.peerPort}`;

export class Sockets {
  readonly #sockets = new Map<Cookie, Socket>();
  /** Of sockets that were there before us: what they had counted by then. */
  readonly #older = new Map<Cookie, FlowCounters>();
  readonly #limits: SocketLimits;
  #conversations = 0;
  #forgotten = 0;

  constructor(limits: SocketLimits) {
    this.#limits = limits;
  }

  get conversations(): number {
    return this.#conversations;
  }

  /** How many conversations were given up because the table was full. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** A socket that was there before us: what it has counted so far is no record's. */
  older(cookie: Cookie, totals: FlowCounters): void {
    this.#older.set(cookie, totals);
  }

  /** The conversation's talk, marked as used; null when it is not known. */
  find(conversation: Conversation): Talk | null {
    const socket = this.#use(conversation.cookie);
    const key = talkKey(conversation);
    const talk = socket?.talks.get(key);
    if (socket === undefined || talk === undefined) return null;
    socket.talks.delete(key);
    socket.talks.set(key, talk);
    return talk;
  }

  /** Remembers a new conversation; returns those that had to go for it. */
  open(event: FlowVerdictEvent, entry: Entry): Talk[] {
    const socket = this.#use(event.cookie) ?? { talks: new Map(), totals: this.#older.get(event.cookie) ?? NOTHING };
    this.#sockets.set(event.cookie, socket);
    socket.talks.set(talkKey(event), { entry, verdict: event.verdict, lookedMs: event.looked ? event.timeMs : null });
    this.#conversations += 1;
    const gone = socket.talks.size > this.#limits.perSocket ? this.#dropOldestTalk(socket) : [];
    while (this.#conversations > this.#limits.conversations) gone.push(...this.#forgetOldest());
    return gone;
  }

  /** What the socket counted since the last time, and the record it belongs to; null for a socket that is not known. */
  count(event: FlowCountEvent): { readonly entry: Entry; readonly delta: FlowCounters } | null {
    const socket = this.#use(event.cookie);
    const talk = socket?.talks.get(talkKey(event)) ?? Array.from(socket?.talks.values() ?? []).at(-1);
    if (socket === undefined || talk === undefined) return null;
    const before = socket.totals;
    socket.totals = highest(event.totals, before);
    return { entry: talk.entry, delta: more(event.totals, before) };
  }

  /** Forgets a socket that is gone; returns its conversations. */
  close(cookie: Cookie): Talk[] {
    const talks = Array.from(this.#sockets.get(cookie)?.talks.values() ?? []);
    this.#sockets.delete(cookie);
    this.#older.delete(cookie);
    this.#conversations -= talks.length;
    return talks;
  }

  #use(cookie: Cookie): Socket | undefined {
    const socket = this.#sockets.get(cookie);
    if (socket !== undefined) {
      this.#sockets.delete(cookie);
      this.#sockets.set(cookie, socket);
    }
    return socket;
  }

  #dropOldestTalk(socket: Socket): Talk[] {
    for (const [key, talk] of socket.talks) {
      socket.talks.delete(key);
      this.#conversations -= 1;
      return [talk];
    }
    return [];
  }

  #forgetOldest(): Talk[] {
    for (const [cookie, socket] of this.#sockets) {
      const gone = this.#dropOldestTalk(socket);
      if (socket.talks.size === 0) this.#sockets.delete(cookie);
      this.#forgotten += gone.length;
      return gone;
    }
    return [];
  }
}

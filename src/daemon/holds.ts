// SPDX-License-Identifier: Apache-2.0
/**
 * Flows that wait for a verdict, with the packets they wanted to send. A hold ends in one of three ways: released (its packets are sent
 * again, along the way their own socket would have taken), refused (a TCP connect() sees ECONNREFUSED), or forgotten (the socket is gone).
 * Whatever happens here, the kernel goes on dropping the flow's packets until its tables say otherwise.
 */
import type { Decoded } from "../contract/codec.ts";
import { CLASS_UNKNOWN, DECIDED_CANDIDATES, type FlowId, type HeldEvent, UNREAD_ALL } from "../contract/layout.gen.ts";
import type { Asker, ConnFields, ImageKeyFields, OnceKeyFields } from "../kernel/kernel.ts";
import { refusal } from "../kernel/tcp.ts";
import type { Spaces } from "./spaces.ts";
import { keyText } from "./unnamed.ts";

export type FlowFields = Decoded<typeof FlowId>;
type HeldFields = Decoded<typeof HeldEvent>;

const PROTOCOL_TCP = 6;
/** UDP and others: the newest datagrams of a flow (issue: 16 packets or 64 KiB). */
const MAX_PACKETS = 16;
const MAX_BYTES = 65536;
/** Flows held for one program; what is over it stays dropped by the kernel, and is asked about when there is room. */
const MAX_HOLDS_PER_APP = 1024;

type KeptPacket = {
  readonly bytes: Uint8Array;
  readonly event: HeldFields /** performance.now() when it came up: CLOCK_MONOTONIC, as TCP's timestamps. */;
  readonly sinceMs: number;
};

/** A flow that waits. `class` is the newest known; 0 while the program is not identified. */
export type Hold = {
  readonly key: string;
  flow: FlowFields;
  /** The image of whoever asks, for as long as it has no class. */
  image: ImageKeyFields;
  rule: number;
  readonly sinceMs: number;
  packets: KeptPacket[];
  /** Packets that came, those not kept included. */
  seen: number;
  /** Its socket is gone. What it sent before its program was known goes out all the same when a rule allows it, as it would have. */
  gone: boolean;
};

type Answered = { readonly key: OnceKeyFields; readonly allow: boolean };

export type HoldCounters = { released: number; refused: number; dropped: number };

/** Which flow: the socket and its peer. */
export function holdKey(flow: FlowFields): string {
  return `${flow.cookie}:${flow.direction}:${flow.protocol}:${flow.peerHigh}:${flow.peerLow}:${flow.peerPort}`;
}

/** Whether a record is of the program a hold is of. One without a class is told by its image: a hold learns its class first. */
function sameOwner(hold: Hold, flow: FlowFields, image: ImageKeyFields): boolean {
  if (hold.flow.uid !== flow.uid) return false;
  return flow.class === CLASS_UNKNOWN ? keyText(image) === keyText(hold.image) : flow.class === hold.flow.class;
}

/** Whether all of it could not be read: a frame without an IP packet, or a socket about to pass every hook. */
export function unreadable(flow: FlowFields): boolean {
  return flow.protocol === 0;
}

const NO_CANDIDATES = new Array<bigint>(DECIDED_CANDIDATES).fill(0n);

/** What the rules look at, names aside, as the kernel's test entry takes it. */
export function connOf(flow: FlowFields): ConnFields {
  return {
    peerHigh: flow.peerHigh,
    peerLow: flow.peerLow,
    class: flow.class,
    uid: flow.uid,
    rulePort: flow.direction === 0 ? flow.peerPort : flow.localPort,
    protocol: flow.protocol,
    direction: flow.direction,
    own: flow.own,
    sentTo: flow.sentTo,
    unread: unreadable(flow) ? UNREAD_ALL : 0,
    more: 0,
    candidates: NO_CANDIDATES,
  };
}

/** By whose names a flow's peer is known. */
export function askerOf({ netns, tgid }: FlowFields): Asker {
  return { netns, tgid };
}

/** The entry under which an answer "once" for this flow is filed. */
export function onceKey(flow: FlowFields): OnceKeyFields {
  const { cookie, peerHigh, peerLow, peerPort, protocol, direction } = flow;
  return { cookie, peerHigh, peerLow, peerPort, protocol, direction, reserved: 0 };
}

export class Holds {
  readonly #spaces: Spaces;
  readonly #maySend: (flow: FlowFields) => boolean;
  readonly #holds = new Map<string, Hold>();
  readonly #perApp = new Map<number, number>();
  /** Answers "once" in the kernel's table, by socket: they go when it goes. */
  readonly #answered = new Map<bigint, Map<string, Answered>>();
  readonly counters: HoldCounters = { released: 0, refused: 0, dropped: 0 };

  /** `maySend`: whether other scopes that cover the program have let the flow through; what is sent again passes them by. */
  constructor(spaces: Spaces, maySend: (flow: FlowFields) => boolean) {
    this.#spaces = spaces;
    this.#maySend = maySend;
  }

  get size(): number {
    return this.#holds.size;
  }

  /** Whether it still waits. */
  has(hold: Hold): boolean {
    return this.#holds.get(hold.key) === hold;
  }

  all(): Hold[] {
    return [...this.#holds.values()];
  }

  /** A flow waits (again). Null when its program has too many waiting already. */
  note(flow: FlowFields, image: ImageKeyFields, rule: number): Hold | null {
    const key = holdKey(flow);
    const known = this.#holds.get(key);
    if (known && sameOwner(known, flow, image)) {
      known.rule = rule || known.rule;
      return known;
    }
    /* A socket that was handed on: an answer for one program sends nothing of another's. */
    if (known) {
      this.counters.dropped += known.packets.length;
      this.forget(known);
    }
    const count = this.#perApp.get(flow.class) ?? 0;
    if (count >= MAX_HOLDS_PER_APP) {
      this.counters.dropped += 1;
      return null;
    }
    this.#perApp.set(flow.class, count + 1);
    const hold: Hold = { key, flow, image, rule, sinceMs: Date.now(), packets: [], seen: 0, gone: false };
    this.#holds.set(key, hold);
    return hold;
  }

  /** Keeps a packet of a waiting flow: the newest SYN of a connection, or the newest datagrams within the bound. */
  keep(event: HeldFields, bytes: Uint8Array): Hold | null {
    const hold = this.note(event.flow, event.key, event.rule);
    if (hold === null) return null;
    hold.seen += 1;
    hold.packets.push({ bytes, event, sinceMs: performance.now() });
    if (event.flow.protocol === PROTOCOL_TCP) {
      hold.packets = hold.packets.slice(-1);
      return hold;
    }
    let size = hold.packets.reduce((sum, packet) => sum + packet.bytes.length, 0);
    while (hold.packets.length > MAX_PACKETS || (size > MAX_BYTES && hold.packets.length > 1)) {
      size -= hold.packets.shift()?.bytes.length ?? 0;
      this.counters.dropped += 1;
    }
    return hold;
  }

  /** The flow has its answer "once", for as long as its socket lives. */
  answer(flow: FlowFields, allow: boolean): void {
    const ofSocket = this.#answered.get(flow.cookie) ?? new Map<string, Answered>();
    ofSocket.set(holdKey(flow), { key: onceKey(flow), allow });
    this.#answered.set(flow.cookie, ofSocket);
  }

  /** The answer "once" a flow has: allow (true), deny, or null when it has none. */
  answerOf(flow: FlowFields): boolean | null {
    return this.#answered.get(flow.cookie)?.get(holdKey(flow))?.allow ?? null;
  }

  /** The socket is gone, and its answers with it. Returns what the kernel's table has of them. */
  forgetAnswers(cookie: bigint): OnceKeyFields[] {
    const keys = [...(this.#answered.get(cookie)?.values() ?? [])].map(({ key }) => key);
    this.#answered.delete(cookie);
    return keys;
  }

  /** Moves a hold to the class its program turned out to be of. */
  identified(hold: Hold, classId: number): void {
    this.#count(hold.flow.class, -1);
    hold.flow = { ...hold.flow, class: classId };
    this.#count(classId, 1);
  }

  /** The socket is gone; its packets are not sent any more. */
  forget(hold: Hold): void {
    if (this.#holds.delete(hold.key)) this.#count(hold.flow.class, -1);
  }

  /** Sends what was held, oldest first. What cannot be sent along its own way is left to the kernel's or the program's own retry. */
  release(hold: Hold): void {
    this.forget(hold);
    this.counters.released += 1;
    /* Nobody is there for a connection. */
    if (hold.gone && hold.flow.protocol === PROTOCOL_TCP) return;
    if (hold.packets.length === 0 || !this.#maySend(hold.flow)) return;
    const space = this.#spaces.enter(hold.flow.netns, hold.flow.tgid);
    if (space === null) return;
    for (const { bytes, event, sinceMs } of hold.packets) {
      space.sender.send(bytes, {
        mark: event.mark,
        boundIfindex: event.boundIfindex,
        priority: event.priority,
        uid: hold.flow.uid,
        outIfindex: event.outIfindex,
        gsoSize: event.gsoSize,
        heldMs: Math.floor(performance.now() - sinceMs),
      });
    }
  }

  /** Tells the program no. A connect() ends with ECONNREFUSED; a datagram socket sees EPERM at its next send. Nothing goes to the peer. */
  refuse(hold: Hold): void {
    this.forget(hold);
    this.counters.refused += 1;
    if (hold.gone || hold.flow.protocol !== PROTOCOL_TCP || hold.flow.direction !== 0) return;
    const space = this.#spaces.enter(hold.flow.netns, hold.flow.tgid);
    if (space === null) return;
    const last = hold.packets.at(-1);
    const answer = last ? refusal(last.bytes) : null;
    if (last && answer && space.sender.inject(answer, last.event.outIfindex).sent) return;
    /* Without its SYN at hand there is nothing to answer: it ends with ECONNABORTED instead. */
    this.cut(hold.flow);
  }

  /** Ends a running connection. What the kernel would tell the peer is dropped: the flow is denied by now. */
  cut(flow: FlowFields): boolean {
    if (flow.protocol !== PROTOCOL_TCP) return false;
    const space = this.#spaces.enter(flow.netns, flow.tgid);
    return (
      space?.destroyer.destroy({ protocol: PROTOCOL_TCP, cookie: flow.cookie, localPort: flow.localPort, remotePort: flow.peerPort }) ??
      false
    );
  }

  #count(classId: number, change: number): void {
    const count = (this.#perApp.get(classId) ?? 0) + change;
    if (count > 0) this.#perApp.set(classId, count);
    else this.#perApp.delete(classId);
  }
}

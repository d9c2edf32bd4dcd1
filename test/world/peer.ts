// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from "node:child_process";
import { matches, type Packet, type PacketFilter, parsePacket } from "./packet.ts";
import type { Running } from "./process.ts";

export type Ports = { readonly tcp?: readonly number[]; readonly udp?: readonly number[]; readonly sink?: readonly number[] };

export type ServerEvent = {
  readonly event: "accept" | "data" | "close" | "datagram";
  readonly port: number;
  readonly from: string;
  readonly fromPort: number;
  /** Latin-1 text. */
  readonly payload: string;
};

/** The peer's servers: what they have seen so far. */
export class Server {
  readonly #process: Running;

  constructor(process: Running) {
    this.#process = process;
  }

  events(): ServerEvent[] {
    return this.#process
      .lines()
      .map((line) => JSON.parse(line))
      .filter((line) => line.event)
      .map((line) => ({ ...line, payload: Buffer.from(line.payload, "hex").toString("latin1") }));
  }

  /** Waits until `wanted` events of a kind have happened; returns them. */
  async seen(event: ServerEvent["event"], wanted = 1): Promise<ServerEvent[]> {
    for (;;) {
      const found = this.events().filter((one) => one.event === event);
      if (found.length >= wanted) return found;
      if (this.#process.ended) throw new Error(`The peer's server has ended: ${this.#process.stderr}`);
      await this.#process.changed();
    }
  }

  async stop(): Promise<void> {
    await this.#process.kill();
  }
}

export type PeerSetup = {
  readonly address4: string;
  readonly address6: string;
  readonly mac: string;
  readonly sniffer: Running;
  /** Command lines that send markers, one for each link into the peer's namespace. */
  readonly markers: () => readonly (readonly string[])[];
  readonly startServer: (args: readonly string[]) => Running;
};

/** The other end: its servers, and the exact count of every frame that reached it. */
export class Peer {
  readonly address4: string;
  readonly address6: string;
  readonly mac: string;
  readonly #setup: PeerSetup;
  #packets: Packet[] = [];
  #markersSeen = new Map<number, number>();
  #linesRead = 0;
  #markerId = 0;

  constructor(setup: PeerSetup) {
    this.address4 = setup.address4;
    this.address6 = setup.address6;
    this.mac = setup.mac;
    this.#setup = setup;
  }

  /** Ends the recording of frames: under a load that is measured it would be most of the load. */
  async stopRecording(): Promise<void> {
    await this.#setup.sniffer.kill();
  }

  /** Starts servers on these ports, IPv4 and IPv6: tcp and udp echo, sink never answers. Returns when they listen. */
  async serve(ports: Ports): Promise<Server> {
    const args = (["tcp", "udp", "sink"] as const).flatMap((kind) => (ports[kind] ?? []).flatMap((port) => [kind, String(port)]));
    const process = this.#setup.startServer(args);
    await process.line((line) => line.includes('"ready"'));
    return new Server(process);
  }

  /** Returns when every frame sent before the call has been recorded. Throws when the sniffer lost one. */
  async settle(): Promise<void> {
    await this.#setup.sniffer.line((line) => line.includes('"ready"'));
    const id = ++this.#markerId;
    let expected = 0;
    for (const [command = "", ...args] of this.#setup.markers()) {
      const sent = spawnSync(command, [...args, String(id)], { encoding: "utf8" });
      if (sent.status !== 0) throw new Error(`Cannot send markers: ${sent.stderr}`);
      expected += Number(sent.stdout);
    }
    while ((this.#markersSeen.get(id) ?? 0) < expected) {
      await this.#awaitSniffer();
    }
  }

  /** Every packet recorded since the start or the last clear(), those still under way included. */
  async packets(filter: PacketFilter = {}): Promise<Packet[]> {
    await this.settle();
    return this.#packets.filter((packet) => matches(packet, filter));
  }

  /** How many packets, each segment of a large one counted. */
  async count(filter: PacketFilter = {}): Promise<number> {
    return (await this.packets(filter)).reduce((sum, packet) => sum + packet.segments, 0);
  }

  /** Waits until that many packets have arrived; returns them. Waits for good when they never come: the test's own limit ends it. */
  arrived(filter: PacketFilter = {}, wanted = 1): Promise<Packet[]> {
    return this.until((packets) => packets.reduce((sum, packet) => sum + packet.segments, 0) >= wanted, filter);
  }

  /** Waits until the packets so far are what `enough` wants; returns them. Waits for good when that never comes. */
  async until(enough: (packets: readonly Packet[]) => boolean, filter: PacketFilter = {}): Promise<Packet[]> {
    for (;;) {
      this.#read();
      const found = this.#packets.filter((packet) => matches(packet, filter));
      if (enough(found)) return found;
      await this.#awaitSniffer();
    }
  }

  /** Forgets what has been recorded, frames still under way included. */
  async clear(): Promise<void> {
    await this.settle();
    this.#packets = [];
  }

  async #awaitSniffer(): Promise<void> {
    if (this.#setup.sniffer.ended) throw new Error(`The sniffer has ended: ${this.#setup.sniffer.stderr}`);
    if (!this.#read()) await this.#setup.sniffer.changed();
    this.#read();
  }

  /** Takes over new lines; true when there were any. */
  #read(): boolean {
    const lines = this.#setup.sniffer.lines();
    const fresh = lines.slice(this.#linesRead);
    this.#linesRead = lines.length;
    for (const line of fresh) {
      const record = JSON.parse(line);
      if (record.lost > 0) throw new Error(`The sniffer lost ${record.lost} frames: its count would not be exact`);
      if (record.marker) this.#markersSeen.set(record.marker, (this.#markersSeen.get(record.marker) ?? 0) + 1);
      else if (!record.ready) this.#packets.push(parsePacket(record));
    }
    return fresh.length > 0;
  }
}

// SPDX-License-Identifier: Apache-2.0

/** One frame that arrived at the peer, as test/probe/frame.c decodes it. What a frame does not have is null. */
export type Packet = {
  readonly device: string;
  readonly ethertype: number;
  /** Bytes of the frame, Ethernet header included. */
  readonly length: number;
  /** Packets it stands for on a real wire (segmentation offload). */
  readonly segments: number;
  readonly ip: 4 | 6 | null;
  readonly source: string | null;
  readonly destination: string | null;
  readonly protocol: number | null;
  readonly sourcePort: number | null;
  /** Destination port. */
  readonly port: number | null;
  /** TCP flags by their first letters, in the order FSRPAUEC; "S" is a SYN. */
  readonly flags: string | null;
  readonly icmpType: number | null;
  /** Multicast groups an IGMP or MLD message names. */
  readonly groups: readonly string[];
  /** Numbers of IPv6 extension headers. */
  readonly extensions: readonly number[];
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  /** The first 2,048 bytes behind the transport header, as Latin-1 text. */
  readonly payload: string;
  readonly payloadLength: number;
};

export type PacketFilter = {
  readonly destination?: string;
  readonly source?: string;
  readonly protocol?: keyof typeof protocolNumbers | number;
  readonly port?: number;
  /** Text the payload contains. */
  readonly payload?: string;
  /** Also what the kernel sends for itself: ARP, neighbour and router discovery, IGMP, MLD. Default false. */
  readonly kernel?: boolean;
};

export const protocolNumbers = { icmp: 1, igmp: 2, tcp: 6, udp: 17, icmp6: 58 } as const;

const none: Packet = {
  device: "?",
  ethertype: 0,
  length: 0,
  segments: 1,
  ip: null,
  source: null,
  destination: null,
  protocol: null,
  sourcePort: null,
  port: null,
  flags: null,
  icmpType: null,
  groups: [],
  extensions: [],
  fragmentOffset: 0,
  moreFragments: false,
  payload: "",
  payloadLength: 0,
};

/** A packet from one line of the sniffer. */
export function parsePacket(fields: Partial<Packet>): Packet {
  return { ...none, ...fields, payload: Buffer.from(fields.payload ?? "", "hex").toString("latin1") };
}

/** ARP, router and neighbour discovery (133–136), MLD (130–132, 143) and IGMP: what no application sent. */
export function isKernelsOwn(packet: Packet): boolean {
  if (packet.ethertype === 0x0806 || packet.protocol === protocolNumbers.igmp) return true;
  const type = packet.protocol === protocolNumbers.icmp6 ? packet.icmpType : null;
  return type !== null && ((type >= 130 && type <= 136) || type === 143);
}

/** Whether a packet is one of those a filter asks for; every field given must hold. */
export function matches(packet: Packet, filter: PacketFilter): boolean {
  const protocol = typeof filter.protocol === "string" ? protocolNumbers[filter.protocol] : filter.protocol;
  return (
    (filter.kernel === true || !isKernelsOwn(packet)) &&
    (filter.destination === undefined || packet.destination === filter.destination) &&
    (filter.source === undefined || packet.source === filter.source) &&
    (protocol === undefined || packet.protocol === protocol) &&
    (filter.port === undefined || packet.port === filter.port) &&
    (filter.payload === undefined || packet.payload.includes(filter.payload))
  );
}

// SPDX-License-Identifier: Apache-2.0
/** IP protocols the language has names for (IANA protocol numbers). */

export const PROTOCOLS = { tcp: 6, udp: 17, dccp: 33, sctp: 132, udplite: 136 } as const;

/** Protocols that have ports: what a bare port number stands for. */
export const WITH_PORTS: readonly number[] = Object.values(PROTOCOLS);

export const ICMP = 1;
export const ICMPV6 = 58;

/** "tcp" for 6; null for a protocol without a name of ours. */
export function protocolName(number: number): string | null {
  return Object.entries(PROTOCOLS).find(([, known]) => known === number)?.[0] ?? null;
}

/** 6 for "tcp"; null for what is no name of a protocol with ports. */
export function protocolNumber(name: string): number | null {
  return Object.entries(PROTOCOLS).find(([known]) => known === name)?.[1] ?? null;
}

/** Whether packets of this protocol carry ports. */
export function hasPorts(protocol: number): boolean {
  return WITH_PORTS.includes(protocol);
}

/** What to call a protocol on screen, as rules write it: "tcp", "icmp", "ip/47". */
export function protocolLabel(protocol: number): string {
  if (protocol === ICMP || protocol === ICMPV6) return "icmp";
  return protocolName(protocol) ?? `ip/${protocol}`;
}

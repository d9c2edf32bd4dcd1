// SPDX-License-Identifier: Apache-2.0
/** Where a download may not go: to this machine and to what only it can reach. */
import { type Address, parseAddress, prefixRange } from "../contract/address.ts";

/**
 * Loopback and unspecified (RFC 1122, 3.2.1.3; RFC 4291), link-local with the metadata services of most clouds (RFC 3927), multicast and
 * reserved; the metadata services that stand elsewhere: Alibaba, Azure, Oracle, EC2 over IPv6.
 */
const LOCAL = [
  ...[
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "192.0.0.192/32",
  ],
  ...["::/127", "fe80::/10", "ff00::/8", "fd00:ec2::254/128"],
].map((text) => {
  const [address = "", length] = text.split("/");
  const parsed = parseAddress(address);
  if (parsed === null) throw new Error(`Not an address: ${address}`);
  return prefixRange(parsed, Number(length));
});

/** IPv6 addresses that stand for an IPv4 one: NAT64 (RFC 6052), 6to4 (RFC 3056), IPv4-compatible (RFC 4291, 2.5.5.1). */
const EMBEDDED = [
  { prefix: 0x0064ff9b_00000000_00000000n, shift: 0n, bits: 32n },
  { prefix: 0x2002n, shift: 80n, bits: 112n },
  { prefix: 0n, shift: 0n, bits: 32n },
];

function embedded({ family, value }: Address): Address | null {
  const found = family === 6 ? EMBEDDED.find(({ prefix, bits }) => value >> bits === prefix) : undefined;
  return found === undefined ? null : { family: 4, value: (value >> found.shift) & 0xffffffffn };
}

function isIn(address: Address): boolean {
  return LOCAL.some(({ family, first, last }) => family === address.family && address.value >= first && address.value <= last);
}

/** Whether `text` is an address of this machine (`own`), or of what only it can reach; what is no address counts as such. */
export function isLocal(text: string, own: readonly string[]): boolean {
  const address = parseAddress(text.replace(/%.*$/, ""));
  if (address === null || isIn(address)) return true;
  const inner = embedded(address);
  const isOwn = own.map(parseAddress).some((each) => each?.family === address.family && each.value === address.value);
  return isOwn || (inner !== null && isIn(inner));
}

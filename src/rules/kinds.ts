// SPDX-License-Identifier: Apache-2.0
/** What the address kinds of rules.md stand for: fixed ranges, and what the environment adds. */
import type { Environment } from "../contract/environment.ts";
import { type Address, type AddressRange, inRange, knownAddress, parsePrefix, prefixRange } from "./address.ts";

/** RFC 1122, 3.2.1.3; RFC 4291, 2.5.3. */
export const LOOPBACK = ["127.0.0.0/8", "::1/128"].map(parsePrefix);
/** As targets these reach the machine itself. As senders they say nothing (DHCP, duplicate address detection): no kind but `any` holds then. */
export const UNSPECIFIED = ["0.0.0.0/32", "::/128"].map(parsePrefix);
/** RFC 5771; RFC 4291, 2.7. */
export const MULTICAST = ["224.0.0.0/4", "ff00::/8"].map(parsePrefix);
/** RFC 919, 7. */
export const LIMITED_BROADCAST = ["255.255.255.255/32"].map(parsePrefix);
/** RFC 1918; RFC 3927 and 4291 (link-local); RFC 6598; RFC 4193. */
export const LOCAL_NET = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fe80::/10", "100.64.0.0/10", "fc00::/7"].map(
  parsePrefix,
);

/** The ranges of every kind on one machine. */
export type Kinds = {
  readonly loopback: readonly AddressRange[];
  readonly unspecified: readonly AddressRange[];
  readonly multicast: readonly AddressRange[];
  readonly broadcast: readonly AddressRange[];
  readonly localNet: readonly AddressRange[];
  readonly dnsServers: readonly AddressRange[];
};

function single(text: string): AddressRange {
  const { family, value } = knownAddress(text);
  return { family, first: value, last: value };
}

const known = new WeakMap<Environment, Kinds>();

/** The kinds as `environment` has them. Throws RangeError when it holds what is no address. */
export function kindsOf(environment: Environment): Kinds {
  const before = known.get(environment);
  if (before !== undefined) return before;
  const kinds = {
    loopback: LOOPBACK,
    unspecified: UNSPECIFIED,
    multicast: MULTICAST,
    broadcast: [...LIMITED_BROADCAST, ...environment.broadcasts.map(single)],
    localNet: [...LOCAL_NET, ...environment.attached.map(({ address, prefix }) => prefixRange(knownAddress(address), prefix))],
    dnsServers: environment.dnsServers.map(single),
  };
  known.set(environment, kinds);
  return kinds;
}

/** Whether `address` lies in one of `ranges`. */
export function inAny(address: Address, ranges: readonly AddressRange[]): boolean {
  return ranges.some((range) => inRange(address, range));
}

// SPDX-License-Identifier: Apache-2.0
/** Addresses between the kernel's form (128 bits in two halves, v4 as ::ffff:a.b.c.d) and text. */
import { parseAddress, printAddress, wideAddress } from "../contract/address.ts";
import type { Address128 } from "../kernel/kernel.ts";

const V4_MAPPED = 0xffffn;

/** Canonical text; v4-mapped addresses as IPv4. */
export function addressText({ high, low }: Address128): string {
  if (high === 0n && low >> 32n === V4_MAPPED) return printAddress({ family: 4, value: low & 0xffffffffn });
  return printAddress({ family: 6, value: (high << 64n) | low });
}

/** The kernel's form of an address; null when the text is none. */
export function address128(text: string): Address128 | null {
  const address = parseAddress(text);
  return address === null ? null : wideAddress(address);
}

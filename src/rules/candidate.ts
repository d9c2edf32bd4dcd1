// SPDX-License-Identifier: Apache-2.0
/** The names of one question as the kernel has them (struct candidate): what bpf/dns.h makes of an answer. */
import type { Decoded } from "../contract/codec.ts";
import { CANDIDATE_LABELS, CANDIDATE_SUFFIXES, type Candidate } from "../contract/layout.gen.ts";
import { type NameKey, Suffixes } from "../lists/hash.ts";

const ascii = new TextEncoder();

/** `names` as `hostName` writes them, the one asked for first. What there is no room for is left out, as in the kernel. */
export function packNames(names: readonly string[], key: NameKey): Omit<Decoded<typeof Candidate>, "id"> {
  const sums = new Array<bigint>(CANDIDATE_SUFFIXES).fill(0n);
  const labels = new Uint8Array(CANDIDATE_SUFFIXES);
  const suffixes = new Suffixes();
  let wholes = 0n;
  let count = 0;
  for (const name of names) {
    suffixes.read(key, ascii.encode(name), 0, name.length);
    const most = suffixes.count;
    /* The whole name, then its suffixes of fewer labels than a rule may name. */
    const kept = [
      most,
      ...Array.from({ length: Math.min(most, CANDIDATE_LABELS) - 1 }, (_, i) => Math.min(most, CANDIDATE_LABELS) - 1 - i),
    ];
    for (const [i, label] of kept.entries()) {
      if (count === CANDIDATE_SUFFIXES) return { sums, labels, wholes, count, reserved: 0 };
      if (i === 0) wholes |= 1n << BigInt(count);
      const low = BigInt((suffixes.low[label - 1] ?? 0) >>> 0);
      const high = BigInt((suffixes.high[label - 1] ?? 0) >>> 0);
      sums[count] = (high << 32n) | low;
      labels[count] = label;
      count++;
    }
  }
  return { sums, labels, wholes, count, reserved: 0 };
}

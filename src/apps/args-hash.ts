// SPDX-License-Identifier: Apache-2.0
/** The kernel's hash of arguments and working directory (bpf/process.h, hash_args), to see whether the arguments we read are those it saw. */
import type { FileKey } from "../contract/app.ts";

const CHUNK = 64; /* ARGS_CHUNK */
const MASK = (1n << 64n) - 1n;

/** Computes `image_key.args_hash` from the bytes of /proc/PID/cmdline and the key of the working directory. */
export type ArgsHash = (cmdline: Uint8Array, directory: FileKey) => bigint;

/** The hash keyed with the two words of `policy.hash_secret`. */
export function keyedArgsHash(secret: readonly [bigint, bigint]): ArgsHash {
  const step = (hash: bigint, word: bigint): bigint => {
    const product = ((hash ^ word) * (secret[0] | 1n)) & MASK;
    return product ^ (product >> 29n);
  };
  return (cmdline, directory) => {
    const padded = new Uint8Array(Math.ceil(cmdline.length / CHUNK) * CHUNK);
    padded.set(cmdline);
    const words = new DataView(padded.buffer);
    let hash = step(secret[1], BigInt(cmdline.length));
    for (let at = 0; at < padded.length; at += 8) hash = step(hash, words.getBigUint64(at, true));
    hash = step(step(hash, directory.inode), BigInt(directory.device));
    return hash === 0n ? 1n : hash;
  };
}

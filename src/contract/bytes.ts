// SPDX-License-Identifier: Apache-2.0
/**
 * Text from outside. Linux paths and arguments are bytes; where they are not UTF-8, each such byte b is kept as the lone surrogate
 * U+DC00+b (Python's PEP 383 "surrogateescape"), so that no two paths ever become the same string and the bytes can be had back.
 */

const utf8 = new TextEncoder();
const FIRST_ESCAPE = 0xdc80;
const LAST_ESCAPE = 0xdcff;

/** Length of the well-formed UTF-8 sequence at `i` (Unicode 15, table 3-7), or 0 when there is none. */
function sequenceLength(bytes: Uint8Array, i: number): number {
  const a = bytes[i] ?? 0;
  if (a < 0x80) return 1;
  const b = bytes[i + 1] ?? 0;
  const tail = (n: number): boolean => ((bytes[i + n] ?? 0) & 0xc0) === 0x80;
  if (a >= 0xc2 && a <= 0xdf) return tail(1) ? 2 : 0;
  if (a >= 0xe0 && a <= 0xef) {
    const low = a === 0xe0 ? 0xa0 : 0x80;
    const high = a === 0xed ? 0x9f : 0xbf;
    return b >= low && b <= high && tail(2) ? 3 : 0;
  }
  if (a >= 0xf0 && a <= 0xf4) {
    const low = a === 0xf0 ? 0x90 : 0x80;
    const high = a === 0xf4 ? 0x8f : 0xbf;
    return b >= low && b <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

/** Bytes as a string; bytes that are not UTF-8 become U+DC80..U+DCFF. */
export function decodeBytes(bytes: Uint8Array): string {
  const strict = new TextDecoder("utf-8", { ignoreBOM: true });
  let text = "";
  let from = 0;
  let i = 0;
  while (i < bytes.length) {
    const length = sequenceLength(bytes, i);
    if (length > 0) {
      i += length;
      continue;
    }
    text += strict.decode(bytes.subarray(from, i)) + String.fromCharCode(0xdc00 + (bytes[i] ?? 0));
    i += 1;
    from = i;
  }
  return text + strict.decode(bytes.subarray(from));
}

/** The bytes a string from `decodeBytes` stands for. */
export function encodeBytes(text: string): Uint8Array {
  const out: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= FIRST_ESCAPE && code <= LAST_ESCAPE) out.push(code - 0xdc00);
    else out.push(...utf8.encode(character));
  }
  return Uint8Array.from(out);
}

/** Control characters (C0, DEL, C1), line and paragraph separators, bidirectional marks and overrides, lone surrogates. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** Text from outside made safe to show: what is not plainly visible stands as `\xNN`, one for each of its bytes. */
export function visible(text: string): string {
  return text.replace(UNSAFE, (character) =>
    Array.from(encodeBytes(character), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join(""),
  );
}

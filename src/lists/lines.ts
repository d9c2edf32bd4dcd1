// SPDX-License-Identifier: Apache-2.0
/** Bytes -> lines, a piece at a time: a list of 30 MB never becomes one string. */

const PIECE_BYTES = 256 * 1024;
const NEWLINE = 10;

/** Where the piece that begins at `from` ends: after a newline where there is one. */
function pieceEnd(bytes: Uint8Array, from: number): number {
  const wanted = from + PIECE_BYTES;
  if (wanted >= bytes.length) return bytes.length;
  const newline = bytes.indexOf(NEWLINE, wanted);
  return newline < 0 ? bytes.length : newline + 1;
}

/** Calls `take` with each line, UTF-8, and its number from 1. Bytes that are none become U+FFFD; a byte order mark is left out. */
export function eachLine(bytes: Uint8Array, take: (line: string, number: number) => void): void {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const bom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  let number = 1;
  for (let from = bom ? 3 : 0; from < bytes.length; ) {
    const end = pieceEnd(bytes, from);
    const text = decoder.decode(bytes.subarray(from, end));
    let start = 0;
    for (let newline = text.indexOf("\n"); newline >= 0; newline = text.indexOf("\n", start)) {
      take(text.slice(start, newline), number++);
      start = newline + 1;
    }
    if (start < text.length) take(text.slice(start), number++);
    from = end;
  }
}

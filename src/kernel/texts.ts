// SPDX-License-Identifier: Apache-2.0
/** Texts in a map of the kernel, cut into parts: what the daemon must find again as long as the map is pinned, whatever becomes of its files. */
import { deleteEntry, keys, readEntry, updateEntry } from "./libbpf.ts";

/** As `struct text_part` in bpf/maps.h: length of the text in this part, then its bytes. */
const PART_SIZE = 256;
const PART_ROOM = PART_SIZE - 2;
const PART_BITS = 16n;

function keyOf(id: number, part: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of((BigInt(id) << PART_BITS) | BigInt(part)).buffer);
}

/** Files a text (up to 16 MB) under a number. Its last part is the first that is not full. Throws `LibbpfError` when the map is full. */
export function putText(map: number, id: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let part = 0; part * PART_ROOM <= bytes.length; part++) {
    const piece = bytes.subarray(part * PART_ROOM, (part + 1) * PART_ROOM);
    const value = new Uint8Array(PART_SIZE);
    new DataView(value.buffer).setUint16(0, piece.length, true);
    value.set(piece, 2);
    updateEntry(map, keyOf(id, part), value);
  }
}

/** Takes a text away, from its first part on: what is left when that is interrupted is no text. */
export function dropText(map: number, id: number): void {
  for (let part = 0; deleteEntry(map, keyOf(id, part)); part++);
}

/** Every text of a map, by its number. One that was not written to its end is left out. */
export function readTexts(map: number): Map<number, string> {
  const parts = new Map<number, Map<number, Uint8Array>>();
  for (const key of keys(map, 8)) {
    const value = new Uint8Array(PART_SIZE);
    if (!readEntry(map, key, value)) continue;
    const word = new DataView(key.buffer).getBigUint64(0, true);
    const id = Number(word >> PART_BITS);
    const pieces = parts.get(id) ?? new Map<number, Uint8Array>();
    pieces.set(Number(word & ((1n << PART_BITS) - 1n)), value.subarray(2, 2 + new DataView(value.buffer).getUint16(0, true)));
    parts.set(id, pieces);
  }
  const texts = new Map<number, string>();
  for (const [id, pieces] of [...parts].sort(([a], [b]) => a - b)) {
    const text = joined(pieces);
    if (text !== null) texts.set(id, text);
  }
  return texts;
}

function joined(pieces: ReadonlyMap<number, Uint8Array>): string | null {
  const decoder = new TextDecoder();
  let text = "";
  for (let part = 0; ; part++) {
    const piece = pieces.get(part);
    if (piece === undefined) return null;
    text += decoder.decode(piece, { stream: piece.length === PART_ROOM });
    if (piece.length < PART_ROOM) return text;
  }
}

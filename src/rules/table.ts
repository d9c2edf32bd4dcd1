// SPDX-License-Identifier: Apache-2.0
/** Tables as the kernel reads them: arrays of C structs, by the layouts that BTF gave (contract/layout.gen.ts). */
import { type Decoded, encodeInto, type StructLayout } from "../contract/codec.ts";

/** A table of the kernel is too small for these rules. `message` is a sentence for the person. */
export class TableFullError extends Error {
  override readonly name = "TableFullError";
}

/** The entries one behind the other. */
export function pack<L extends StructLayout>(layout: L, entries: readonly Decoded<L>[]): Uint8Array {
  const bytes = new Uint8Array(entries.length * layout.size);
  for (const [i, entry] of entries.entries()) encodeInto(layout, entry, bytes, i * layout.size);
  return bytes;
}

// SPDX-License-Identifier: Apache-2.0
/** A compiled policy: one half of the kernel's tables (bpf/tables.h), as bytes. `rules` makes it, `kernel` loads it. */
import type { Decoded } from "./codec.ts";
import type { Half } from "./layout.gen.ts";

/** The tables of lists, as the kernel reads them: struct name_bucket, struct list_span4, struct list_span6. */
export type ListBytes = { readonly buckets: Uint8Array; readonly spans4: Uint8Array; readonly spans6: Uint8Array };

export type CompiledPolicy = {
  /** Counts, fixed rows, mode. */
  readonly half: Decoded<typeof Half>;
  /** Packed arrays of the C structs, each as long as its count in `half` says; `rows` may grow until the next flip (a class that is new). */
  readonly tables: {
    readonly rows: Uint8Array;
    readonly spans4: Uint8Array;
    readonly spans6: Uint8Array;
    readonly portSpans: Uint8Array;
    readonly users: Uint8Array;
    readonly rules: Uint8Array;
    readonly classRows: Uint8Array;
    readonly nameBuckets: Uint8Array;
    readonly nameRows: Uint8Array;
    readonly listRows: Uint8Array;
  };
};

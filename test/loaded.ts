// SPDX-License-Identifier: Apache-2.0
/** The third implementation of the verdict cases: the program as the kernel verified and loaded it, run through its test entry. */
import { join } from "node:path";
import { decode, encode } from "../src/contract/codec.ts";
import { Conn, Decision as DecisionLayout } from "../src/contract/layout.gen.ts";
import { listBytes } from "../src/daemon/take-lists.ts";
import type { Kernel } from "../src/kernel/kernel.ts";
import { openKernel } from "../src/kernel/linux.ts";
import { nameKey } from "../src/lists/hash.ts";
import { compileSituation, type Implementation, listTables, readDecision } from "./verdicts.ts";

/** Candidates are named to `decide_once` by their ids. */
const NOWHERE = { high: 0n, low: 0n };
const OBJECT_FILE = join(import.meta.dirname, "../build/holdfast.bpf.o");

/** Loads the object without attaching or pinning anything. */
export function openLoaded(): { readonly decide: Implementation; readonly close: () => Promise<void> } {
  const kernel: Kernel = openKernel({
    objectFile: OBJECT_FILE,
    scope: { path: "/nowhere", id: 0n, level: 1 },
    folder: "/nowhere/never-pinned",
  });
  kernel.listen(() => {});
  const key = nameKey(kernel.nameWords);
  let listSet: number | null = null;
  return {
    decide: async (situations) => {
      const all = [];
      for (const situation of situations) {
        listSet ??= await kernel.putLists(listBytes(listTables(key)));
        const { policy, conns, candidates } = compileSituation(situation, key, listSet);
        await kernel.settled();
        kernel.install(policy);
        kernel.setFixedNames(
          candidates.flatMap((candidate, n) =>
            [0n, 1n].map((trusted) => ({ address: NOWHERE, id: BigInt(2 * n + 2) + trusted, candidate })),
          ),
        );
        all.push(conns.map((conn) => readDecision(encode(DecisionLayout, kernel.decide(decode(Conn, conn))))));
      }
      return all;
    },
    close: () => kernel.close(),
  };
}

// SPDX-License-Identifier: Apache-2.0
/** The third implementation of the verdict cases: the program as the kernel verified and loaded it, run through its test entry. */
import { join } from "node:path";
import { decode, encode } from "../src/contract/codec.ts";
import { Conn, Decision as DecisionLayout, LIST_SETS } from "../src/contract/layout.gen.ts";
import { listBytes } from "../src/daemon/take-lists.ts";
import type { DecisionFields, Kernel } from "../src/kernel/kernel.ts";
import { openKernel } from "../src/kernel/linux.ts";
import { nameKey } from "../src/lists/hash.ts";
import { compileSituation, type Implementation, listTables, readDecision, type Situation } from "./verdicts.ts";

/** Candidates are named to `decide_once` by their ids. */
const NOWHERE = { high: 0n, low: 0n };
const OBJECT_FILE = join(import.meta.dirname, "../build/holdfast.bpf.o");

/**
 * Loads the object without attaching or pinning anything. `decide` gives outcomes, and throws where a lookup failed; `decisions` gives what the
 * program wrote, and with `lists` false by a policy whose tables of lists are not there.
 */
export function openLoaded(): {
  readonly decide: Implementation;
  readonly decisions: (situation: Situation, lists?: boolean) => Promise<DecisionFields[]>;
  readonly close: () => Promise<void>;
} {
  const kernel: Kernel = openKernel({
    objectFile: OBJECT_FILE,
    scope: { path: "/nowhere", id: 0n, level: 1 },
    folder: "/nowhere/never-pinned",
  });
  kernel.listen(() => {});
  const key = nameKey(kernel.nameWords);
  let listSet: number | null = null;
  const decisions = async (situation: Situation, lists = true): Promise<DecisionFields[]> => {
    listSet ??= await kernel.putLists(listBytes(listTables(key)));
    const { policy, conns, candidates } = compileSituation(situation, key, lists ? listSet : (listSet + 1) % LIST_SETS);
    await kernel.settled();
    kernel.install(policy);
    kernel.setFixedNames(
      candidates.flatMap((candidate, n) => [0n, 1n].map((trusted) => ({ address: NOWHERE, id: BigInt(2 * n + 2) + trusted, candidate }))),
    );
    return conns.map((conn) => kernel.decide(decode(Conn, conn)));
  };
  return {
    decisions,
    decide: async (situations) => {
      const all = [];
      for (const situation of situations)
        all.push((await decisions(situation)).map((decision) => readDecision(encode(DecisionLayout, decision))));
      return all;
    },
    close: () => kernel.close(),
  };
}

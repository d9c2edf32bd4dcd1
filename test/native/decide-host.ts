// SPDX-License-Identifier: Apache-2.0
/** bpf/decide.h compiled for the host (decide_host.c), as an implementation. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, encode } from "../../src/contract/codec.ts";
import { Candidate, Decision as DecisionLayout, Half } from "../../src/contract/layout.gen.ts";
import type { DecisionFields } from "../../src/kernel/kernel.ts";
import { type CompiledSituation, compileSituation, type Outcome, readDecision, type Situation } from "../verdicts.ts";

const BPF = join(import.meta.dirname, "../../bpf");
/** Situations given to one process: their tables go through a pipe, and are in memory at once. */
const BATCH = 50;

function u32(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** The id that stands in the memory of candidate `n`: its own. */
const itsOwn = (n: number): bigint => 2n * BigInt(n) + 2n;

function message({ policy, lists, conns, candidates }: CompiledSituation, idOf = itsOwn): Uint8Array[] {
  const { rows, spans4, spans6, portSpans, users, rules, classRows, nameBuckets, nameRows, listRows } = policy.tables;
  const packed = Buffer.concat(candidates.map((candidate, n) => encode(Candidate, { ...candidate, id: idOf(n) })));
  const tables = [
    rows,
    spans4,
    spans6,
    portSpans,
    users,
    rules,
    classRows,
    nameBuckets,
    nameRows,
    packed,
    listRows,
    lists.buckets,
    lists.spans4,
    lists.spans6,
  ];
  return [u32(...tables.map((table) => table.length)), encode(Half, policy.half), ...tables, u32(conns.length), ...conns];
}

/** The compiled program; `remove` takes its folder away. The constructor throws, and leaves nothing, when it does not compile. */
export class DecideHost {
  readonly #folder = mkdtempSync(join(tmpdir(), "holdfast-decide-"));
  readonly #program = join(this.#folder, "decide_host");

  constructor() {
    const source = join(import.meta.dirname, "decide_host.c");
    try {
      execFileSync("cc", ["-O2", "-Wall", "-Werror", "-I", BPF, source, "-o", this.#program]);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  #write(input: Uint8Array): Buffer {
    const { status, stdout, stderr } = spawnSync(this.#program, { input, maxBuffer: 1 << 28 });
    if (status !== 0) throw new Error(`decide_host failed: ${stderr.toString()}`);
    return stdout;
  }

  #run(situations: readonly CompiledSituation[]): Outcome[][] {
    const stdout = this.#write(Buffer.concat(situations.flatMap((situation) => message(situation))));
    let offset = 0;
    const decisions = situations.map(({ conns }) =>
      conns.map(() => {
        const decision = readDecision(stdout, offset);
        offset += DecisionLayout.size;
        return decision;
      }),
    );
    if (offset !== stdout.length) throw new Error(`decide_host wrote ${stdout.length} bytes: expected ${offset}`);
    return decisions;
  }

  /** Decisions as written, where the memory of every candidate has become another's since its id was read. */
  decideOverwritten(situation: Situation): DecisionFields[] {
    const compiled = compileSituation(situation);
    const stdout = this.#write(Buffer.concat(message(compiled, (n) => itsOwn(n + compiled.candidates.length))));
    return compiled.conns.map((_, i) => decode(DecisionLayout, stdout, i * DecisionLayout.size));
  }

  decide(situations: readonly Situation[]): Outcome[][] {
    const decisions: Outcome[][] = [];
    for (let i = 0; i < situations.length; i += BATCH) {
      decisions.push(...this.#run(situations.slice(i, i + BATCH).map((situation) => compileSituation(situation))));
    }
    return decisions;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

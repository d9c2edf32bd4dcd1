// SPDX-License-Identifier: Apache-2.0
/** Rows whose process, and mostly its socket, are there before `up` runs at all. Each column has an `up` and processes of its own. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Firewall, SAFE_MS } from "../firewall.ts";
import { until } from "../world/until.ts";
import { outcomesOf, type Packet, type ProbeOutcome, type Running, type World } from "../world.ts";
import { assertArrives, assertNothing, assertRefused, cell, denial, eachRow, waits } from "./cell.ts";
import type { Column, Row } from "./row.ts";
import { running } from "./rows-who.ts";
import { isConnecting, isStopped } from "./terminal.ts";

/** A row's processes, each of which waits for its word, and the one that comes next. */
type Waiting = { readonly row: Row; readonly next: () => Older };

type Parts = { readonly t: TestContext; readonly firewall: Firewall; readonly rows: readonly Row[] };

export async function older(t: TestContext, firewall: Firewall, all: readonly Row[]): Promise<void> {
  /* What is established already goes first: a rule about another row's packets would cut it. */
  const rows = [...all].sort((one, other) => Number(other.name.endsWith("established")) - Number(one.name.endsWith("established")));
  const parts = { t, firewall, rows };
  for (const column of ["by app", "by address", "by port"] as const) await denied(parts, column);
  await held(parts);
  await killed(parts);
  await unidentified(parts);
}

const PROTOCOL_TCP = 6;
let opened = 0;

/** One process that was there first. */
class Older {
  readonly #running: Running;

  /** What its packets carry, and nobody else's. */
  readonly mark: string;

  private constructor(running: Running, mark: string) {
    this.#running = running;
    this.mark = mark;
  }

  static async open(world: World, row: Row, flags: readonly string[]): Promise<Older> {
    const mark = `holdfast-${++opened};`;
    /* tcp and the like have neither: they wait in connect(). */
    const known = row.refused === "ECONNREFUSED" || row.notApplicable?.held !== undefined ? [] : flags;
    const running = world.start([...row.argv(world), "--payload", mark, ...known], { timeoutMs: null });
    await running.line((line) => line.includes('"event"'));
    return new Older(running, mark);
  }

  /** Says its word: it opens, connects or sends; or, when it has sent, sends once more. */
  go(): void {
    this.#running.write("\n");
  }

  /** It has done what it was told to: it has ended, says so, is connecting, or was stopped where it stands. */
  async tried(): Promise<void> {
    const { pid } = this.#running;
    const said = (): boolean => this.#running.lines().some((line) => line.includes('"event":"sent"'));
    await until("an older process's attempt", () => this.#running.ended !== null || said() || isConnecting(pid) || isStopped(pid) || null);
  }

  async ended(): Promise<ProbeOutcome | null> {
    return outcomesOf((await this.#running.exited).stdout)[0] ?? null;
  }

  end(): void {
    this.#running.destroy();
  }
}

/** Opens processes with each of these flags for every row, then starts the firewall and does the cells; takes both away. */
async function under(
  { t, firewall, rows }: Parts,
  title: string,
  { flags, up }: { readonly flags: readonly (readonly string[])[]; readonly up: () => Promise<void> },
  work: (t: TestContext, waiting: readonly Waiting[]) => Promise<void>,
): Promise<void> {
  await t.test(title, async (t) => {
    const all: Older[] = [];
    const undo: (() => Promise<void>)[] = [];
    try {
      const waiting: Waiting[] = [];
      for (const row of rows) {
        if (row.prepare) undo.push(await row.prepare(firewall.world));
        const mine = await Promise.all(flags.map((some) => Older.open(firewall.world, row, some)));
        all.push(...mine);
        const next = (): Older => mine.shift() ?? assert.fail(`"${row.name}" has no process left`);
        waiting.push({ row, next });
      }
      await up();
      await work(t, waiting);
    } finally {
      for (const one of all) one.end();
      for (const step of undo) await step();
      if (firewall.pinned) await firewall.down();
    }
  });
}

const once: readonly string[] = [];
const stay = ["--stay"];
const again = [...stay, "--again"];

async function arrives(firewall: Firewall, { row, next }: Waiting): Promise<void> {
  await firewall.world.peer.clear();
  next().go();
  await assertArrives(firewall.world, row);
}

async function nothing(firewall: Firewall, { row, next }: Waiting): Promise<void> {
  await firewall.world.peer.clear();
  const process = next();
  process.go();
  const outcome = await process.ended();
  await assertNothing(firewall.world, row);
  assertRefused(row, outcome);
}

/** A test of its own for each row, and in it the column's cell. */
function cells(t: TestContext, waiting: readonly Waiting[], column: Column, work: (one: Waiting) => Promise<void>, world: World) {
  const of = new Map(waiting.map((one) => [one.row, one]));
  const rows = waiting.map(({ row }) => ({ ...row, of: row }));
  return eachRow(
    t,
    world,
    rows.map(({ prepare: _, ...row }) => row),
    (row, t) =>
      cell(t, row, column, async () => {
        const one = of.get((row as (typeof rows)[number]).of);
        assert.ok(one);
        await work(one);
      }),
  );
}

async function denied(parts: Parts, column: "by app" | "by address" | "by port"): Promise<void> {
  const { firewall } = parts;
  await under(parts, `denied ${column}`, { flags: [once, once], up: () => firewall.up("allow") }, async (t, waiting) => {
    await t.test("allowed", async () => {
      for (const one of waiting) await arrives(firewall, one);
    });
    await cells(
      t,
      waiting,
      column,
      (one) => firewall.under(denial(firewall.world, one.row, column), () => nothing(firewall, one)),
      firewall.world,
    );
  });
}

async function held(parts: Parts): Promise<void> {
  const { firewall } = parts;
  const { world } = firewall;
  const hold = async (process: Older, row: Row): Promise<void> => {
    await world.peer.clear();
    process.go();
    await process.tried();
    await firewall.asked();
    await assertNothing(world, row);
  };
  await under(parts, "held", { flags: [again], up: () => firewall.up("ask") }, (t, waiting) =>
    cells(
      t,
      waiting,
      "held",
      async ({ row, next }) => {
        const process = next();
        await hold(process, row);
        await firewall.answerAll("allow");
        /* Of what is not kept the next one meets the answer. */
        if (!waits(row)) process.go();
        await assertArrives(world, row);
        process.end();
        await firewall.forgetAnswers();
      },
      world,
    ),
  );
  await under(parts, "held then denied", { flags: [again], up: () => firewall.up("ask") }, (t, waiting) =>
    cells(
      t,
      waiting,
      "held then denied",
      async ({ row, next }) => {
        const process = next();
        await hold(process, row);
        await firewall.answerAll("deny");
        process.go();
        const outcome = await process.ended();
        await assertNothing(world, row);
        assertRefused({ ...row, refused: row.name.includes("new socket, udp") ? "EPERM" : row.refused }, outcome);
        await firewall.forgetAnswers();
      },
      world,
    ),
  );
}

async function killed(parts: Parts): Promise<void> {
  const { firewall } = parts;
  const { world } = firewall;
  await under(parts, "daemon killed, denied by a rule", { flags: [once, once], up: () => firewall.up("allow") }, async (t, waiting) => {
    await t.test("allowed", async () => {
      for (const one of waiting) await arrives(firewall, one);
    });
    const rules = [...new Set(waiting.map(({ row }) => denial(world, row, "by app")))];
    const ids = await Promise.all(rules.map((text) => firewall.addRule(text)));
    await firewall.kill9();
    await cells(t, waiting, "daemon killed", (one) => nothing(firewall, one), world);
    await firewall.up("allow");
    for (const id of ids) await firewall.removeRule(id);
  });
  await under(parts, "daemon killed, asked about", { flags: [once, once], up: () => firewall.up("ask") }, async (t, waiting) => {
    await firewall.kill9();
    /* What is running goes on where its rule asks, with and without a daemon. */
    const runs = ({ row }: Waiting): boolean => row.notApplicable?.held === running;
    await cells(t, waiting, "daemon killed", (one) => (runs(one) ? arrives(firewall, one) : nothing(firewall, one)), world);
    await firewall.up("allow");
    await t.test("allowed again", async () => {
      for (const one of waiting) await arrives(firewall, one);
    });
  });
}

/** Tries to be done before the kernel takes the daemon for away. */
const ATTEMPTS = 5;

/** The daemon stands still before it has looked at anybody; what waits goes on by itself when it has. */
async function unidentified(parts: Parts): Promise<void> {
  const { firewall } = parts;
  const { world } = firewall;
  await firewall.up("allow");
  const rule = await firewall.addRule("deny /usr/bin/nobody-has-this -> any");
  await firewall.down();
  let startMs = 0;
  const up = async (): Promise<void> => {
    await firewall.upStanding("allow");
    startMs = performance.now();
  };
  let inTime = false;
  for (let attempt = 0; !inTime && attempt < ATTEMPTS; attempt++) {
    await under(parts, "not yet identified", { flags: [again], up }, async (t, waiting) => {
      const applicable = waiting.filter(({ row }) => row.notApplicable?.["not yet identified"] === undefined);
      await world.peer.clear();
      const processes = new Map(applicable.map(({ row, next }) => [row, next()]));
      for (const process of processes.values()) process.go();
      for (const process of processes.values()) await process.tried();
      const arrived = await Promise.allSettled(applicable.map(({ row }) => assertNothing(world, row)));
      await firewall.goOn();
      inTime = performance.now() - startMs < SAFE_MS;
      if (!inTime) return t.diagnostic("the daemon stood for so long that the kernel took it for away: once more");
      for (const each of arrived) if (each.status === "rejected") throw each.reason;
      const held = (await firewall.client.status({})).counters?.unknownHeld ?? 0;
      assert.ok(held >= applicable.length, `The kernel held ${held} packets of programs it did not know`);
      await cells(
        t,
        waiting,
        "not yet identified",
        async ({ row }) => {
          const process = processes.get(row);
          assert.ok(process);
          if (!waits(row)) process.go();
          const mine = ({ protocol, payload }: Packet): boolean => protocol === PROTOCOL_TCP || payload.includes(process.mark);
          await until(`the packets of "${row.name}"`, async () => {
            return row.arrives((await world.peer.packets(row.filter)).filter(mine), world) || null;
          });
        },
        world,
      );
    });
  }
  await firewall.up("allow");
  await firewall.removeRule(rule);
  if (!inTime) await parts.t.test("not yet identified", { skip: `the machine was too slow, ${ATTEMPTS} times` }, () => {});
}

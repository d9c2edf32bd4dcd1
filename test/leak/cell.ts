// SPDX-License-Identifier: Apache-2.0
/** What every cell of the leak matrix does: nothing has arrived, the operation has, the program was told. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { until } from "../world/until.ts";
import type { ProbeOutcome, World } from "../world.ts";
import type { Column, Row } from "./row.ts";

/** The rule that denies a row by a column's kind. */
export function denial(world: World, row: Row, column: "by app" | "by address" | "by port"): string {
  const { who, where, ports } = row.rule(world);
  if (column === "by app") return `deny ${who} -> any`;
  return column === "by address" ? `deny any -> ${where}` : `deny any -> any ${ports}`;
}

/** Whether the kernel repeats its reports for a while: such a row must not be allowed before it is denied in the same world. */
export function repeats(row: Row): boolean {
  return row.filter?.kernel === true;
}

/** Whether its packets wait for an answer with the process that sent them; else the next run meets the answer. */
export function waits(row: Row): boolean {
  return row.refused === "ECONNREFUSED" || row.stays === true;
}

/** The command of a row whose packets are to be held: its socket stays open for the answer. */
export function patient(world: World, row: Row, ...flags: readonly string[]): readonly string[] {
  return row.stays ? [...row.argv(world), "--stay", ...flags] : row.argv(world);
}

/** Nothing has arrived since the last clear(). Of membership reports those count that name the group: the kernel makes its own, too. */
export async function assertNothing(world: World, row: Row): Promise<void> {
  const packets = await world.peer.packets(row.filter);
  const ours = repeats(row) ? packets.filter(({ groups }) => groups.includes(row.rule(world).where)) : packets;
  assert.deepEqual(ours, [], `${ours.length} packets of "${row.name}" arrived`);
}

/** Waits until the whole operation has arrived. `meanwhile` runs before each look. */
export async function assertArrives(world: World, row: Row, meanwhile: () => Promise<void> = async () => {}): Promise<void> {
  await until(`the packets of "${row.name}"`, async () => {
    await meanwhile();
    return row.arrives(await world.peer.packets(row.filter), world) || null;
  });
}

/** Frames are judged by traffic control, which has no EPERM, and net/ipv6/ping.c keeps its error to itself. */
const isNotTold = ({ name }: Row): boolean => name === "ping socket v6" || /packet socket( raw| dgram|$)/.test(name);

/** The program was told what its row says. */
export function assertRefused(row: Row, outcome: ProbeOutcome | null): void {
  if (row.refused === null || isNotTold(row)) return;
  assert.equal(outcome?.errno, row.refused, `"${row.name}" was told ${JSON.stringify(outcome)}`);
}

/** Runs a cell as a test of its own; one that makes no sense is skipped with its reason. */
export async function cell(t: TestContext, row: Row, column: Column, work: () => Promise<void>): Promise<void> {
  const reason = row.notApplicable?.[column];
  await t.test(column, reason === undefined ? {} : { skip: `n/a: ${reason}` }, work);
}

/** Runs `work` for each row in turn, with what the row needs there. */
export async function eachRow(
  t: TestContext,
  world: World,
  rows: readonly Row[],
  work: (row: Row, t: TestContext) => Promise<void>,
): Promise<void> {
  for (const row of rows) {
    await t.test(row.name, async (t) => {
      const undo = await row.prepare?.(world);
      try {
        await work(row, t);
      } finally {
        await undo?.();
      }
    });
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * The leak matrix: every kind of traffic, in every state in which nobody has allowed it, and not one packet arrives at the peer. Each
 * row is also made where it is allowed, in the same world, and arrives: else its zero would prove nothing.
 */
import { describe, type TestContext, test } from "node:test";
import { type Firewall, type Mode, withFirewall } from "./firewall.ts";
import { denied } from "./leak/denied.ts";
import { held } from "./leak/held.ts";
import { incoming } from "./leak/incoming.ts";
import { killed } from "./leak/killed.ts";
import { allNamed } from "./leak/named.ts";
import { older } from "./leak/older.ts";
import { type Row, servePeer } from "./leak/row.ts";
import { ROWS } from "./leak/rows.ts";
import { unidentified } from "./leak/unidentified.ts";

/** ROW=udp: only the rows with that in their name. */
const { ROW = "" } = process.env;
const rows = ROWS.filter((row) => row.name.includes(ROW));
const current = rows.filter((row) => !row.opensFirst);
const before = rows.filter((row) => row.opensFirst);

type Part = (t: TestContext, firewall: Firewall, rows: readonly Row[]) => Promise<void>;

/** A part of the matrix in a world of its own. Without a mode it starts the firewall itself. */
function part(title: string, mode: Mode | null, some: readonly Row[], run: Part): void {
  test(title, { timeout: 300_000, skip: process.getuid?.() === 0 ? false : "needs root" }, (t) =>
    withFirewall(mode, async (firewall) => {
      await servePeer(firewall.world);
      await run(t, firewall, some);
    }),
  );
}

describe("leak matrix", { concurrency: 2 }, () => {
  part("denied by app, by address, by port", "allow", current, denied);
  part("held; held then denied", "ask", current, held);
  part("daemon killed", "allow", current, killed);
  part("not yet identified", "allow", current, unidentified);
  part("older than the firewall", null, before, older);
  part("incoming", "allow", [], (t, firewall) => incoming(t, firewall));
  part("of 1,000 short-lived processes each is named in the flows", "allow", [], (_, firewall) => allNamed(firewall));
});

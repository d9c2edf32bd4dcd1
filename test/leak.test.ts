// SPDX-License-Identifier: Apache-2.0
/**
 * The leak matrix: every kind of traffic, in every state in which nobody has allowed it; not one packet arrives at the peer. All rows of a
 * column run side by side, so that "0 packets" is one exact count. The positive controls: each row arrives with nothing attached
 * (world.test.ts), and here with the firewall in force and the mode allow.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Firewall } from "./leak/firewall.ts";
import { type Column, perform, type Row, servePeer } from "./leak/row.ts";
import { ROWS } from "./leak/rows.ts";
import { outcomesOf, type ProbeOutcome, type World, withWorld } from "./world.ts";

const AT_ONCE = 6;
const TIME_LIMIT_MS = 12_000;
/** The shell is known by then, so the row's program has a parent that is known, and is known itself from its second run on. */
const NEST = ["/bin/sh", "-c", 'sleep 0.3; exec "$@"', "sh"];

/** Its socket is open, or its connection made, before the daemon is there: it has a test of its own. */
const isOlder = (row: Row): boolean => row.opensFirst === true;
/** The kernel reports no error to the sender here, whatever the verdict (net/ipv6/ping.c drops it; packet sockets see ENOBUFS). */
const isSilent = (row: Row): boolean => row.name === "ping socket v6" || row.group === "below ip" || row.name.includes("packet socket");
/** What a row runs is new to the daemon even when the probe is not: held first, so it sees success and is refused at the next try. */
const isNew = (row: Row): boolean => /second script|mount namespace|bind-mounted|SCM_RIGHTS|1,000/.test(row.name);

function rowsOf(column: Column): Row[] {
  return ROWS.filter((row) => !isOlder(row) && row.notApplicable?.[column] === undefined);
}

/** Runs rows side by side; `outcome` is null for a process that was still running at the time limit. */
async function runAll(world: World, rows: readonly Row[], nested = true): Promise<Map<Row, ProbeOutcome | null>> {
  const outcomes = new Map<Row, ProbeOutcome | null>();
  const worker = (waiting: Row[]) => async (): Promise<void> => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      const undo = await row.prepare?.(world);
      const argv = row.argv(world);
      const running = world.start(nested ? [...NEST, ...argv] : argv);
      running.closeInput();
      const timer = setTimeout(() => running.kill("SIGKILL"), TIME_LIMIT_MS);
      await running.exited;
      clearTimeout(timer);
      await undo?.();
      outcomes.set(row, outcomesOf(running.stdout)[0] ?? null);
    }
  };
  /* Rows that need something made first (a tun device, a mount) would meet each other's. */
  const alone = rows.filter((row) => row.prepare !== undefined);
  const together = rows.filter((row) => row.prepare === undefined);
  await Promise.all(Array.from({ length: AT_ONCE }, worker(together)));
  await worker(alone)();
  return outcomes;
}

/** A world with the firewall in force; it is taken away before the world is. */
function inForce(use: (world: World, firewall: Firewall, t: TestContext) => Promise<void>): (t: TestContext) => Promise<void> {
  return async (t) => {
    if (process.getuid?.() !== 0) return t.skip("needs root");
    await withWorld(async (world) => {
      const firewall = new Firewall(world);
      await servePeer(world);
      firewall.up("allow");
      try {
        await use(world, firewall, t);
      } finally {
        firewall.down();
      }
    });
  };
}

/** Nothing of these rows has arrived. Kernel-made group reports are counted by the rows that ask for them. */
async function nothingArrived(world: World, rows: readonly Row[]): Promise<void> {
  for (const packet of await world.peer.packets({})) assert.fail(`a packet arrived: ${JSON.stringify(packet)}`);
  for (const row of rows.filter(({ filter }) => filter?.kernel))
    assert.equal(row.arrives(await world.peer.packets(row.filter ?? {}), world), false, row.name);
}

function rulesFor(world: World, column: "by app" | "by address" | "by port"): string[] {
  const texts = rowsOf(column).map((row) => {
    const { who, where, ports } = row.rule(world);
    if (column === "by app") return `deny ${who} -> any`;
    return column === "by address" ? `deny any -> ${where}` : `deny any -> any ${ports}`;
  });
  return [...new Set(texts)];
}

for (const column of ["by app", "by address", "by port"] as const) {
  test(
    `nothing that is denied ${column} arrives`,
    { timeout: 200_000 },
    inForce(async (world, firewall, _t) => {
      await world.try(["tcp", "--to", world.peer.address4, "--port", "443"]);
      for (const text of rulesFor(world, column)) firewall.hf(["rules", "add", text]);
      await world.peer.clear();
      const rows = rowsOf(column);
      await world.run([...NEST, world.probe, "tcp", "--to", world.peer.address4, "--port", "443"]);
      const outcomes = await runAll(world, rows);
      await nothingArrived(world, rows);
      for (const [row, outcome] of outcomes) {
        if (row.refused === null || isSilent(row) || isNew(row)) continue;
        /* On a busy machine the shell may not have been known in time: by now it is. */
        const again = outcome?.errno === row.refused ? outcome : (await runAll(world, [row])).get(row);
        assert.equal(again?.errno, row.refused, `${row.name}: ${JSON.stringify(again)}`);
      }
    }),
  );
}

test(
  "everything that is allowed arrives: the same rows are no proof otherwise",
  { timeout: 200_000 },
  inForce(async (world, _firewall, t) => {
    for (const row of ROWS.filter((each) => !isOlder(each))) {
      await t.test(row.name, async () => {
        await world.peer.clear();
        const undo = await row.prepare?.(world);
        const running = await perform(world, row);
        await running.exited;
        await world.peer.settle();
        await Promise.race([
          world.peer.until((packets) => row.arrives(packets, world), row.filter),
          new Promise((_, reject) => setTimeout(() => reject(new Error(`${row.name} does not arrive`)), 5000).unref()),
        ]);
        await undo?.();
      });
    }
  }),
);

for (const answer of ["allow", "deny"] as const) {
  const column = answer === "allow" ? "held" : "held then denied";
  test(
    `nothing that is held arrives, and after "${answer}" ${answer === "allow" ? "every connection is made" : "nothing does either"}`,
    {
      timeout: 200_000,
    },
    inForce(async (world, firewall, _t) => {
      firewall.hf(["mode", "ask"]);
      const rows = rowsOf(column).filter((row) => !row.name.startsWith("1,000"));
      const connects = rows.filter(({ group, name }) => group === "tcp" || /tcp/.test(name));
      await world.peer.clear();
      await runAll(
        world,
        rows.filter((row) => !connects.includes(row)),
      );
      await nothingArrived(world, rows);
      /* A connect() lasts as long as the question: these wait. */
      const running = await Promise.all(connects.map(async (row) => ({ row, process: world.start([...NEST, ...row.argv(world)]) })));
      for (let tries = 0; firewall.questions().length === 0 && tries < 50; tries++)
        await new Promise((resolve) => setTimeout(resolve, 100));
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await nothingArrived(world, rows);
      for (let round = 0; round < 20 && running.some(({ process }) => process.ended === null); round++) {
        /* One answer may close another question: what is not open any more is answered. */
        for (const { id } of firewall.questions()) firewall.try(["ask", "answer", String(id), answer]);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      for (const { row, process } of running) {
        await process.exited;
        const outcome = outcomesOf(process.stdout)[0];
        if (answer === "deny") assert.equal(outcome?.errno, "ECONNREFUSED", `${row.name}: ${JSON.stringify(outcome)}`);
        else assert.equal(outcome?.result, 0, `${row.name}: ${JSON.stringify(outcome)}`);
      }
      if (answer === "deny") await nothingArrived(world, rows);
    }),
  );
}

test(
  "nothing of a program that is not identified yet arrives, whether the daemon is slow or away",
  { timeout: 200_000 },
  inForce(async (world, firewall, _t) => {
    firewall.hf(["rules", "add", "deny /usr/bin/nobody-has-this -> any"]);
    const { pid } = firewall;
    process.kill(pid, "SIGSTOP");
    await world.peer.clear();
    const quick = rowsOf("not yet identified").filter(({ group, name }) => group === "udp" || /raw|SYN|protocol|ping/.test(name));
    await runAll(world, quick.slice(0, AT_ONCE), false);
    await nothingArrived(world, quick);
    /* By now it is away: whenUnknown, deny. */
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await runAll(world, quick, false);
    await nothingArrived(world, quick);
    process.kill(pid, "SIGCONT");
  }),
);

test(
  "nothing that is denied, or would be asked about, arrives when the daemon has been killed",
  { timeout: 200_000 },
  inForce(async (world, firewall, _t) => {
    firewall.hf(["rules", "add", `deny ${world.probe} -> ${world.peer.address4}`]);
    firewall.hf(["rules", "add", `deny any -> ${world.peer.address4}`]);
    firewall.hf(["mode", "ask"]);
    process.kill(firewall.pid, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await world.peer.clear();
    const rows = rowsOf("daemon killed").filter(({ name }) => !/packet socket|1,000/.test(name));
    await runAll(world, rows, false);
    await nothingArrived(world, rows);
  }),
);

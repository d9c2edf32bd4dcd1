// SPDX-License-Identifier: Apache-2.0
/**
 * Rows that come in: what nobody has allowed reaches no program, and nothing at all leaves towards the peer: no SYN-ACK, no reset, no ICMP,
 * no datagram. The positive control of a cell is the same attempt: when it is allowed after all, the peer's next try arrives.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { type Firewall, SAFE_MS } from "../firewall.ts";
import { until } from "../world/until.ts";
import type { Packet, Running, World } from "../world.ts";
import { wireAddress } from "./address.ts";
import { answers, type Incoming, incomingRows, knock, listener } from "./rows-incoming.ts";
import { type Command, Terminal } from "./terminal.ts";

type Column = "by app" | "by address" | "by port";

export async function incoming(t: TestContext, firewall: Firewall): Promise<void> {
  const matrix = new Matrix(firewall);
  for (const column of ["by app", "by address", "by port"] as const) await t.test(column, () => matrix.denied(column));
  await t.test("not yet identified", () => matrix.unidentified());
  await firewall.mode("ask");
  await t.test("held", () => matrix.held());
  await t.test("held then denied", () => matrix.heldThenDenied());
  await t.test("daemon killed, denied by a rule", () => matrix.killed("by a rule"));
  await t.test("daemon killed, asked about", () => matrix.killed("asked about"));
}

/** All rows side by side, in one column after the other. */
class Matrix {
  readonly #firewall: Firewall;
  readonly #world: World;
  readonly #terminals: readonly { readonly row: Incoming; readonly terminal: Terminal }[];
  #copies = 0;

  constructor(firewall: Firewall) {
    this.#firewall = firewall;
    this.#world = firewall.world;
    this.#terminals = incomingRows.map((row) => ({ row, terminal: new Terminal(firewall.world) }));
  }

  async denied(column: Column): Promise<void> {
    await this.#attempts(async (attempts) => {
      const rules = await this.#deny(column);
      for (const attempt of attempts) attempt.knock();
      await this.#deniedBy(rules);
      await this.#unanswered(attempts);
      for (const rule of rules) await this.#firewall.removeRule(rule);
      await this.#arrive(attempts);
    });
  }

  async held(): Promise<void> {
    await this.#attempts(async (attempts) => {
      for (const attempt of attempts) attempt.knock();
      await this.#asked();
      await this.#unanswered(attempts);
      await this.#firewall.answerAll("allow");
      await this.#arrive(attempts);
    });
    await this.#firewall.forgetAnswers();
  }

  async heldThenDenied(): Promise<void> {
    await this.#attempts(async (attempts) => {
      for (const attempt of attempts) attempt.knock();
      await this.#asked();
      await this.#firewall.answerAll("deny");
      await this.#unanswered(attempts);
      await this.#firewall.forgetAnswers();
      await this.#asked();
      await this.#firewall.answerAll("allow");
      await this.#arrive(attempts);
    });
    await this.#firewall.forgetAnswers();
  }

  /** Listeners that the daemon has not looked at, because it stands still, are held where a rule could be about them. */
  async unidentified(): Promise<void> {
    const rule = await this.#firewall.addRule("deny /usr/bin/nobody-has-this <- any");
    while (!(await this.#identifiedInTime()));
    await this.#firewall.removeRule(rule);
  }

  async killed(how: "by a rule" | "asked about"): Promise<void> {
    const rules = how === "by a rule" ? await this.#deny("by app") : [];
    await this.#firewall.kill9();
    await this.#attempts(async (attempts) => {
      for (const attempt of attempts) attempt.knock();
      await this.#unanswered(attempts);
      await this.#firewall.up("allow");
      for (const rule of rules) await this.#firewall.removeRule(rule);
      await this.#arrive(attempts);
    });
    await this.#firewall.mode("ask");
  }

  async #identifiedInTime(): Promise<boolean> {
    const { client } = this.#firewall;
    const before = (await client.status({})).counters?.unknownHeld ?? 0;
    const program = this.#world.app(`new-listener-${++this.#copies}`);
    let inTime = false;
    await this.#attempts(async (attempts) => {
      const stoodMs = await this.#firewall.frozen(async () => {
        for (const attempt of attempts) await attempt.listen(program);
        for (const attempt of attempts) attempt.knock();
        for (const attempt of attempts) await attempt.tried();
        await this.#silent(attempts);
      });
      await this.#arrive(attempts);
      inTime = stoodMs <= SAFE_MS;
    }, null);
    const held = ((await client.status({})).counters?.unknownHeld ?? 0) - before;
    if (inTime) assert.ok(held >= incomingRows.length, `The kernel held ${held} packets of programs it did not know`);
    return inTime;
  }

  /** Listeners of `program` in place, ended in every case. */
  async #attempts(work: (attempts: readonly Attempt[]) => Promise<void>, program: string | null = this.#world.probe): Promise<void> {
    const attempts = this.#terminals.map(({ row, terminal }) => new Attempt(this.#world, row, terminal));
    try {
      if (program !== null) for (const attempt of attempts) await attempt.listen(program);
      await this.#world.peer.clear();
      await work(attempts);
    } finally {
      for (const attempt of attempts) await attempt.end();
    }
  }

  async #deny(column: Column): Promise<number[]> {
    const [{ address4, address6 }, world] = [this.#world.peer, this.#world];
    const texts = {
      "by app": [`deny ${world.probe} <- any`],
      "by address": [address4, address6].map((address) => `deny any <- ${address}`),
      "by port": incomingRows.map(({ protocol, port }) => `deny any <- any ${protocol}/${port}`),
    }[column];
    const rules: number[] = [];
    for (const text of texts) rules.push(await this.#firewall.addRule(text));
    return rules;
  }

  /** Waits until every row has been denied by one of these rules, and so by nothing else. */
  async #deniedBy(rules: readonly number[]): Promise<void> {
    await until("a denial of every row by its rule", async () => {
      const { flows } = await this.#firewall.client.listFlows({ verdict: "deny" });
      const mine = flows.filter(({ rule, direction }) => direction === "in" && rule !== null && rules.includes(rule));
      return this.#all(mine) || null;
    });
  }

  async #asked(): Promise<void> {
    await until("a question about every row", async () => {
      const questions = (await this.#firewall.questions()).filter(({ direction }) => direction === "in");
      return this.#all(questions) || null;
    });
  }

  /** Whether each row is among these flows or questions. */
  #all(things: readonly { readonly address: string | null; readonly localPort: number | null }[]): boolean {
    return incomingRows.every(({ family, port }) =>
      things.some(({ address, localPort }) => address === wireAddress(this.#world, family) && localPort === port),
    );
  }

  /** The peer has tried again and again, and nobody has heard or said anything. */
  async #unanswered(attempts: readonly Attempt[]): Promise<void> {
    await Promise.all(attempts.map((attempt) => attempt.retried()));
    await this.#silent(attempts);
  }

  async #silent(attempts: readonly Attempt[]): Promise<void> {
    const packets = await this.#world.peer.packets();
    for (const attempt of attempts) attempt.assertSilent(packets);
    assert.deepEqual(packets, []);
  }

  async #arrive(attempts: readonly Attempt[]): Promise<void> {
    await Promise.all(attempts.map((attempt) => attempt.arrives()));
  }
}

/** One peer that wants in. */
class Attempt {
  readonly #world: World;
  readonly #row: Incoming;
  readonly #terminal: Terminal;
  #listener: Command | null = null;
  #peer: Running | null = null;

  constructor(world: World, row: Incoming, terminal: Terminal) {
    this.#world = world;
    this.#row = row;
    this.#terminal = terminal;
  }

  async listen(program: string): Promise<void> {
    const command = this.#terminal.start(listener(this.#world, this.#row, program));
    this.#listener = command;
    await until(`"${this.#row.name}" listening`, () => command.said("listening") || null);
  }

  knock(): void {
    this.#peer = this.#world.start(knock(this.#world, this.#row), { cgroup: false, netns: "b" });
  }

  /** The peer has sent something. */
  async tried(): Promise<void> {
    await this.#sent(0);
  }

  /** The peer has sent more since this was called. */
  async retried(): Promise<void> {
    await this.#sent(Math.max(this.#tries(), 0) + 1);
  }

  assertSilent(packets: readonly Packet[]): void {
    const { name } = this.#row;
    const sent = answers(this.#row, packets);
    assert.deepEqual(sent, [], `${sent.length} packets answered "${name}"`);
    assert.equal(this.#heard, false, `"${name}" reached its program`);
  }

  async arrives(): Promise<void> {
    const row = this.#row;
    await until(`"${row.name}" heard and answered`, async () => (this.#heard && (await this.#answered())) || null);
    if (row.protocol === "udp") return;
    const { stdout } = (await this.#peer?.exited) ?? {};
    assert.match(stdout ?? "", /"step":"reply","result":0/);
  }

  async end(): Promise<void> {
    await this.#peer?.kill(); // first: a closed port answers
    await this.#listener?.kill();
  }

  get #heard(): boolean {
    return (this.#listener?.said("accepted") || this.#listener?.said("received")) ?? false;
  }

  async #answered(): Promise<boolean> {
    const packets = answers(this.#row, await this.#world.peer.packets());
    return packets.some(({ flags, payload }) => (this.#row.protocol === "tcp" ? flags === "SA" : payload.includes("holdfast")));
  }

  async #sent(tries: number): Promise<void> {
    await until(`"${this.#row.name}" tried`, () => this.#tries() >= tries || null);
  }

  /** How often the peer has tried again: retransmissions of its SYN, or hundreds of datagrams. -1: not once yet. */
  #tries(): number {
    const { protocol, port } = this.#row;
    if (protocol === "udp") return (this.#peer?.lines().filter((line) => line.includes('"tick"')).length ?? 0) - 1;
    const remote = port.toString(16).toUpperCase();
    /* net/ipv4/tcp_ipv4.c get_tcp4_sock: local, remote, state (02: SYN_SENT), queues, timer, retransmissions */
    const line = new RegExp(String.raw`^ *\d+: \S+ \S+:${remote} 02 \S+ \S+ ([0-9A-F]+)`, "m").exec(socketsOf(this.#peer?.pid));
    return line === null ? -1 : Number.parseInt(line[1] ?? "", 16);
  }
}

/** TCP sockets in a process's network namespace. */
function socketsOf(pid: number | undefined): string {
  try {
    return readFileSync(`/proc/${pid}/net/tcp`, "latin1") + readFileSync(`/proc/${pid}/net/tcp6`, "latin1");
  } catch {
    return ""; // gone, or not there yet
  }
}

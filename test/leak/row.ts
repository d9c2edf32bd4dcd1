// SPDX-License-Identifier: Apache-2.0
import type { Packet, PacketFilter, Running, World } from "../world.ts";

export const columns = ["by app", "by address", "by port", "held", "held then denied", "not yet identified", "daemon killed"] as const;
export type Column = (typeof columns)[number];

/** One kind of traffic of the leak matrix (issue 2, section 7). */
export type Row = {
  readonly name: string;
  readonly group: "tcp" | "udp" | "other ip" | "below ip" | "groups" | "who";
  /** What must be there first, outside of the scope. Returns what takes it away again. */
  readonly prepare?: (world: World) => Promise<() => Promise<void>>;
  /** The whole command, program first; it runs in the scope and in namespace a. */
  readonly argv: (world: World) => readonly string[];
  /** Says {"event":…} once its socket is open and sends after a line on standard input: the daemon may start in between. */
  readonly opensFirst?: true;
  /** Knows --stay (keeps its socket open until it reads a line) and --again (sends once more then). What is held can be answered meanwhile. */
  readonly stays?: boolean;
  /** How a rule names it: who, where, ports, as they stand in rule text. */
  readonly rule: (world: World) => { readonly who: string; readonly where: string; readonly ports: string };
  /** A who that an allow rule may name beside the denied one (the path mounted over, the interpreter's other script). */
  readonly allowed?: (world: World) => string;
  /** True when what arrived is the whole operation: the positive control. */
  readonly arrives: (packets: readonly Packet[], world: World) => boolean;
  /** Which packets are the operation's; default all that the kernel did not send for itself. Zero of these is the proof. */
  readonly filter?: PacketFilter;
  /** The errno the application sees when it is denied at once; null: the call succeeds or it was made before. */
  readonly refused: "ECONNREFUSED" | "EPERM" | null;
  /** Columns that make no sense for it, each with the reason. */
  readonly notApplicable?: Partial<Record<Column, string>>;
  readonly note?: string;
};

/** The peer's ports the rows talk to. The UDP one never answers: an answer to a closed socket would make the app's kernel send ICMP. */
export const tcpPort = 443;
export const udpPort = 9;

/** Starts the servers the rows need. */
export async function servePeer(world: World): Promise<void> {
  await world.peer.serve({ tcp: [tcpPort], sink: [udpPort] });
}

/**
 * Makes a row's operation and returns the running process. Packets recorded before it are forgotten; for a row that opens first, those of
 * the opening as well.
 */
export async function perform(world: World, row: Row): Promise<Running> {
  await world.peer.clear();
  const running = world.start(row.argv(world));
  if (!row.opensFirst) {
    running.closeInput();
    return running;
  }
  await running.line((line) => line.includes('"event"'));
  await world.peer.clear();
  running.write("\n");
  return running;
}

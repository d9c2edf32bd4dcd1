// SPDX-License-Identifier: Apache-2.0
/** What the rest of Holdfast sees of the kernel. linux.ts is the real one; daemon/engine.fixture.ts has one that only remembers, for tests without root. */
import type { FileKey } from "../contract/app.ts";
import type { Decoded } from "../contract/codec.ts";
import type { Candidate, Conn, Decision, Image, ImageKey, OnceKey, SocketRecord } from "../contract/layout.gen.ts";
import type { CompiledPolicy, ListBytes } from "../contract/policy.ts";
import type { RingRecord } from "../contract/record.ts";
import type { FrameFilters } from "./filters.ts";

export type ImageKeyFields = Decoded<typeof ImageKey>;
export type ImageFields = Decoded<typeof Image>;
export type OnceKeyFields = Decoded<typeof OnceKey>;
export type CandidateFields = Omit<Decoded<typeof Candidate>, "id">;
export type ConnFields = Decoded<typeof Conn>;
export type DecisionFields = Decoded<typeof Decision>;
export type SocketFields = Decoded<typeof SocketRecord>;

/** An address as the kernel side has it: a 128-bit number in two halves, v4 as ::ffff:a.b.c.d. */
export type Address128 = { readonly high: bigint; readonly low: bigint };

/** A process, and the namespace (cookie) it talks in. */
export type Asker = { readonly netns: bigint; readonly tgid: number };

/** What /etc/hosts says of one address, in one line: `id` is the candidate's. */
export type FixedName = { readonly address: Address128; readonly id: bigint; readonly candidate: CandidateFields };

/** Waits for filters in a namespace. `startNs`: the process's start, CLOCK_BOOTTIME; 0 when it was not stopped. */
export type Stopped = { readonly netns: bigint; readonly tgid: number; readonly startNs: bigint };

export type Kernel = {
  /** True when the rules were in force before this daemon started. */
  readonly adopted: boolean;
  /** Keys the hash of arguments in image keys (apps/args-hash.ts). */
  readonly hashSecret: readonly [bigint, bigint];
  /** What names are hashed by, as lists/hash.ts takes it: 512 words. */
  readonly nameWords: Uint32Array<ArrayBuffer>;
  /** Writes tables of lists beside those in force; returns where (half.list_set). A policy that names the place puts them in force. */
  putLists(tables: ListBytes): Promise<number>;
  /** Gives back the memory of tables of lists that are in force no more. */
  dropLists(): Promise<void>;
  /** Replaces the names that addresses have in every namespace, told by nobody. Throws `TableFullError`. */
  setFixedNames(names: readonly FixedName[]): void;
  /** The generation in force; 0 = no policy yet. */
  generation(): number;
  /** Resolves when no running program decides by an older policy any more; `install` may be called then, and only then. */
  settled(): Promise<void>;
  /** Puts a policy in force at once: writes the idle half, flips, reads back. Returns the new generation. */
  install(policy: CompiledPolicy): number;
  /** Attaches the hooks. Call once a policy is installed. Nothing to do where the set was adopted. */
  attach(): void;
  /** Gives a class that is new since the last `install` its row; false when the tables have no room. A class keeps its first row. */
  addClassRow(classId: number, row: Uint8Array): boolean;
  /** Keeps, for as long as the tables are pinned, what a number that stands in them means. Throws `TableFullError`. */
  keepText(id: number, text: string): void;
  /** Keeps a text no longer. */
  dropText(id: number): void;
  /** What `keepText` was given, by this daemon and those before it. */
  texts(): ReadonlyMap<number, string>;
  /** Files what an image is; where there is no room, in the place of what was not used for longest. Throws `TableFullError`. */
  putImage(key: ImageKeyFields, image: ImageFields): void;
  /** Takes away the entries of runs that are over. Due now and then. */
  forgetRuns(): void;
  /** Takes away every image by which nobody is looked up now. */
  forgetIdleImages(): void;
  /** Classes that stand in some table: of an image, a process, a socket. */
  classesInUse(): Set<number>;
  /** The class filed for an image; 0 = none yet. */
  classOf(key: ImageKeyFields): number;
  /** Classes of which some process runs now. */
  runningClasses(): Set<number>;
  /** Replaces the own addresses of one namespace. Throws `TableFullError`. */
  putOwnAddresses(netns: bigint, addresses: readonly Address128[]): void;
  /** Writes an answer on one held flow: allow (true) or deny. Throws `TableFullError`. */
  putOnce(key: OnceKeyFields, allow: boolean): void;
  removeOnce(key: OnceKeyFields): void;
  /** Takes away the answers of sockets that are not among these (cookies). */
  keepOnceOf(alive: ReadonlySet<bigint>): void;
  /** What the kernel decides about a connection by the policy in force; by the names its process knows the peer by, where `from` is given. */
  decide(conn: ConnFields, from?: Asker): DecisionFields;
  /** Every live socket with its counters. */
  sockets(): SocketFields[];
  /** The kernel's key of the file at a path of the host's mount namespace; null when it cannot be opened. */
  fileKey(path: string): FileKey | null;
  /** The programs that judge the frames of packet sockets, for `putFilters`. */
  readonly frameFilters: FrameFilters;
  /** The network namespaces (cookies) that have filters, as far as the kernel has been told. */
  guarded(): bigint[];
  /** Says that a namespace has its filters: packet sockets may be opened there without waiting. Throws `TableFullError`. */
  putGuarded(netns: bigint): void;
  removeGuarded(netns: bigint): void;
  /** Processes with a packet socket in a namespace without filters. */
  stopped(): Stopped[];
  /** Takes an entry of `stopped` away. The process itself goes on only when it gets SIGCONT. */
  removeStopped(entry: Stopped): void;
  /** Says that the daemon is there; due every half second. */
  heartbeat(): void;
  /** Sums over all CPUs, by name (COUNTER_NAMES). */
  counters(): Record<string, number>;
  /** Calls `listener` with every record, in order, until `close`. */
  listen(listener: (record: RingRecord) => void): void;
  /** Hands the listener what has been reported up to now, without waiting for the next look. */
  catchUp(): void;
  /** False once the pins are gone: somebody ran `down` or `panic`. */
  pinned(): boolean;
  /** Resolves when no record is handed on any more. */
  quiet(): Promise<void>;
  /** Lets go of everything; what is pinned stays in force. Nothing may be called after it: memory shared with the kernel is gone. */
  close(): Promise<void>;
};

/** A bounded table of the kernel has no room. */
export class TableFullError extends Error {
  override readonly name = "TableFullError";
  readonly table: string;

  constructor(table: string, cause: unknown) {
    super(`Cannot add to the kernel's table "${table}": it is full`, { cause });
    this.table = table;
  }
}

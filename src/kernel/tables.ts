// SPDX-License-Identifier: Apache-2.0
/** The policy tables in shared memory: two halves; the idle one is written, then one store of the generation puts it in force. */
import { decode, encode, encodeInto } from "../contract/codec.ts";
import {
  ClassRow,
  Half,
  LAYOUT_MAGIC,
  LAYOUT_VERSION,
  MAX_CLASSES,
  MAX_LIST_CLASSES,
  MAX_NAME_BUCKETS,
  MAX_NAME_ROWS,
  MAX_PORT_SPANS,
  MAX_ROWS,
  MAX_RULES,
  MAX_SPANS4,
  MAX_SPANS6,
  MAX_USERS,
  NameBucket,
  NameRows,
  Policy,
  PortSpan,
  Row,
  RuleEntry,
  Span4,
  Span6,
  UserRow,
} from "../contract/layout.gen.ts";
import type { CompiledPolicy } from "../contract/policy.ts";
import { GracePeriods } from "./grace.ts";
import { updateEntry } from "./libbpf.ts";
import { type Mapping, mapMemory, PAGE_SIZE, writeMapped } from "./memory.ts";
import type { MapName } from "./object.ts";

const TABLES = {
  rows: { map: "rows", entry: Row, limit: MAX_ROWS },
  spans4: { map: "spans4", entry: Span4, limit: MAX_SPANS4 },
  spans6: { map: "spans6", entry: Span6, limit: MAX_SPANS6 },
  portSpans: { map: "port_spans", entry: PortSpan, limit: MAX_PORT_SPANS },
  users: { map: "users", entry: UserRow, limit: MAX_USERS },
  rules: { map: "rules", entry: RuleEntry, limit: MAX_RULES },
  classRows: { map: "class_rows", entry: ClassRow, limit: MAX_CLASSES },
  nameBuckets: { map: "name_buckets", entry: NameBucket, limit: MAX_NAME_BUCKETS },
  nameRows: { map: "name_rows", entry: NameRows, limit: MAX_NAME_ROWS },
  listRows: { map: "list_rows", entry: NameRows, limit: MAX_LIST_CLASSES },
} as const;
type TableName = keyof typeof TABLES;
const TABLE_NAMES = Object.keys(TABLES) as TableName[];

/** What of the policy is not rules: whose the scope and the daemon are. */
export type Fixed = {
  readonly daemonTgid: number;
  readonly daemonStartNs: bigint;
  readonly scopeCgroup: bigint;
  readonly scopeLevel: number;
  readonly mountNamespace: number;
  /** Cookie. */
  readonly homeNetns: bigint;
  /** Random for each load; null keeps the pinned set's, by which its tags and hashes were made. */
  readonly secret: readonly [bigint, bigint] | null;
};

/**
 * The policy of one loaded set. The policy word stays mapped, the tables only while they are written (17 MB).
 */
export class PolicyTables {
  readonly #fd: (name: MapName) => number;
  readonly #mapping: Mapping;
  readonly #policy: Uint8Array;
  readonly #generation: Int32Array;
  readonly #heartbeat: BigUint64Array;
  /** Rows of the half in force that are taken; all of them until this daemon has installed a policy. */
  #rowsInForce: number = MAX_ROWS;
  readonly #periods = new GracePeriods();
  #settled: Promise<void> = Promise.resolve();
  /** struct class_row of every class: row, 0. */
  readonly #classRows = new Uint8Array(MAX_CLASSES * ClassRow.size);

  constructor(fd: (name: MapName) => number) {
    this.#fd = fd;
    this.#mapping = mapMemory(fd("policy"), PAGE_SIZE, { writable: true });
    this.#policy = this.#mapping.bytes;
    const { buffer } = this.#policy;
    this.#generation = new Int32Array(buffer, Policy.fields.generation.offset, 1);
    this.#heartbeat = new BigUint64Array(buffer, Policy.fields.heartbeatNs.offset, 1);
  }

  get hashSecret(): readonly [bigint, bigint] {
    const [a = 0n, b = 0n] = decode(Policy, this.#policy.slice(0, Policy.size)).hashSecret;
    return [a, b];
  }

  /** Which tables of lists the half in force goes by. */
  get listSet(): number {
    const half = this.#policy.slice(Policy.fields.halves.offset + (this.generation & 1) * Half.size);
    return decode(Half, half).listSet;
  }

  get generation(): number {
    return Atomics.load(this.#generation, 0) >>> 0;
  }

  /** Says whose this set is from now on. Rules in force are not touched. */
  claim(fixed: Fixed): void {
    const before = decode(Policy, this.#policy.slice(0, Policy.size));
    encodeInto(
      Policy,
      {
        ...before,
        magic: LAYOUT_MAGIC,
        version: LAYOUT_VERSION,
        daemonTgid: fixed.daemonTgid,
        daemonStartNs: fixed.daemonStartNs,
        scopeCgroup: fixed.scopeCgroup,
        scopeLevel: fixed.scopeLevel,
        mountNamespace: fixed.mountNamespace,
        homeNetns: fixed.homeNetns,
        hashSecret: fixed.secret ?? before.hashSecret,
      },
      this.#policy,
    );
  }

  /** Resolves when no program uses the idle half any more, so that it may be written. Waits anew after it could not be waited for. */
  settled(): Promise<void> {
    return this.#settled.catch(() => this.#periods.pass());
  }

  /**
   * Writes the idle half and flips; returns the generation in force. Call it when `settled`. It does not wait: what the caller compiled
   * and what the kernel has are the same moment.
   */
  install(policy: CompiledPolicy): number {
    const next = (this.generation + 1) >>> 0 || 1;
    const half = next & 1;
    for (const name of TABLE_NAMES) this.#write(name, half, policy);
    this.#policy.set(encode(Half, policy.half), Policy.fields.halves.offset + half * Half.size);
    this.#rowsInForce = policy.tables.rows.length / Row.size;
    Atomics.store(this.#generation, 0, next | 0);
    if (this.generation !== next) throw new Error(`Cannot put generation ${next} in force: the kernel reads back ${this.generation}`);
    this.#settled = this.#periods.pass();
    this.#settled.catch(() => {});
    return next;
  }

  #write(name: TableName, half: number, policy: CompiledPolicy): void {
    const { entry, limit, map } = TABLES[name];
    const bytes = policy.tables[name];
    if (bytes.length > limit * entry.size)
      throw new Error(`Cannot install the policy: table "${name}" has ${bytes.length / entry.size} entries, the limit is ${limit}`);
    if (bytes.length === 0) return;
    writeMapped(this.#fd(map), half * limit * entry.size, name === "classRows" ? this.#everyClass(bytes, policy.half.rowAnyApp) : bytes);
  }

  /** Classes that are not in the policy have only the rules for every app; the rest of the half may hold an older policy's. */
  #everyClass(bytes: Uint8Array, rowAnyApp: number): Uint8Array {
    const rows = new Uint32Array(this.#classRows.buffer);
    this.#classRows.set(bytes);
    for (let i = bytes.length / 4; i < rows.length; i += 2) rows[i] = rowAnyApp;
    return this.#classRows;
  }

  /** Appends a row to the half in force and gives it to a class; false when the rows are full. */
  addClassRow(classId: number, row: Uint8Array): boolean {
    if (classId >= MAX_CLASSES || this.#rowsInForce >= MAX_ROWS) return false;
    const half = this.generation & 1;
    const index = this.#rowsInForce++;
    const key = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
    updateEntry(this.#fd("rows"), key(half * MAX_ROWS + index), row);
    updateEntry(this.#fd("class_rows"), key(half * MAX_CLASSES + classId), encode(ClassRow, { row: index, reserved: 0 }));
    return true;
  }

  /** `nowNs`: CLOCK_BOOTTIME. */
  heartbeat(nowNs: bigint): void {
    Atomics.store(this.#heartbeat, 0, nowNs);
  }

  close(): void {
    void this.#settled.catch(() => {}).then(() => this.#periods.close());
    this.#mapping.unmap();
  }
}

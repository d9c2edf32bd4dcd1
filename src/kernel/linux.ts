// SPDX-License-Identifier: Apache-2.0
/** The real kernel: the loaded object behind the interface of kernel.ts. */

import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, readFileSync, readlinkSync, writeSync } from "node:fs";
import type { FileKey } from "../contract/app.ts";
import { decode, encode } from "../contract/codec.ts";
import {
  Action,
  CLASS_UNKNOWN,
  COUNTER_NAMES,
  COUNTERS,
  Conn,
  DecideCall,
  FileRecord,
  Image,
  ImageKey,
  OnceKey,
  OwnKey,
  Process,
  SocketRecord,
  StoppedKey,
} from "../contract/layout.gen.ts";
import { decodeRecord } from "../contract/record.ts";
import { bootTimeNs } from "./clock.ts";
import { filterHandle, frameProgram } from "./filters.ts";
import { nameWords, setFixedNames } from "./fixed-names.ts";
import { cookieKey, guardedIn, stoppedIn } from "./guarded.ts";
import { Images } from "./images.ts";
import type { Address128, Kernel, SocketFields } from "./kernel.ts";
import { TableFullError } from "./kernel.ts";
import { attachIterator, deleteEntry, keys, LibbpfError, readEntry, runProgram, updateEntry } from "./libbpf.ts";
import { close } from "./libc.ts";
import { dropLists, putLists } from "./lists.ts";
import { eventCounter, readable, shareHeap, trimHeap } from "./memory.ts";
import { openNamespace } from "./netns.ts";
import { type Loaded, type LoadOptions, loadObject, type MapName, readIterator } from "./object.ts";
import { openRing, takeOldest } from "./ring.ts";
import { PolicyTables } from "./tables.ts";
import { dropText, putText, readTexts } from "./texts.ts";

/** Sizes of the rings in bytes (maps.h). */
const EVENTS_SIZE = 2 * 1024 * 1024;
const HELD_SIZE = 1024 * 1024;
/** After some records there may be more that woke nobody (maps.h, `unhurried`, LOOK_NS): they are looked for after so long. */
const LOOK_MS = 100;
/** The same when `catchUp` has taken the record that woke us. */
const REST_MS = 1000;
/** How long records are handed on before the event loop gets a turn: the heartbeat must not wait for a flood. Looked at after so many. */
const TURN_MS = 20;
const BATCH = 16;
/** Opens without reading, so that a FIFO or a device does no harm (fcntl.h; the same on x86-64 and arm64). */
const O_PATH = 0o10000000;
const E2BIG = 7;
const ENOMEM = 12;

/** When this process started, nanoseconds of CLOCK_BOOTTIME, as the kernel itself says in the task (exact, not in ticks). */
function startOf(): bigint {
  const fields = readFileSync("/proc/self/stat", "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");
  return BigInt(fields[19] ?? 0) * 10_000_000n;
}

function inumOf(link: string): number {
  return Number(/\[(\d+)\]/.exec(readlinkSync(link))?.[1] ?? 0);
}

/** The cookie of the network namespace we are in. */
function homeCookie(): bigint {
  const home = openNamespace("/proc/self/ns/net");
  home.close();
  return home.cookie;
}

/** How many values an entry of a per-CPU table has. */
export function possibleCpus(): number {
  const text = readFileSync("/sys/devices/system/cpu/possible", "latin1").trim();
  const last = text.split(/[-,]/).at(-1);
  return Number(last) + 1;
}

/** Loads or adopts the scope's kernel object. Nothing is attached yet unless it was adopted. */
export function openKernel(options: LoadOptions): Kernel {
  shareHeap();
  const loaded: Loaded = loadObject(options);
  trimHeap();
  const tables = new PolicyTables(loaded.map);
  const random = randomBytes(16);
  tables.claim({
    daemonTgid: process.pid,
    daemonStartNs: startOf(),
    scopeCgroup: options.scope.id,
    scopeLevel: options.scope.level,
    mountNamespace: inumOf("/proc/self/ns/mnt"),
    homeNetns: homeCookie(),
    secret: loaded.adopted ? null : [random.readBigUInt64LE(0), random.readBigUInt64LE(8)],
  });
  tables.heartbeat(bootTimeNs());
  const words = nameWords(loaded.map, loaded.adopted);

  const files = attachIterator(loaded.program("open_files"), null, "open_files");
  const live = attachIterator(loaded.program("live_sockets"), loaded.map("sockets"), "live_sockets");
  const events = openRing(loaded.map("events"), EVENTS_SIZE);
  const held = openRing(loaded.map("held"), HELD_SIZE);
  /* A packet is held before its flow ends. */
  const rings = [events, held];
  const wake = eventCounter();
  const cpus = possibleCpus();
  const own = new Map<bigint, Map<string, Uint8Array>>();
  /** How often a table had no room for what was to be added here. */
  const full = new Map<MapName, number>();
  let closing = false;
  let reading: Promise<void> = Promise.resolve();

  /** Runs what adds to a table. */
  function filling(name: MapName, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof LibbpfError && (error.errno === E2BIG || error.errno === ENOMEM))) throw error;
      full.set(name, (full.get(name) ?? 0) + 1);
      throw new TableFullError(name, error);
    }
  }
  const put = (name: MapName, key: Uint8Array, value: Uint8Array): void => filling(name, () => updateEntry(loaded.map(name), key, value));

  function* processes(): Generator<Uint8Array> {
    const value = new Uint8Array(Process.size);
    for (const key of keys(loaded.map("processes"), 4)) if (readEntry(loaded.map("processes"), key, value)) yield value;
  }

  function sockets(): SocketFields[] {
    const bytes = readIterator(live);
    return Array.from({ length: bytes.length / SocketRecord.size }, (_, i) => decode(SocketRecord, bytes, i * SocketRecord.size));
  }

  function classOf(key: Uint8Array): number {
    const value = new Uint8Array(Image.size);
    return readEntry(loaded.map("images"), key, value) ? decode(Image, value).class : CLASS_UNKNOWN;
  }

  /* A process learns its class at its next connection or exec: until then its image has it. */
  const runningClasses = (): Set<number> =>
    new Set(
      Array.from(processes(), (bytes) => {
        const process = decode(Process, bytes);
        return process.class === CLASS_UNKNOWN ? classOf(encode(ImageKey, process.key)) : process.class;
      }),
    );

  const images = new Images({
    keys: () => keys(loaded.map("images"), ImageKey.size),
    put: (key, image) => put("images", key, image),
    remove: (key) => void deleteEntry(loaded.map("images"), key),
    *used() {
      for (const process of processes()) yield process.slice(Process.fields.key.offset, Process.fields.key.offset + ImageKey.size);
      for (const { flow, key } of sockets()) if (flow.class === CLASS_UNKNOWN) yield encode(ImageKey, key);
    },
  });

  let each = (_: Uint8Array): void => {};

  async function read(): Promise<void> {
    let found = true;
    while (!closing) {
      const end = performance.now() + TURN_MS;
      let count = 0;
      while (takeOldest(rings, each)) {
        count += 1;
        if (count % BATCH === 0 && performance.now() >= end) break;
      }
      if (count > 0) await new Promise((resolve) => setImmediate(resolve));
      else await readable([events.fd, held.fd, wake], found ? LOOK_MS : REST_MS);
      found = count > 0;
    }
  }

  async function quiet(): Promise<void> {
    closing = true;
    writeSync(wake, new Uint8Array(BigUint64Array.of(1n).buffer));
    await reading;
  }

  return {
    adopted: loaded.adopted,
    hashSecret: tables.hashSecret,
    nameWords: words,
    putLists: async (bytes) => {
      await tables.settled();
      return putLists(loaded.map, tables.listSet, bytes);
    },
    dropLists: async () => {
      await tables.settled();
      dropLists(loaded.map, tables.listSet);
    },
    setFixedNames: (names) => setFixedNames(loaded.map, names, put),
    generation: () => tables.generation,
    settled: () => tables.settled(),
    install: (policy) => tables.install(policy),
    attach: loaded.attach,
    addClassRow: (classId, row) => tables.addClassRow(classId, row),
    keepText: (id, text) => filling("registry", () => putText(loaded.map("registry"), id, text)),
    dropText: (id) => dropText(loaded.map("registry"), id),
    texts: () => readTexts(loaded.map("registry")),
    putImage: (key, image) => images.put(encode(ImageKey, key), encode(Image, image)),
    forgetRuns: () => images.forgetEnded(),
    forgetIdleImages: () => images.forgetIdle(),
    classesInUse() {
      const value = new Uint8Array(Image.size);
      const classes = runningClasses();
      for (const key of keys(loaded.map("images"), ImageKey.size))
        if (readEntry(loaded.map("images"), key, value)) classes.add(decode(Image, value).class);
      for (const { flow } of sockets()) classes.add(flow.class);
      return classes;
    },
    classOf: (key) => classOf(encode(ImageKey, key)),
    runningClasses,
    putOwnAddresses(netns: bigint, addresses: readonly Address128[]) {
      const before = own.get(netns) ?? new Map<string, Uint8Array>();
      const after = new Map<string, Uint8Array>();
      for (const { high, low } of addresses) {
        const key = encode(OwnKey, { netns, addressHigh: high, addressLow: low });
        after.set(`${high}:${low}`, key);
        put("own_addresses", key, Uint8Array.of(1));
      }
      for (const [name, key] of before) if (!after.has(name)) deleteEntry(loaded.map("own_addresses"), key);
      if (after.size > 0) own.set(netns, after);
      else own.delete(netns);
    },
    putOnce: (key, allow) => put("once", encode(OnceKey, key), new Uint8Array(Uint32Array.of(allow ? Action.ALLOW : Action.DENY).buffer)),
    removeOnce: (key) => void deleteEntry(loaded.map("once"), encode(OnceKey, key)),
    keepOnceOf(alive) {
      const gone = [...keys(loaded.map("once"), OnceKey.size)].filter((key) => !alive.has(decode(OnceKey, key).cookie));
      for (const key of gone) deleteEntry(loaded.map("once"), key);
    },
    decide(conn, from = { netns: 0n, tgid: 0 }) {
      const call = new Uint8Array(DecideCall.size);
      const view = new DataView(call.buffer);
      call.set(encode(Conn, conn), DecideCall.fields.conn.offset);
      view.setBigUint64(DecideCall.fields.netns.offset, from.netns, true);
      view.setUint32(DecideCall.fields.tgid.offset, from.tgid, true);
      runProgram(loaded.program("decide_once"), call);
      return decode(DecideCall, call).decision;
    },
    sockets,
    fileKey(path: string): FileKey | null {
      let fd: number;
      try {
        fd = openSync(path, O_PATH);
      } catch {
        return null;
      }
      try {
        const bytes = readIterator(files);
        for (let at = 0; at < bytes.length; at += FileRecord.size) {
          const record = decode(FileRecord, bytes, at);
          if (record.fd === fd) return { device: record.device, inode: record.inode, ctimeNs: record.ctimeNs };
        }
        return null;
      } finally {
        closeSync(fd);
      }
    },
    frameFilters: {
      handle: filterHandle(options.scope.id),
      ethernet: frameProgram(loaded.program("on_ethernet_frame"), "on_ethernet_frame"),
      other: frameProgram(loaded.program("on_other_frame"), "on_other_frame"),
    },
    guarded: () => guardedIn(loaded.map("guarded")),
    putGuarded: (netns) => put("guarded", cookieKey(netns), Uint8Array.of(1)),
    removeGuarded: (netns) => void deleteEntry(loaded.map("guarded"), cookieKey(netns)),
    stopped: () => stoppedIn(loaded.map("stopped")),
    removeStopped: ({ netns, tgid }) => void deleteEntry(loaded.map("stopped"), encode(StoppedKey, { netns, tgid, reserved: 0 })),
    heartbeat: () => tables.heartbeat(bootTimeNs()),
    counters() {
      const sums: Record<string, number> = {};
      for (let i = 0; i < COUNTERS; i++) {
        const values = new BigUint64Array(cpus);
        readEntry(loaded.map("counters"), new Uint8Array(Uint32Array.of(i).buffer), new Uint8Array(values.buffer));
        sums[COUNTER_NAMES[i as keyof typeof COUNTER_NAMES]] = Number(values.reduce((sum, value) => sum + value, 0n));
      }
      for (const [name, times] of full) sums[`${name}Full`] = times;
      return sums;
    },
    listen(listener) {
      each = (bytes) => listener(decodeRecord(bytes));
      reading = read();
    },
    catchUp() {
      while (takeOldest(rings, each));
    },
    pinned: () => existsSync(options.folder),
    quiet,
    async close() {
      await quiet();
      for (const fd of [files, live, wake]) close(fd);
      events.close();
      held.close();
      tables.close();
      loaded.close();
    },
  };
}

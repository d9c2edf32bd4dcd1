// SPDX-License-Identifier: Apache-2.0
/**
 * The kernel object: loaded, attached and pinned; or adopted where it already runs. Pins of a scope: maps/NAME, programs/NAME,
 * links/NAME, and an empty folder object-HASH that says which object file the programs came from.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";
import { join } from "node:path";
import { decode } from "../contract/codec.ts";
import { LAYOUT_MAGIC, LAYOUT_VERSION, Policy } from "../contract/layout.gen.ts";
import {
  attachCgroup,
  attachIterator,
  attachTracepoint,
  BpfObject,
  keys,
  openIterator,
  openPinned,
  pin,
  replaceProgram,
  updateEntry,
} from "./libbpf.ts";
import { close } from "./libc.ts";
import { mapMemory } from "./memory.ts";
import { makePins, removePins, type Scope } from "./pins.ts";

export const MAPS = [
  "policy",
  "rows",
  "spans4",
  "spans6",
  "port_spans",
  "users",
  "rules",
  "class_rows",
  "name_buckets",
  "name_rows",
  "list_rows",
  "list_buckets",
  "list_spans4",
  "list_spans6",
  "name_keys",
  "names",
  "candidates",
  "claimed_names",
  "claimed_candidates",
  "fixed_names",
  "fixed_candidates",
  "questions",
  "dns_works",
  "images",
  "own_addresses",
  "once",
  "processes",
  "sockets",
  "peers",
  "guarded",
  "stopped",
  "registry",
  "events",
  "held",
  "counters",
] as const;
export type MapName = (typeof MAPS)[number];

/** In the order they are attached: who is talking first, then the sockets, then (after the older sockets have their owners) the packets. */
const TRACEPOINTS = ["on_fork", "on_exec", "on_exit", "on_packet_socket"] as const;
const SOCKET_HOOKS = ["on_sock_create", "on_sock_release", "on_sockops"] as const;
const PACKET_HOOKS = [
  "on_setsockopt",
  "on_egress",
  "on_ingress",
  "on_connect4",
  "on_connect6",
  "on_sendmsg4",
  "on_sendmsg6",
  "on_post_bind4",
  "on_post_bind6",
] as const;
const CGROUP_HOOKS = [...SOCKET_HOOKS, ...PACKET_HOOKS];
/** Put on devices where packet sockets are, by daemon/guards.ts. */
const FRAME_PROGRAMS = ["on_ethernet_frame", "on_other_frame"] as const;
const HELPERS = ["adopt_sockets", "live_sockets", "open_files", "decide_once"] as const;
export const HOOKS = [...TRACEPOINTS, ...CGROUP_HOOKS] as const;
const PROGRAMS = [...HOOKS, ...FRAME_PROGRAMS, ...HELPERS] as const;
export type ProgramName = (typeof PROGRAMS)[number];

/** Everything of a scope in the kernel, as file descriptors. */
export type Loaded = {
  /** True when it was running already: rules stayed in force and still are. */
  readonly adopted: boolean;
  /** True when other programs were put behind the running links. */
  readonly upgraded: boolean;
  readonly map: (name: MapName) => number;
  readonly program: (name: ProgramName) => number;
  /** Attaches all hooks and pins them. Nothing is judged before; the policy must be in force. Does nothing for an adopted set. */
  readonly attach: () => void;
  readonly close: () => void;
};

export type LoadOptions = {
  readonly objectFile: string;
  readonly scope: Scope;
  /** The folder for this scope's pins. */
  readonly folder: string;
  /** Bounds of maps other than the source's; tests of full tables use it. */
  readonly bounds?: Readonly<Partial<Record<MapName, number>>>;
};

function hashOf(objectFile: string): string {
  return createHash("sha256").update(readFileSync(objectFile)).digest("hex").slice(0, 16);
}

function pinnedHash(folder: string): string | null {
  const marker = readdirSync(folder).find((name) => name.startsWith("object-"));
  return marker?.slice("object-".length) ?? null;
}

/** Whether a folder of pins is whole and of this layout. */
function adoptable(folder: string): boolean {
  if (!existsSync(folder)) return false;
  for (const name of MAPS) if (!existsSync(join(folder, "maps", name))) return false;
  for (const name of HOOKS) if (!existsSync(join(folder, "links", name))) return false;
  for (const name of PROGRAMS) if (!existsSync(join(folder, "programs", name))) return false;
  const fd = openPinned(join(folder, "maps", "policy"));
  try {
    const memory = mapMemory(fd, 4096);
    const { magic, version } = decode(Policy, memory.bytes.slice(0, Policy.size));
    memory.unmap();
    return magic === LAYOUT_MAGIC && version === LAYOUT_VERSION;
  } catch {
    return false;
  } finally {
    close(fd);
  }
}

/** Reads an iterator to its end; returns all its records' bytes. */
export function readIterator(linkFd: number): Uint8Array {
  const fd = openIterator(linkFd);
  const chunks: Uint8Array[] = [];
  try {
    for (;;) {
      const chunk = new Uint8Array(65536);
      const length = readSync(fd, chunk);
      if (length === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, length));
    }
  } finally {
    close(fd);
  }
}

function openObject(options: LoadOptions, reuse: ((name: MapName) => number) | null): BpfObject {
  const object = new BpfObject(options.objectFile);
  try {
    for (const name of MAPS) if (reuse) object.reuseMap(name, reuse(name));
    if (!reuse) for (const [name, bound] of Object.entries(options.bounds ?? {})) object.setMaxEntries(name, bound);
    object.load();
    return object;
  } catch (error) {
    object.close();
    throw error;
  }
}

/** Takes over what runs, with its programs replaced when the object file is another. */
function adopt(options: LoadOptions): Loaded {
  const { folder } = options;
  const opened = new Map<string, number>();
  const pinned = (kind: string, name: string): number => {
    const path = join(folder, kind, name);
    const fd = opened.get(path) ?? openPinned(path);
    opened.set(path, fd);
    return fd;
  };
  const map = (name: MapName): number => pinned("maps", name);
  const hash = hashOf(options.objectFile);
  const before = pinnedHash(folder);
  if (before !== hash) {
    const object = openObject(options, map);
    for (const name of CGROUP_HOOKS) {
      /* A link that stays open here would outlive its pin, and `panic` would leave it attached. */
      const link = openPinned(join(folder, "links", name));
      replaceProgram(link, object.programFd(name), name);
      close(link);
    }
    /* The kernel cannot put another program behind a tracepoint's link: for a moment there are two, then the new pin takes the old one's place. */
    for (const name of TRACEPOINTS) {
      const path = join(folder, "links", name);
      const link = attachTracepoint(object.programFd(name), name);
      if (existsSync(`${path}-new`)) unlinkSync(`${path}-new`);
      pin(link, `${path}-new`);
      close(link);
      renameSync(`${path}-new`, path);
    }
    removePins(join(folder, "programs"));
    mkdirSync(join(folder, "programs"));
    for (const name of PROGRAMS) pin(object.programFd(name), join(folder, "programs", name));
    mkdirSync(join(folder, `object-${hash}`), { recursive: true });
    if (before !== null) rmdirSync(join(folder, `object-${before}`));
    object.close();
  }
  return {
    adopted: true,
    upgraded: before !== hash,
    map,
    program: (name) => pinned("programs", name),
    attach: () => {},
    close: () => {
      for (const fd of opened.values()) close(fd);
    },
  };
}

/** Namespaces an older set has filters in: they go on judging by its tables until the daemon has put the new ones in their place. */
function inheritGuarded(folder: string, map: number): void {
  const path = join(folder, "maps", "guarded");
  if (!existsSync(path)) return;
  const older = openPinned(path);
  try {
    for (const cookie of keys(older, 8)) updateEntry(map, cookie, Uint8Array.of(1));
  } finally {
    close(older);
  }
}

/**
 * Loads a new set beside whatever is there. `attach` hooks it in before it takes an older set of another layout away, so that there is
 * no moment unfiltered: in between, a packet needs both sets' consent.
 */
function loadNew(options: LoadOptions): Loaded {
  const { folder, scope } = options;
  const object = openObject(options, null);
  /* bpffs takes no dots in names. */
  const building = `${folder}-new`;

  const attach = (): void => {
    removePins(building);
    makePins(building);
    for (const kind of ["maps", "programs", "links"]) mkdirSync(join(building, kind), { mode: 0o700 });
    mkdirSync(join(building, `object-${hashOf(options.objectFile)}`));
    for (const name of MAPS) pin(object.mapFd(name), join(building, "maps", name));
    for (const name of PROGRAMS) pin(object.programFd(name), join(building, "programs", name));
    const pinLink = (name: string, fd: number): void => {
      pin(fd, join(building, "links", name));
      close(fd);
    };
    const cgroup = openSync(scope.path, "r");
    try {
      const hook = (name: ProgramName): void => pinLink(name, attachCgroup(object.programFd(name), cgroup, object.attachType(name), name));
      for (const name of TRACEPOINTS) pinLink(name, attachTracepoint(object.programFd(name), name));
      for (const name of SOCKET_HOOKS) hook(name);
      const older = attachIterator(object.programFd("adopt_sockets"), null, "adopt_sockets");
      readIterator(older);
      close(older);
      for (const name of PACKET_HOOKS) hook(name);
    } catch (error) {
      removePins(building);
      throw error;
    } finally {
      closeSync(cgroup);
    }
    inheritGuarded(folder, object.mapFd("guarded"));
    removePins(folder);
    renameSync(building, folder);
  };

  return {
    adopted: false,
    upgraded: false,
    map: (name) => object.mapFd(name),
    program: (name) => object.programFd(name),
    attach,
    close: () => object.close(),
  };
}

/** Loads the kernel object for a scope, or adopts the one that runs there. */
export function loadObject(options: LoadOptions): Loaded {
  return adoptable(options.folder) ? adopt(options) : loadNew(options);
}

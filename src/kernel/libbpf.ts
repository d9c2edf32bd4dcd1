// SPDX-License-Identifier: Apache-2.0
/** libbpf 1.x through koffi: the only file that knows the library. Functions throw `LibbpfError`. */
import koffi from "koffi";
import { errorName } from "./libc.ts";

/** A call into libbpf that failed. */
export class LibbpfError extends Error {
  override readonly name = "LibbpfError";
  readonly call: string;
  readonly errno: number;

  constructor(call: string, errno: number, about: string) {
    super(`Cannot ${call.replaceAll("_", " ").trim()} ${about}: ${errorName(errno)}`);
    this.call = call;
    this.errno = errno;
  }
}

type Pointer = unknown;
type Bytes = Uint8Array;

const library = (() => {
  try {
    return koffi.load("libbpf.so.1");
  } catch (cause) {
    throw new Error('Cannot load "libbpf.so.1": install libbpf 1.0 or newer (Debian: libbpf1)', { cause });
  }
})();

const linkOptions = koffi.struct("bpf_link_create_opts", {
  sz: "size_t",
  flags: "uint32_t",
  iter_info: "void *",
  iter_info_len: "uint32_t",
  target_btf_id: "uint32_t",
  cookie: "uint64_t",
  reserved: "uint64_t",
});
const createOptions = koffi.struct("bpf_map_create_opts", {
  sz: "size_t",
  btf_fd: "uint32_t",
  btf_key_type_id: "uint32_t",
  btf_value_type_id: "uint32_t",
  btf_vmlinux_value_type_id: "uint32_t",
  inner_map_fd: "uint32_t",
  map_flags: "uint32_t",
  map_extra: "uint64_t",
  numa_node: "uint32_t",
  map_ifindex: "uint32_t",
});
const runOptions = koffi.struct("bpf_test_run_opts", {
  sz: "size_t",
  data_in: "const void *",
  data_out: "void *",
  data_size_in: "uint32_t",
  data_size_out: "uint32_t",
  ctx_in: "const void *",
  ctx_out: "void *",
  ctx_size_in: "uint32_t",
  ctx_size_out: "uint32_t",
  retval: "uint32_t",
  repeat: "int",
  duration: "uint32_t",
  flags: "uint32_t",
  cpu: "uint32_t",
  batch_size: "uint32_t",
});

const lib = {
  version: library.func("const char *libbpf_version_string()"),
  openFile: library.func("void *bpf_object__open_file(const char *, const void *)"),
  load: library.func("int bpf_object__load(void *)"),
  closeObject: library.func("void bpf_object__close(void *)"),
  findMap: library.func("void *bpf_object__find_map_by_name(void *, const char *)"),
  mapFd: library.func("int bpf_map__fd(void *)"),
  reuseFd: library.func("int bpf_map__reuse_fd(void *, int)"),
  setMaxEntries: library.func("int bpf_map__set_max_entries(void *, uint32_t)"),
  findProgram: library.func("void *bpf_object__find_program_by_name(void *, const char *)"),
  programFd: library.func("int bpf_program__fd(void *)"),
  programInstructions: library.func("size_t bpf_program__insn_cnt(void *)"),
  expectedAttachType: library.func("int bpf_program__expected_attach_type(void *)"),
  linkCreate: library.func("bpf_link_create", "int", ["int", "int", "int", koffi.pointer(linkOptions)]),
  linkUpdate: library.func("int bpf_link_update(int, int, const void *)"),
  rawTracepoint: library.func("int bpf_raw_tracepoint_open(const char *, int)"),
  iterCreate: library.func("int bpf_iter_create(int)"),
  pin: library.func("int bpf_obj_pin(int, const char *)"),
  get: library.func("int bpf_obj_get(const char *)"),
  createMap: library.func("bpf_map_create", "int", [
    "int",
    "const char *",
    "uint32_t",
    "uint32_t",
    "uint32_t",
    koffi.pointer(createOptions),
  ]),
  update: library.func("int bpf_map_update_elem(int, const void *, const void *, uint64_t)"),
  lookup: library.func("int bpf_map_lookup_elem(int, const void *, void *)"),
  delete: library.func("int bpf_map_delete_elem(int, const void *)"),
  nextKey: library.func("int bpf_map_get_next_key(int, const void *, void *)"),
  run: library.func("bpf_prog_test_run_opts", "int", ["int", koffi.pointer(runOptions)]),
} as const;

function checked(call: string, about: string, result: number): number {
  if (result < 0) throw new LibbpfError(call, -result, about);
  return result;
}

/** The library's own version, "v1.1". */
export function libbpfVersion(): string {
  return lib.version() as string;
}

/** An object file, opened and not yet loaded, or loaded. */
export class BpfObject {
  readonly #object: Pointer;
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    this.#object = lib.openFile(path, null);
    if (!this.#object) throw new LibbpfError("open", koffi.errno(), `kernel object "${path}"`);
  }

  #map(name: string): Pointer {
    const map = lib.findMap(this.#object, name);
    if (!map) throw new Error(`Cannot use kernel object "${this.#path}": it has no map "${name}"`);
    return map;
  }

  #program(name: string): Pointer {
    const program = lib.findProgram(this.#object, name);
    if (!program) throw new Error(`Cannot use kernel object "${this.#path}": it has no program "${name}"`);
    return program;
  }

  /** Before loading: this map is the one already open as `fd`. */
  reuseMap(name: string, fd: number): void {
    checked("reuse", `map "${name}"`, lib.reuseFd(this.#map(name), fd));
  }

  /** Before loading: another bound than the source's. */
  setMaxEntries(name: string, entries: number): void {
    checked("resize", `map "${name}"`, lib.setMaxEntries(this.#map(name), entries));
  }

  /** Verifies and loads every program. What the kernel says about a refusal stands on standard error. */
  load(): void {
    checked("load", `kernel object "${this.#path}"`, lib.load(this.#object));
  }

  mapFd(name: string): number {
    return checked("find", `map "${name}"`, lib.mapFd(this.#map(name)));
  }

  programFd(name: string): number {
    return checked("find", `program "${name}"`, lib.programFd(this.#program(name)));
  }

  attachType(name: string): number {
    return lib.expectedAttachType(this.#program(name));
  }

  /** Closes every file descriptor of the object; what is pinned or attached stays. */
  close(): void {
    lib.closeObject(this.#object);
  }
}

function link(programFd: number, targetFd: number, attachType: number, info: Bytes | null, about: string): number {
  const options = {
    sz: koffi.sizeof(linkOptions),
    flags: 0,
    iter_info: info,
    iter_info_len: info?.length ?? 0,
    target_btf_id: 0,
    cookie: 0,
    reserved: 0,
  };
  return checked("attach", about, lib.linkCreate(programFd, targetFd, attachType, options));
}

/** Attaches a program to a cgroup; returns the link's file descriptor. */
export function attachCgroup(programFd: number, cgroupFd: number, attachType: number, name: string): number {
  return link(programFd, cgroupFd, attachType, null, `program "${name}" to the cgroup`);
}

/** Attaches a tp_btf program: BPF_RAW_TRACEPOINT_OPEN without a name (Linux 5.5) gives a link that can be pinned. */
export function attachTracepoint(programFd: number, name: string): number {
  return checked("attach", `program "${name}"`, lib.rawTracepoint(null, programFd));
}

const BPF_TRACE_ITER = 28;

/** Makes an iterator of a program; over the elements of a map when `mapFd` is given. Returns the link's file descriptor. */
export function attachIterator(programFd: number, mapFd: number | null, name: string): number {
  const info = mapFd === null ? null : new Uint8Array(Uint32Array.of(mapFd, 0, 0, 0).buffer);
  return link(programFd, 0, BPF_TRACE_ITER, info, `iterator "${name}"`);
}

/** Starts one pass of an iterator; returns a file descriptor to read its records from. */
export function openIterator(linkFd: number): number {
  return checked("start", "an iterator", lib.iterCreate(linkFd));
}

/** Puts another program behind a link, in one step. */
export function replaceProgram(linkFd: number, programFd: number, name: string): void {
  checked("replace", `program "${name}"`, lib.linkUpdate(linkFd, programFd, null));
}

/** Pins a map, program or link. */
export function pin(fd: number, path: string): void {
  checked("pin", `"${path}"`, lib.pin(fd, path));
}

/** Opens what is pinned at `path`. */
export function openPinned(path: string): number {
  return checked("open", `the pin "${path}"`, lib.get(path));
}

const ENOENT = 2;
const BPF_ANY = 0;

/** Stores an entry; throws `LibbpfError` with errno E2BIG or ENOMEM when the map is full. */
export function updateEntry(mapFd: number, key: Bytes, value: Bytes): void {
  checked("update", "a map entry", lib.update(mapFd, key, value, BPF_ANY));
}

/** The same off the main thread, for an update that waits; nothing may close the map meanwhile. */
export function updateEntryLater(mapFd: number, key: Bytes, value: Bytes): Promise<void> {
  return new Promise((resolve, reject) => {
    lib.update.async(mapFd, key, value, BPF_ANY, (error: Error | null, result: number) => {
      if (error) reject(error);
      else if (result < 0) reject(new LibbpfError("update", -result, "a map entry"));
      else resolve();
    });
  });
}

const NO_OPTIONS = {
  sz: koffi.sizeof(createOptions),
  btf_fd: 0,
  btf_key_type_id: 0,
  btf_value_type_id: 0,
  btf_vmlinux_value_type_id: 0,
  inner_map_fd: 0,
  map_flags: 0,
  map_extra: 0,
  numa_node: 0,
  map_ifindex: 0,
};
const BPF_MAP_TYPE_ARRAY = 2;
const BPF_F_MMAPABLE = 1 << 10;
const BPF_F_INNER_MAP = 1 << 12;
const BPF_MAP_TYPE_ARRAY_OF_MAPS = 12;

/** Makes an array of one 32-bit number; returns its file descriptor. */
export function createArray(name: string): number {
  return checked("create", `map "${name}"`, lib.createMap(BPF_MAP_TYPE_ARRAY, name, 4, 4, 1, null));
}

/** Makes an array that may be mapped, and may stand in an array of maps in the place of one of another length; returns its file descriptor. */
export function createMappedArray(name: string, entries: number, entrySize: number): number {
  const options = { ...NO_OPTIONS, map_flags: BPF_F_MMAPABLE | BPF_F_INNER_MAP };
  return checked("create", `map "${name}"`, lib.createMap(BPF_MAP_TYPE_ARRAY, name, 4, entrySize, entries, options));
}

/** Makes an array of one map, alike to the map `innerFd`; returns its file descriptor. */
export function createArrayOfMaps(name: string, innerFd: number): number {
  const options = { ...NO_OPTIONS, inner_map_fd: innerFd };
  return checked("create", `map "${name}"`, lib.createMap(BPF_MAP_TYPE_ARRAY_OF_MAPS, name, 4, 4, 1, options));
}

/** Reads an entry into `value`; false when there is none. */
export function readEntry(mapFd: number, key: Bytes, value: Bytes): boolean {
  const result = lib.lookup(mapFd, key, value);
  if (result === -ENOENT) return false;
  checked("read", "a map entry", result);
  return true;
}

/** Deletes an entry; false when there was none. */
export function deleteEntry(mapFd: number, key: Bytes): boolean {
  const result = lib.delete(mapFd, key);
  if (result === -ENOENT) return false;
  checked("delete", "a map entry", result);
  return true;
}

/** Every key of a map. Entries added or deleted meanwhile may be missed, as with any iteration of a kernel hash. */
export function* keys(mapFd: number, keySize: number): Generator<Uint8Array> {
  let before: Uint8Array | null = null;
  for (;;) {
    const next = new Uint8Array(keySize);
    const result = lib.nextKey(mapFd, before, next) as number;
    if (result === -ENOENT) return;
    checked("read", "a map key", result);
    yield next;
    before = next;
  }
}

/** Runs a program once: one for `syscall` over `context`, which it may change; one for packets over an Ethernet frame, `context` its `__sk_buff`. */
export function runProgram(programFd: number, context: Bytes, frame: Bytes | null = null): number {
  const options = {
    sz: koffi.sizeof(runOptions),
    data_in: frame,
    data_out: null,
    data_size_in: frame?.length ?? 0,
    data_size_out: 0,
    ctx_in: context,
    ctx_out: null,
    ctx_size_in: context.length,
    ctx_size_out: 0,
    retval: 0,
    repeat: 0,
    duration: 0,
    flags: 0,
    cpu: 0,
    batch_size: 0,
  };
  return checked("run", "a program", lib.run(programFd, options));
}

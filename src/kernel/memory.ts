// SPDX-License-Identifier: Apache-2.0
/** Memory shared with the kernel: maps the daemon writes without a system call an entry, and ring buffers it reads. */
import { readFileSync } from "node:fs";
import koffi from "koffi";
import { SystemCallError } from "./libc.ts";

const process_ = koffi.load(null);
const mmap_ = process_.func("void *mmap(void *, size_t, int, int, int, int64_t)");
/* Addresses as numbers, so that one may be added to. */
const memcpy_ = process_.func("void *memcpy(uint64_t, const void *, size_t)");
const munmap_ = process_.func("int munmap(void *, size_t)");
const poll_ = process_.func("int poll(void *, unsigned long, int)");
const eventfd_ = process_.func("int eventfd(unsigned int, int)");

const mallopt_ = process_.func("int mallopt(int, int)");
const mallocTrim_ = process_.func("int malloc_trim(size_t)");

const madvise_ = process_.func("int madvise(uint64_t, size_t, int)");

/** madvise(2). */
const MADV_DONTNEED = 4;
const M_ARENA_MAX = -8;
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

export const PAGE_SIZE = 4096;

/** One heap for all threads of this process (mallopt(3)): each that waits in a system call for us would keep some megabytes of its own. */
export function shareHeap(): void {
  mallopt_(M_ARENA_MAX, 1);
}

/** Gives back what has been freed (malloc_trim(3)): after the kernel's own types have been read, some 15 MB. */
export function trimHeap(): void {
  mallocTrim_(0);
}

/**
 * Lets go of the pages of Node's own file, which its start has touched nearly all of; those that are used come back from the page cache when
 * they are. Only what is as it is in the file: parts that were written to (relocated) stay.
 */
export function releaseNodeFile(): void {
  for (const mapping of readFileSync("/proc/self/smaps", "latin1").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const [, from, to, path] = /^([0-9a-f]+)-([0-9a-f]+) r-.p \S+ \S+ \S+ +(.*)/.exec(mapping) ?? [];
    if (from === undefined || to === undefined || path !== process.execPath) continue;
    if (!/^Anonymous: +0 kB$/m.test(mapping) || !/^Private_Dirty: +0 kB$/m.test(mapping)) continue;
    const start = BigInt(`0x${from}`);
    madvise_(start, BigInt(`0x${to}`) - start, MADV_DONTNEED);
  }
}

/** A mapping of a kernel object; `bytes` must not be used after `unmap()`. */
export type Mapping = { readonly bytes: Uint8Array; unmap(): void };

/** Maps `length` bytes of `fd` from `offset`, read-only unless `writable`. */
export function mapMemory(fd: number, length: number, options: { offset?: number; writable?: boolean } = {}): Mapping {
  const protection = options.writable ? PROT_READ | PROT_WRITE : PROT_READ;
  const address = mmap_(null, length, protection, MAP_SHARED, fd, options.offset ?? 0);
  if (koffi.address(address) === 0xffffffffffffffffn) throw new SystemCallError("mmap", koffi.errno());
  return {
    bytes: new Uint8Array(koffi.view(address, length)),
    unmap: () => {
      munmap_(address, length);
    },
  };
}

/**
 * Copies `bytes` into the kernel object `fd` at `offset`. Mapped for the moment: what is mapped counts as this process's own memory, and no
 * buffer is made of it, because the collector of garbage hurries when it sees much memory come and go.
 */
export function writeMapped(fd: number, offset: number, bytes: Uint8Array): void {
  const before = offset % PAGE_SIZE;
  const length = before + bytes.length;
  const address = mmap_(null, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset - before);
  const start = koffi.address(address);
  if (start === 0xffffffffffffffffn) throw new SystemCallError("mmap", koffi.errno());
  memcpy_(start + BigInt(before), bytes, bytes.length);
  munmap_(address, length);
}

/** An event counter to wake a waiting poll with. */
export function eventCounter(): number {
  const fd = eventfd_(0, EFD_CLOEXEC | EFD_NONBLOCK) as number;
  if (fd < 0) throw new SystemCallError("eventfd", koffi.errno());
  return fd;
}

const POLLIN = 1;

/** Resolves when one of `fds` has something to read, or after `timeoutMs`. Waits off the main thread. */
export function readable(fds: readonly number[], timeoutMs: number): Promise<void> {
  const entries = new Int32Array(fds.length * 2);
  fds.forEach((fd, i) => {
    entries[i * 2] = fd;
    entries[i * 2 + 1] = POLLIN;
  });
  return new Promise((resolve, reject) => {
    poll_.async(entries, fds.length, timeoutMs, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}

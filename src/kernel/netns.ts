// SPDX-License-Identifier: Apache-2.0
/** Network namespaces: finding one by the kernel's cookie, and doing something inside it. */
import { readdirSync, statSync, writeSync } from "node:fs";
import {
  AF_INET,
  abort,
  close,
  copyFileDescriptor,
  getOption64,
  ioctl,
  openFile,
  openProcess,
  SO_NETNS_COOKIE,
  SOCK_DGRAM,
  SOL_SOCKET,
  setNetworkNamespace,
  socket,
} from "./libc.ts";

/**
 * A network namespace kept open (and so alive) until `close()`, which may be called more than once. `path`: where it was found; null when
 * it was by a socket in it.
 */
export type Namespace = { readonly fd: number; readonly cookie: bigint; readonly path: string | null; close(): void };

/**
 * Runs `work`, which must not wait for anything, with the calling thread inside a network namespace (an open file descriptor, or a path
 * such as `/run/netns/name`). Sockets made there stay there. When the thread cannot be moved back, the process ends: everything it
 * did afterwards would go to the wrong network.
 */
export function inNamespace<T>(target: number | string, work: () => T extends Promise<unknown> ? never : T): T {
  const home = openFile("/proc/thread-self/ns/net");
  let opened: number | null = null;
  try {
    opened = typeof target === "string" ? openFile(target) : null;
    setNetworkNamespace(opened ?? (target as number));
    try {
      return work();
    } finally {
      goHome(home);
    }
  } finally {
    if (opened !== null) close(opened);
    close(home);
  }
}

function goHome(home: number): void {
  try {
    setNetworkNamespace(home);
  } catch (cause) {
    writeSync(2, `Cannot return to the own network namespace (${cause}): ending, for anything done now would go to another network\n`);
    abort();
  }
}

/** The kernel's cookie of a namespace open as `fd`, as in `struct flow_id` (Linux 5.14). */
export function namespaceCookie(fd: number): bigint {
  return inNamespace(fd, () => {
    const probe = socket(AF_INET, SOCK_DGRAM, 0);
    try {
      return getOption64(probe, SOL_SOCKET, SO_NETNS_COOKIE);
    } finally {
      close(probe);
    }
  });
}

/** Keeps a namespace open by a path to it; throws when it is not one. */
export function openNamespace(path: string): Namespace {
  const fd = openFile(path);
  try {
    return holdNamespace(fd, namespaceCookie(fd), path);
  } catch (cause) {
    close(fd);
    throw cause;
  }
}

function holdNamespace(fd: number, cookie: bigint, path: string | null): Namespace {
  let open = true;
  return {
    fd,
    cookie,
    path,
    close() {
      if (open) close(fd);
      open = false;
    },
  };
}

/**
 * Finds the namespace with this cookie: that of process `hintTgid` (its threads, then its sockets, for a namespace can outlive its last
 * process in one), then every process's, then the named ones in /run/netns. Null when none is it.
 */
export function findNamespace(cookie: bigint, hintTgid: number): Namespace | null {
  const seen = new Set<string>();
  const among = (paths: Iterable<string>): Namespace | null => {
    for (const path of paths) {
      const found = openIfNew(path, seen);
      if (found?.cookie === cookie) return found;
      found?.close();
    }
    return null;
  };
  return (
    among([`/proc/${hintTgid}/ns/net`]) ??
    among(list(`/proc/${hintTgid}/task`).map((tid) => `/proc/${hintTgid}/task/${tid}/ns/net`)) ??
    namespaceOfSocket(cookie, hintTgid) ??
    among(processNamespaces()) ??
    among(list("/run/netns").map((name) => `/run/netns/${name}`))
  );
}

function processNamespaces(): string[] {
  return list("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((tgid) => `/proc/${tgid}/ns/net`);
}

/** Entries of a folder; none when it is gone (processes end while we look). */
function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Opens a namespace not looked at yet; null when it is gone, not one, or known already. */
function openIfNew(path: string, seen: Set<string>): Namespace | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    const key = `${dev}:${ino}`;
    if (seen.has(key)) return null;
    seen.add(key);
    return openNamespace(path);
  } catch {
    return null;
  }
}

/** Gives a file descriptor of the namespace a socket is in (include/uapi/linux/sockios.h, Linux 4.10). */
const SIOCGSKNS = 0x894c;

function namespaceOfSocket(cookie: bigint, tgid: number): Namespace | null {
  let process: number;
  try {
    process = openProcess(tgid);
  } catch {
    return null;
  }
  try {
    for (const { fd } of socketsOf(tgid)) {
      const found = namespaceOfCopy(process, fd, cookie);
      if (found !== null) return holdNamespace(found, cookie, null);
    }
    return null;
  } finally {
    close(process);
  }
}

function* socketsOf(tgid: number): Generator<{ readonly fd: number }> {
  for (const name of list(`/proc/${tgid}/fd`)) {
    try {
      if (statSync(`/proc/${tgid}/fd/${name}`).isSocket()) yield { fd: Number(name) };
    } catch {
      // Closed since it was listed.
    }
  }
}

function namespaceOfCopy(process: number, fd: number, cookie: bigint): number | null {
  let copy: number | null = null;
  try {
    copy = copyFileDescriptor(process, fd);
    return getOption64(copy, SOL_SOCKET, SO_NETNS_COOKIE) === cookie ? ioctl(copy, SIOCGSKNS, null) : null;
  } catch {
    // Closed meanwhile, or a kind of socket that does not answer.
    return null;
  } finally {
    if (copy !== null) close(copy);
  }
}

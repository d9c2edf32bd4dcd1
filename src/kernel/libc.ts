// SPDX-License-Identifier: Apache-2.0
/** The few system calls Node does not have. Each throws `SystemCallError`; numbers are those of Linux on x86-64 and arm64. */
import { endianness, constants as os } from "node:os";
import koffi from "koffi";

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_CLOEXEC = 0o2000000;
export const SOCK_NONBLOCK = 0o4000;
export const MSG_DONTWAIT = 0x40;
export const SOL_SOCKET = 1;
export const SO_ERROR = 4;
export const SO_BROADCAST = 6;
export const SO_PRIORITY = 12;
export const SO_RCVTIMEO = 20;
export const SO_SNDBUFFORCE = 32;
export const SO_MARK = 36;
export const SO_COOKIE = 57;
export const SO_BINDTOIFINDEX = 62;
export const SO_NETNS_COOKIE = 71;

if (endianness() !== "LE")
  throw new Error(`Cannot run on "${process.arch}": the kernel interfaces here are written for little-endian machines`);

/** A system call that failed: its name, the number and the name of the error. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly call: string;
  readonly errno: number;
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = errorName(errno);
    super(`System call "${call}" failed with ${code}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}

/** The name of an error number, "EPERM" for 1; `errno N` where Node has no name for it. */
export function errorName(errno: number): string {
  for (const [name, value] of Object.entries(os.errno)) {
    // EWOULDBLOCK and EOPNOTSUPP share their numbers with EAGAIN and ENOTSUP.
    if (value === errno && name !== "EWOULDBLOCK" && name !== "ENOTSUP") return name;
  }
  return `errno ${errno}`;
}

type Bytes = Uint8Array;
const process_ = koffi.load(null);
const socket_ = process_.func("int socket(int, int, int)") as (domain: number, type: number, protocol: number) => number;
const close_ = process_.func("int close(int)") as (fd: number) => number;
const open_ = process_.func("int open(const char *, int)") as (path: string, flags: number) => number;
const setns_ = process_.func("int setns(int, int)") as (fd: number, type: number) => number;
const fchown_ = process_.func("int fchown(int, uint32_t, uint32_t)") as (fd: number, uid: number, gid: number) => number;
const bind_ = process_.func("int bind(int, const void *, uint32_t)") as (fd: number, address: Bytes, length: number) => number;
const listen_ = process_.func("int listen(int, int)") as (fd: number, backlog: number) => number;
const connect_ = process_.func("int connect(int, const void *, uint32_t)") as (fd: number, address: Bytes, length: number) => number;
const sendto_ = process_.func("int64_t sendto(int, const void *, size_t, int, const void *, uint32_t)") as (
  fd: number,
  data: Bytes,
  length: number,
  flags: number,
  address: Bytes | null,
  addressLength: number,
) => number;
const recv_ = process_.func("int64_t recv(int, void *, size_t, int)") as (fd: number, data: Bytes, length: number, flags: number) => number;
const setsockopt_ = process_.func("int setsockopt(int, int, int, const void *, uint32_t)") as (
  fd: number,
  level: number,
  option: number,
  value: Bytes,
  length: number,
) => number;
const getsockopt_ = process_.func("int getsockopt(int, int, int, void *, void *)") as (
  fd: number,
  level: number,
  option: number,
  value: Bytes,
  length: Uint32Array,
) => number;
const ioctl_ = process_.func("int ioctl(int, unsigned long, void *)") as (fd: number, request: number, value: Bytes | null) => number;
const syscall_ = process_.func("long syscall(long, long, long, long, long)") as (
  n: number,
  a: number,
  b: number,
  c: number,
  d: number,
) => number;
const abort_ = process_.func("void abort()") as () => void;

/** A signal (a child that ended) may come in between at any time. */
function uninterrupted(call: () => number): number {
  for (;;) {
    const result = call();
    if (result >= 0 || koffi.errno() !== os.errno.EINTR) return result;
  }
}

function checked(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call, koffi.errno());
  return result;
}

/** Opens a socket (always close-on-exec); returns its file descriptor. */
export function socket(domain: number, type: number, protocol: number): number {
  return checked("socket", socket_(domain, type | SOCK_CLOEXEC, protocol));
}

/** Closes a file descriptor. */
export function close(fd: number): void {
  checked("close", close_(fd));
}

/** Opens a file read-only and close-on-exec; returns its file descriptor. */
export function openFile(path: string): number {
  return checked("open", open_(path, 0o2000000));
}

const CLONE_NEWNET = 0x40000000;

/** Moves the calling thread into the network namespace open as `fd`. Use `inNamespace`, which also moves it back. */
export function setNetworkNamespace(fd: number): void {
  checked("setns", setns_(fd, CLONE_NEWNET));
}

/** Makes `uid` the user a file, or a socket's traffic, belongs to; the group stays. */
export function changeOwner(fd: number, uid: number): void {
  checked("fchown", fchown_(fd, uid, 0xffffffff));
}

/** Binds a socket to a `sockaddr`. */
export function bind(fd: number, address: Bytes): void {
  checked("bind", bind_(fd, address, address.length));
}

/** Lets a bound socket take connections. */
export function listen(fd: number): void {
  checked("listen", listen_(fd, 16));
}

/** Connects a socket to a `sockaddr`. */
export function connect(fd: number, address: Bytes): void {
  checked("connect", connect_(fd, address, address.length));
}

/** Sends one message, to a `sockaddr` or where the socket is connected to; returns the bytes sent. */
export function sendTo(fd: number, data: Bytes, flags: number, address: Bytes | null): number {
  return checked(
    "sendto",
    uninterrupted(() => sendto_(fd, data, data.length, flags, address, address?.length ?? 0)),
  );
}

/** Receives one message into `data`; returns its length, or null when there is none now (EAGAIN). */
export function receive(fd: number, data: Bytes, flags: number): number | null {
  const length = uninterrupted(() => recv_(fd, data, data.length, flags));
  if (length < 0 && koffi.errno() === os.errno.EAGAIN) return null;
  return checked("recv", length);
}

/** Sets a socket option to a 32-bit number or to bytes. */
export function setOption(fd: number, level: number, option: number, value: number | Bytes): void {
  const bytes = typeof value === "number" ? new Uint8Array(Uint32Array.of(value).buffer) : value;
  checked("setsockopt", setsockopt_(fd, level, option, bytes, bytes.length));
}

/** Reads a 32-bit socket option. */
export function getOption(fd: number, level: number, option: number): number {
  const value = new Uint8Array(4);
  checked("getsockopt", getsockopt_(fd, level, option, value, Uint32Array.of(4)));
  return new DataView(value.buffer).getInt32(0, true);
}

/** Reads a 64-bit socket option, such as a cookie. */
export function getOption64(fd: number, level: number, option: number): bigint {
  const value = new Uint8Array(8);
  checked("getsockopt", getsockopt_(fd, level, option, value, Uint32Array.of(8)));
  return new DataView(value.buffer).getBigUint64(0, true);
}

/** An ioctl whose argument is a structure it reads or fills in; returns its result. */
export function ioctl(fd: number, request: number, value: Bytes | null): number {
  return checked("ioctl", ioctl_(fd, request, value));
}

const SYS_PIDFD_OPEN = 434;
const SYS_PIDFD_GETFD = 438;

/** A file descriptor for a process (Linux 5.3). */
export function openProcess(tgid: number): number {
  return checked("pidfd_open", syscall_(SYS_PIDFD_OPEN, tgid, 0, 0, 0));
}

const SYS_PIDFD_SEND_SIGNAL = 424;

/** Sends a signal to the process open as `pidfd` (Linux 5.1). */
export function signalProcess(pidfd: number, signal: number): void {
  checked("pidfd_send_signal", syscall_(SYS_PIDFD_SEND_SIGNAL, pidfd, signal, 0, 0));
}

/** Our own copy of another process's file descriptor (Linux 5.6). */
export function copyFileDescriptor(pidfd: number, fd: number): number {
  return checked("pidfd_getfd", syscall_(SYS_PIDFD_GETFD, pidfd, fd, 0, 0));
}

/** Ends the process at once, from any thread. */
export function abort(): void {
  abort_();
}

/** A `sockaddr_in` or `sockaddr_in6` for 4 or 16 bytes of address; `port` and `scope` (interface index) where they matter. */
export function socketAddress(address: Bytes, port = 0, scope = 0): Bytes {
  const bytes = new Uint8Array(address.length === 4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, address.length === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(address, address.length === 4 ? 4 : 8);
  if (address.length === 16) view.setUint32(24, scope, true);
  return bytes;
}

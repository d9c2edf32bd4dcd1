// SPDX-License-Identifier: Apache-2.0
/** This process becomes another program, with what Node changed for itself put back first. */
import koffi from "koffi";

/** A program to become. Bytes of arguments and environment ("NAME=value") as latin1 text: what is not UTF-8 stays as it is. */
export type Program = {
  readonly argv: readonly string[];
  readonly environment: readonly string[];
  /** Soft limit of open files; Node raises it to the hard one. */
  readonly openFiles: number;
};

const ENOENT = 2;
const ENOEXEC = 8;
const EACCES = 13;
const ENOTDIR = 20;
const F_SETFD = 2;
const RLIMIT_NOFILE = 7;
/** SIGPIPE and SIGXFSZ: Node ignores them, and what is ignored stays so over exec. */
const IGNORED_BY_NODE = [13, 25] as const;
/** As execvp(3) has it where there is no PATH. */
const DEFAULT_PATH = "/bin:/usr/bin";

const library = koffi.load(null);
const execve = library.func("int execve(const void *, void *, void *)") as (path: Uint8Array, argv: unknown, envp: unknown) => number;
const fcntl = library.func("int fcntl(int, int, int)") as (fd: number, command: number, value: number) => number;
const signal = library.func("int64_t signal(int, int64_t)") as (number: number, handler: number) => unknown;
const setrlimit = library.func("int setrlimit(int, void *)") as (what: number, limits: BigUint64Array) => number;
const getrlimit = library.func("int getrlimit(int, void *)") as (what: number, limits: BigUint64Array) => number;

function zeroEnded(latin1: string): Buffer {
  return Buffer.from(`${latin1}\0`, "latin1");
}

/** A char *[] that ends with NULL; the strings it points to must be kept as long. */
function pointers(strings: readonly string[]): { readonly array: BigUint64Array; readonly kept: readonly Buffer[] } {
  const kept = strings.map(zeroEnded);
  return { array: BigUint64Array.from([...kept.map((each) => koffi.address(each)), 0n]), kept };
}

/** Node has its standard streams closed at exec, and raises the limit of open files. */
function undoNode(openFiles: number): void {
  for (const number of IGNORED_BY_NODE) signal(number, 0);
  for (const fd of [0, 1, 2]) fcntl(fd, F_SETFD, 0);
  const limits = new BigUint64Array(2);
  if (getrlimit(RLIMIT_NOFILE, limits) !== 0) return;
  const [, hard = 0n] = limits;
  setrlimit(RLIMIT_NOFILE, BigUint64Array.of(BigInt(openFiles) < hard ? BigInt(openFiles) : hard, hard));
}

/**
 * As execvp(3): a name without a slash is looked up in the PATH of the environment given; a file the kernel has no loader for goes to the
 * shell. Returns only when there is nothing to become: the error number.
 */
export function become({ argv, environment, openFiles }: Program): number {
  const [name = ""] = argv;
  if (name === "") return ENOENT;
  undoNode(openFiles);
  const path = environment.find((entry) => entry.startsWith("PATH="))?.slice("PATH=".length) ?? DEFAULT_PATH;
  const places = name.includes("/") ? [name] : path.split(":").map((folder) => `${folder || "."}/${name}`);
  const own = pointers(argv);
  const variables = pointers(environment);
  let refused = ENOENT;
  for (const place of places) {
    execve(zeroEnded(place), own.array, variables.array);
    const errno = koffi.errno();
    if (errno === ENOEXEC) {
      const shell = pointers(["/bin/sh", place, ...argv.slice(1)]);
      execve(zeroEnded("/bin/sh"), shell.array, variables.array);
    }
    if (errno === EACCES) refused = errno;
    else if (errno !== ENOENT && errno !== ENOTDIR) return errno;
  }
  return refused;
}

// SPDX-License-Identifier: Apache-2.0
/** What tests make outside of their own process and must take away again: namespaces, cgroups, pins, mounts, processes. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every process of a test run inherits this variable. */
export const RUN_VARIABLE = "HOLDFAST_TEST_RUN";

const NO_ENTRIES: readonly string[] = [];

/** `read()`, or `otherwise` when there is nothing there or it is not for us to read. */
function orElse<T>(otherwise: T, read: () => T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** Folders below `folder`, at any depth. */
function foldersBelow(folder: string): string[] {
  const entries = orElse([], () => readdirSync(folder, { withFileTypes: true }));
  return entries
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => [join(folder, entry.name), ...foldersBelow(join(folder, entry.name))]);
}

type Mount = { readonly at: string; readonly type: string };

/** proc(5): field 5 of mountinfo is the mount point, the first after " - " the file system. */
function mounts(): Mount[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").trim().split("\n");
  return lines.map((line) => {
    const [left = "", right = ""] = line.split(" - ");
    return { at: left.split(" ")[4] ?? "", type: right.split(" ")[0] ?? "" };
  });
}

/** Mounts that are the system's once somebody needed them: `ip netns` and `holdfast up` make them and leave them. */
function isOfTheSystem({ at, type }: Mount): boolean {
  return at.startsWith("/run/netns") || type === "bpf" || type === "cgroup2";
}

function processes(run: string): string[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && name !== `${process.pid}`);
  const variable = `${RUN_VARIABLE}=${run}`;
  return pids.filter((pid) =>
    orElse("", () => readFileSync(`/proc/${pid}/environ`, "utf8"))
      .split("\0")
      .includes(variable),
  );
}

const commandOf = (pid: string): string =>
  orElse("", () => readFileSync(`/proc/${pid}/cmdline`, "utf8"))
    .replaceAll("\0", " ")
    .trim();

/** Everything of the kinds tests make that is there now, in words. `run`: the value of RUN_VARIABLE. */
export function snapshot(run: string): Set<string> {
  const mounted = mounts();
  const below = (type: string): string[] => mounted.filter((mount) => mount.type === type).flatMap((mount) => foldersBelow(mount.at));
  const pins = below("bpf").filter((folder) => folder.includes("/holdfast"));
  return new Set([
    ...orElse(NO_ENTRIES, () => readdirSync("/run/netns"))
      .filter((name) => name.startsWith("hf-"))
      .map((name) => `network namespace ${name}`),
    ...below("cgroup2")
      .filter((folder) => /\/holdfast-test-[^/]*$/.test(folder))
      .map((folder) => `cgroup ${folder}`),
    ...pins.flatMap((folder) => orElse(NO_ENTRIES, () => readdirSync(folder)).map((name) => `pin ${join(folder, name)}`)),
    ...mounted.filter((mount) => !isOfTheSystem(mount)).map(({ at, type }) => `mount ${at} (${type})`),
    ...processes(run).map((pid) => `process ${pid} (${commandOf(pid)})`),
  ]);
}

/** What is there now and was not `before`. Looks again for two seconds: a process that was told to end may take a moment. */
export async function leftovers(before: ReadonlySet<string>, run: string): Promise<string[]> {
  for (let look = 0; ; look += 1) {
    const left = [...snapshot(run)].filter((thing) => !before.has(thing));
    if (left.length === 0 || look === 20) return left;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

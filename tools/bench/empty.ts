// SPDX-License-Identifier: Apache-2.0
/** A cgroup with empty programs (empty.bpf.c) on Holdfast's hooks: what no program that judges there can get below. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { attachCgroup, BpfObject } from "../../src/kernel/libbpf.ts";
import { close } from "../../src/kernel/libc.ts";
import { makeCgroup, removeCgroup } from "../../test/world/cgroup.ts";
import { ROOT } from "../files.ts";

const HOOKS = ["on_sock_create", "on_sock_release", "on_setsockopt", "on_connect4", "on_egress", "on_ingress", "on_sockops"];

function buildEmpty(): string {
  const file = join(ROOT, "build/bench-empty.bpf.o");
  const compiler = execFileSync("sh", [join(ROOT, "tools/build-bpf.sh"), "compiler"], { encoding: "utf8" }).trim();
  const machine = execFileSync("uname", ["-m"], { encoding: "utf8" }).trim();
  mkdirSync(join(ROOT, "build"), { recursive: true });
  const flags = ["-O2", "-g", "-mcpu=v3", "-target", "bpf", `-I/usr/include/${machine}-linux-gnu`, "-Wall", "-Wextra", "-Werror"];
  execFileSync(compiler, [...flags, "-c", join(import.meta.dirname, "empty.bpf.c"), "-o", file]);
  return file;
}

/** Runs `use` with the folder of such a cgroup, beside the world's (what lies below that is judged). */
export async function withEmptyPrograms<T>(name: string, use: (cgroup: string) => Promise<T>): Promise<T> {
  const object = new BpfObject(buildEmpty());
  const cgroup = makeCgroup(`holdfast-test-${name}-empty`);
  const fd = openSync(cgroup, "r");
  const links: number[] = [];
  try {
    object.load();
    for (const hook of HOOKS) links.push(attachCgroup(object.programFd(hook), fd, object.attachType(hook), hook));
    return await use(cgroup);
  } finally {
    for (const link of links) close(link);
    closeSync(fd);
    object.close();
    removeCgroup(cgroup);
  }
}

// SPDX-License-Identifier: Apache-2.0
/** Which container a process runs in, by its cgroup path and the engines' own files. */
import { readFile } from "node:fs/promises";
import { ownedName, splitCgroup, unescapeUnit } from "./unit.ts";

export type ContainerRef = {
  readonly engine: "docker" | "podman" | "kubernetes" | "lxc" | "nspawn";
  /** The whole id (64 hex digits) or, where the engine names containers in the path, the name. */
  readonly id: string;
  /** "" or the user manager it runs under; then the name is that user's word. */
  readonly owner: string;
};

const ID = "[0-9a-f]{64}";
/** Paths as the engines make them with the systemd and the cgroupfs driver. `libpod-conmon-…` is the monitor, outside its container. */
const PATTERNS: readonly (readonly [ContainerRef["engine"], RegExp])[] = [
  ["docker", new RegExp(`^docker-(${ID})\\.scope$`)],
  ["podman", new RegExp(`^libpod-(${ID})(?:\\.scope)?$`)],
  ["kubernetes", new RegExp(`^(?:cri-containerd|crio|cri-o)-(${ID})(?:\\.scope)?$`)],
  ["lxc", /^lxc\.payload\.(.+)$/],
  ["nspawn", /^systemd-nspawn@(.+)\.service$/],
  ["nspawn", /^machine-(?!qemu\\x2d)(.+)\.scope$/],
];
const BARE_ID = new RegExp(`^${ID}$`);

/** The outermost container of a cgroup path (an inner one is only the outer one's word), or null. */
export function containerOf(cgroup: string | null): ContainerRef | null {
  if (cgroup === null) return null;
  const { owner, parts } = splitCgroup(cgroup);
  for (const [i, part] of parts.entries()) {
    for (const [engine, pattern] of PATTERNS) {
      const id = pattern.exec(part)?.[1];
      if (id !== undefined) return { engine, id: engine === "nspawn" ? unescapeUnit(id) : id, owner };
    }
    const parent = parts[i - 1] ?? "";
    if (BARE_ID.test(part)) {
      if (parent === "docker") return { engine: "docker", id: part, owner };
      if (parent.startsWith("pod") || parent.startsWith("kubepods")) return { engine: "kubernetes", id: part, owner };
    }
    if (parent === "lxc") return { engine: "lxc", id: part, owner };
  }
  return null;
}

async function json(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return null;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : null;
}

function textField(value: unknown, name: string): string | null {
  const found = field(value, name);
  return typeof found === "string" && found !== "" ? found : null;
}

async function engineName(ref: ContainerRef, root: string): Promise<string | null> {
  if (ref.engine === "docker") {
    const name = textField(await json(`${root}/var/lib/docker/containers/${ref.id}/config.v2.json`), "Name");
    return name?.replace(/^\//, "") ?? null;
  }
  if (ref.engine === "podman") {
    const list = await json(`${root}/var/lib/containers/storage/overlay-containers/containers.json`);
    const entry = Array.isArray(list) ? list.find((each: unknown) => textField(each, "id") === ref.id) : null;
    const names = field(entry, "names");
    return Array.isArray(names) && typeof names[0] === "string" ? names[0] : null;
  }
  if (ref.engine === "kubernetes") {
    const config = await json(`${root}/run/containerd/io.containerd.runtime.v2.task/k8s.io/${ref.id}/config.json`);
    const annotations = field(config, "annotations");
    const pod = textField(annotations, "io.kubernetes.cri.sandbox-name");
    const name = textField(annotations, "io.kubernetes.cri.container-name");
    return name === null ? pod : pod === null ? name : `${pod}/${name}`;
  }
  return null;
}

/**
 * What to call a container: its name where root's engine files tell it, else the first 12 digits of its id. Containers of a user's own
 * manager are "user@1000.service/ID": their engine's files are the user's to write.
 */
export async function containerName(ref: ContainerRef, root = ""): Promise<string> {
  const short = BARE_ID.test(ref.id) ? ref.id.slice(0, 12) : ref.id;
  if (ref.owner !== "") return ownedName(ref.owner, short);
  return (await engineName(ref, root)) ?? short;
}

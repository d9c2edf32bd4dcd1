// SPDX-License-Identifier: Apache-2.0
/**
 * The filters that judge the frames of packet sockets: one on the way out of each device of a network namespace, by traffic control's
 * clsact (Linux 4.5). They stay when nobody holds them, and hold the programs and maps for as long. Layouts: include/uapi/linux/
 * rtnetlink.h, pkt_sched.h, pkt_cls.h, if_link.h.
 */
import { readFileSync } from "node:fs";
import { SystemCallError } from "./libc.ts";
import { attribute, type Message, NETLINK_ROUTE, Netlink, number32, parseAttributes } from "./netlink.ts";

const RTM_GETLINK = 18;
const RTM_NEWQDISC = 36;
const RTM_DELQDISC = 37;
const RTM_NEWTFILTER = 44;
const RTM_DELTFILTER = 45;
const RTM_GETTFILTER = 46;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;

const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
const IFLA_IFNAME = 3;

const TC_H_CLSACT = 0xfffffff1;
const CLSACT_HANDLE = 0xffff0000;
const INGRESS = 0xfffffff2;
const EGRESS = 0xfffffff3;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_BPF_FD = 6;
const TCA_BPF_NAME = 7;
const TCA_BPF_FLAGS = 8;
const TCA_BPF_ID = 11;
const TCA_BPF_FLAG_ACT_DIRECT = 1;

/** The first to be asked: a filter of another tool that lets a frame go ends the chain. Filters of one priority differ by handle. */
const PRIORITY = 1;
const ETH_P_ALL_BE = 0x0300;

/** A program of the object, open, and the kernel's number for it. */
export type FrameProgram = { readonly fd: number; readonly id: number; readonly name: string };

/** What is put on devices: by the kind of device, and by the scope's own handle, so that several scopes' filters stand side by side. */
export type FrameFilters = { readonly handle: number; readonly ethernet: FrameProgram; readonly other: FrameProgram };

export type Device = { readonly index: number; readonly name: string; readonly ethernet: boolean };

/** What `putFilters` did: devices that had no filter of this handle and now have, and how many have one. */
export type PutFilters = { readonly added: readonly Device[]; readonly devices: readonly Device[] };

/** The handle of a scope's filters (32 bits, never 0), from its cgroup's id. */
export function filterHandle(scopeId: bigint): number {
  return Number((scopeId ^ (scopeId >> 32n)) & 0xffffffffn) || 1;
}

/** The program open as `fd`, with the number the kernel shows in filters (proc(5), fdinfo). */
export function frameProgram(fd: number, name: string): FrameProgram {
  const id = /^prog_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1];
  if (id === undefined) throw new Error(`Cannot use file descriptor ${fd} as filter "${name}": it is no loaded program`);
  return { fd, id: Number(id), name };
}

/** Every device of the namespace but the loopback. */
function devicesOf(netlink: Netlink): Device[] {
  return netlink.dump(RTM_GETLINK, new Uint8Array(16)).flatMap(({ payload }) => {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const type = view.getUint16(2, true);
    if (type === ARPHRD_LOOPBACK) return [];
    const name = parseAttributes(payload.subarray(16)).get(IFLA_IFNAME);
    return { index: view.getInt32(4, true), name: textOf(name), ethernet: type === ARPHRD_ETHER };
  });
}

/** A string attribute without the zero at its end. */
function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? [])
    .toString("utf8")
    .replace(/\0.*$/s, "");
}

function text(value: string): Uint8Array {
  return Buffer.from(`${value}\0`);
}

/** A `struct tcmsg` with attributes behind it. */
function message(ifindex: number, handle: number, parent: number, info: number, attributes: readonly Uint8Array[]): Uint8Array {
  const head = new Uint8Array(20);
  const view = new DataView(head.buffer);
  view.setInt32(4, ifindex, true);
  view.setUint32(8, handle, true);
  view.setUint32(12, parent, true);
  view.setUint32(16, info, true);
  return Buffer.concat([head, ...attributes]);
}

const INFO = (PRIORITY << 16) | ETH_P_ALL_BE;

type Filter = { readonly handle: number; readonly programId: number | null };

function filterOf({ payload }: Message): Filter {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const options = parseAttributes(payload.subarray(20)).get(TCA_OPTIONS);
  return { handle: view.getUint32(8, true), programId: options ? number32(parseAttributes(options).get(TCA_BPF_ID)) : null };
}

/** All filters at one end of a device; none without a clsact. Each priority also lists itself, with handle 0: left out. */
function filtersOf(netlink: Netlink, device: Device, parent: number): Filter[] {
  return netlink
    .dump(RTM_GETTFILTER, message(device.index, 0, parent, 0, []))
    .map(filterOf)
    .filter(({ handle }) => handle !== 0);
}

/** Runs a request that may fail with one of these errors: then it was not needed. */
function unless(codes: readonly string[], work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && codes.includes(error.code)) return false;
    throw error;
  }
}

function putFilter(netlink: Netlink, device: Device, handle: number, program: FrameProgram): void {
  const clsact = message(device.index, CLSACT_HANDLE, TC_H_CLSACT, 0, [attribute(TCA_KIND, text("clsact"))]);
  unless(["EEXIST"], () => netlink.request(RTM_NEWQDISC, clsact, NLM_F_CREATE | NLM_F_EXCL));
  const options = Buffer.concat([
    attribute(TCA_BPF_FD, program.fd),
    attribute(TCA_BPF_NAME, text(program.name)),
    attribute(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT),
  ]);
  const attributes = [attribute(TCA_KIND, text("bpf")), attribute(TCA_OPTIONS, options)];
  netlink.request(RTM_NEWTFILTER, message(device.index, handle, EGRESS, INFO, attributes), NLM_F_CREATE);
}

/**
 * Sees to it that every device of a network namespace (an open file descriptor) has its filter, and that it runs the program given here.
 * A device that goes away meanwhile is left out. Throws `SystemCallError` when a filter cannot be had: frames could pass then.
 */
export function putFilters(namespace: number, filters: FrameFilters): PutFilters {
  const netlink = new Netlink(NETLINK_ROUTE, namespace);
  try {
    const added: Device[] = [];
    const devices = devicesOf(netlink).filter((device) =>
      unless(["ENODEV"], () => {
        const wanted = device.ethernet ? filters.ethernet : filters.other;
        const there = filtersOf(netlink, device, EGRESS).find(({ handle }) => handle === filters.handle);
        if (there?.programId === wanted.id) return;
        putFilter(netlink, device, filters.handle, wanted);
        if (there === undefined) added.push(device);
      }),
    );
    return { added, devices };
  } finally {
    netlink.close();
  }
}

/** Takes a scope's filters off every device of a namespace, and a clsact nobody uses any more; returns how many filters there were. */
export function removeFilters(namespace: number, handle: number): number {
  const netlink = new Netlink(NETLINK_ROUTE, namespace);
  try {
    let removed = 0;
    for (const device of devicesOf(netlink)) {
      if (!filtersOf(netlink, device, EGRESS).some((filter) => filter.handle === handle)) continue;
      const kind = attribute(TCA_KIND, text("bpf"));
      unless(["ENODEV", "ENOENT", "EINVAL"], () => {
        netlink.request(RTM_DELTFILTER, message(device.index, handle, EGRESS, INFO, [kind]));
        removed += 1;
        if (filtersOf(netlink, device, EGRESS).length + filtersOf(netlink, device, INGRESS).length > 0) return;
        netlink.request(RTM_DELQDISC, message(device.index, CLSACT_HANDLE, TC_H_CLSACT, 0, []));
      });
    }
    return removed;
  } finally {
    netlink.close();
  }
}

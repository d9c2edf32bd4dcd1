// SPDX-License-Identifier: Apache-2.0
/** Which way the kernel's routing would send something, rules by mark, user and source included. */
import { AF_INET, AF_INET6 } from "./libc.ts";
import { attribute, type Netlink, number32, parseAttributes } from "./netlink.ts";

const RTM_GETLINK = 18;
const RTM_GETROUTE = 26;
const IFLA_MTU = 4;
const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_METRICS = 8;
const RTA_MARK = 16;
const RTA_UID = 25;
const RTAX_MTU = 2;
const RTN_LOCAL = 2;

/** Addresses: 4 or 16 bytes. `source` null = not bound to one. `ifindex` 0 = not bound to a device. `trafficClass`: TOS or traffic class. */
export type RouteQuestion = {
  readonly destination: Uint8Array;
  readonly source: Uint8Array | null;
  readonly mark: number;
  readonly uid: number;
  readonly ifindex: number;
  readonly trafficClass: number;
};

/** `local`: to the namespace itself. `mtu`: what the route says (a metric, or a learnt path MTU), bytes; null = the device's. */
export type Route = { readonly ifindex: number; readonly local: boolean; readonly mtu: number | null };

/** The route for this question; null when the answer names no device. Throws `SystemCallError` when there is no route. */
export function findRoute(netlink: Netlink, question: RouteQuestion): Route | null {
  const bits = question.destination.length * 8;
  // Asked about IPv6 with a source, the kernel takes the device as a mere wish (ip6_route_output_flags), which a bound socket's is not.
  const source = bits === 128 && question.ifindex !== 0 ? null : question.source;
  const header = Uint8Array.of(
    bits === 32 ? AF_INET : AF_INET6,
    bits,
    source === null ? 0 : bits,
    question.trafficClass,
    ...new Uint8Array(8),
  );
  const parts = [header, attribute(RTA_DST, question.destination), attribute(RTA_MARK, question.mark), attribute(RTA_UID, question.uid)];
  if (source !== null) parts.push(attribute(RTA_SRC, source));
  if (question.ifindex !== 0) parts.push(attribute(RTA_OIF, question.ifindex));
  const answer = netlink.request(RTM_GETROUTE, Buffer.concat(parts))[0];
  if (answer === undefined) return null;
  const attributes = parseAttributes(answer.payload.subarray(12));
  const ifindex = number32(attributes.get(RTA_OIF));
  if (ifindex === null) return null;
  const metrics = attributes.get(RTA_METRICS);
  return {
    ifindex,
    local: answer.payload[7] === RTN_LOCAL,
    mtu: metrics === undefined ? null : number32(parseAttributes(metrics).get(RTAX_MTU)) || null,
  };
}

/** The largest packet a device takes, bytes; null when it is gone. */
export function deviceMtu(netlink: Netlink, ifindex: number): number | null {
  const header = new Uint8Array(16);
  new DataView(header.buffer).setInt32(4, ifindex, true);
  const answer = netlink.request(RTM_GETLINK, header)[0];
  return answer === undefined ? null : number32(parseAttributes(answer.payload.subarray(16)).get(IFLA_MTU));
}

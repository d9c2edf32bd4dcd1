// SPDX-License-Identifier: Apache-2.0
/** What comes up the rings: one record of a known kind, checked against the version this code was written for. */
import { ContractError, type Decoded, decode } from "./codec.ts";
import {
  AnswerEvent,
  EventHeader,
  EventKind,
  FlowEndEvent,
  FlowEvent,
  HeldEvent,
  ImageEvent,
  LAYOUT_VERSION,
  ListenEvent,
  NetnsEvent,
} from "./layout.gen.ts";

export type RingRecord =
  | { readonly kind: "image"; readonly event: Decoded<typeof ImageEvent> }
  | { readonly kind: "flow"; readonly event: Decoded<typeof FlowEvent> }
  | { readonly kind: "flow-end"; readonly event: Decoded<typeof FlowEndEvent> }
  | { readonly kind: "listen"; readonly event: Decoded<typeof ListenEvent> }
  | { readonly kind: "netns"; readonly event: Decoded<typeof NetnsEvent> }
  | { readonly kind: "answer"; readonly event: Decoded<typeof AnswerEvent>; readonly packet: Uint8Array }
  | { readonly kind: "held"; readonly event: Decoded<typeof HeldEvent>; readonly packet: Uint8Array };

/**
 * Reads one ring record; nothing of the result points into `bytes`. Bytes after the record are not looked at; the room of a packet may be
 * longer than the packet.
 * Throws ContractError when its version is not LAYOUT_VERSION, its kind is unknown, or a length is not what the contract says.
 */
export function decodeRecord(bytes: Uint8Array): RingRecord {
  const header = decode(EventHeader, bytes);
  if (header.version !== LAYOUT_VERSION)
    throw new ContractError(`Cannot read a record of layout version ${header.version}: expected ${LAYOUT_VERSION}`);
  if (header.size > bytes.length) throw new ContractError(`Cannot read a record of ${header.size} bytes: only ${bytes.length} are there`);

  const fixed = <L extends Parameters<typeof decode>[0]>(layout: L): Decoded<L> => {
    if (header.size !== layout.size) throw new ContractError(`Cannot read ${layout.name} of ${header.size} bytes: expected ${layout.size}`);
    return decode(layout, bytes);
  };
  if (header.kind === EventKind.IMAGE) return { kind: "image", event: fixed(ImageEvent) };
  if (header.kind === EventKind.FLOW) return { kind: "flow", event: fixed(FlowEvent) };
  if (header.kind === EventKind.FLOW_END) return { kind: "flow-end", event: fixed(FlowEndEvent) };
  if (header.kind === EventKind.LISTEN) return { kind: "listen", event: fixed(ListenEvent) };
  if (header.kind === EventKind.NETNS) return { kind: "netns", event: fixed(NetnsEvent) };
  /** A packet follows the record; its room may be longer than it is. */
  const withPacket = <L extends typeof HeldEvent | typeof AnswerEvent>(layout: L): { event: Decoded<L>; packet: Uint8Array } => {
    const event = decode(layout, bytes.subarray(0, header.size)) as Decoded<L> & { readonly length: number };
    const end = layout.size + event.length;
    if (end > header.size) throw new ContractError(`Cannot read a packet of ${event.length} bytes from a record of ${header.size}`);
    return { event, packet: bytes.slice(layout.size, end) };
  };
  if (header.kind === EventKind.ANSWER) return { kind: "answer", ...withPacket(AnswerEvent) };
  if (header.kind === EventKind.HELD) return { kind: "held", ...withPacket(HeldEvent) };
  throw new ContractError(`Cannot read a record of kind ${header.kind}: this version does not know it`);
}

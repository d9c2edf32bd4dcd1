// SPDX-License-Identifier: Apache-2.0
/** Rows that are the same for every connection: which rules are in each. */
import type { Part } from "./parts.ts";

const denies = ({ placed }: Part): boolean => placed.rule.action !== "allow";
const outgoing = ({ direction }: Part): boolean => direction !== "in";
/** A rule that goes both ways and names such a kind has a part for incoming alone. */
const sentTo =
  (kind: "multicast" | "broadcast") =>
  ({ direction, placed }: Part): boolean =>
    direction === "in" && placed.rule.where.some((entry) => entry.kind === kind);

/** By the field of struct half they are for. The parts know their lines already. */
export const FIXED_ROWS = {
  rowOtherUser: ({ placed }: Part): boolean => placed.rule.who.user === null,
  rowNotAllow: denies,
  rowSentMulticast: sentTo("multicast"),
  rowSentBroadcast: sentTo("broadcast"),
  rowAnything: (part: Part): boolean => outgoing(part) && part.placed.rule.ports.length === 0 && part.found.lines?.everywhere === true,
  rowNotAllowOut: (part: Part): boolean => outgoing(part) && denies(part),
} as const;

export type FixedRow = keyof typeof FIXED_ROWS;
export const FIXED_NAMES = Object.keys(FIXED_ROWS) as FixedRow[];

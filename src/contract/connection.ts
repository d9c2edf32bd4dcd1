// SPDX-License-Identifier: Apache-2.0
/** One connection as rules see it, and what was decided about it. */
import type { App } from "./app.ts";

/** The facts of a connection that decide which rules match. Addresses are canonical text, v4-mapped IPv6 already written as IPv4. */
export type Connection = {
  /** Null = not yet identified. */
  readonly app: App | null;
  /** Real uid at the connection. */
  readonly uid: number;
  readonly direction: "out" | "in";
  /** IP protocol number. */
  readonly protocol: number;
  /** The peer's address. */
  readonly address: string;
  /** Outgoing: the peer's port; incoming: ours. 0 for protocols without ports. */
  readonly port: number;
  /** The address is one of the namespace's own: the packet stays on the machine. */
  readonly own: boolean;
  /** Incoming only: sent to a multicast group or to a broadcast address. */
  readonly sentTo: "unicast" | "multicast" | "broadcast";
};

export type Mode = "allow" | "deny" | "ask";
export type Verdict = "allow" | "deny" | "ask" | "identify";

/** `by` "mode" = no rule matched; "unidentified" = some rule or the mode could deny or ask, and the app is not known yet. */
export type Decision =
  | { readonly by: "rule"; readonly verdict: "allow" | "deny" | "ask"; readonly rule: number }
  | { readonly by: "mode"; readonly verdict: Mode; readonly rule: null }
  | { readonly by: "unidentified"; readonly verdict: "identify"; readonly rule: null };

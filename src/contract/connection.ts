// SPDX-License-Identifier: Apache-2.0
/** One connection as rules see it, and what was decided about it. */
import type { App } from "./app.ts";

/**
 * One question whose answer led to the peer's address: the name asked first, then the CNAMEs of its answer. Names as `hostName` writes
 * them. A rule matches a candidate when it matches any of its names.
 */
export type Candidate = {
  readonly names: readonly string[];
  /** The connection's own process asked. */
  readonly own: boolean;
  /**
   * Another than the program itself says that these names have this address: a configured resolver, /etc/hosts, systemd-resolved.
   * Without that the names count for *deny* and *ask* only.
   */
  readonly trusted: boolean;
};

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
  /** What the peer's address is known as, the newest question first; none when nobody asked. */
  readonly candidates: readonly Candidate[];
};

export type Mode = "allow" | "deny" | "ask";
export type Verdict = "allow" | "deny" | "ask" | "identify";

/** `by` "mode" = no rule matched; "unidentified" = some rule or the mode could deny or ask, and the app is not known yet. */
export type Decision =
  | { readonly by: "rule"; readonly verdict: "allow" | "deny" | "ask"; readonly rule: number }
  | { readonly by: "mode"; readonly verdict: Mode; readonly rule: null }
  | { readonly by: "unidentified"; readonly verdict: "identify"; readonly rule: null };

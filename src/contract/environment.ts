// SPDX-License-Identifier: Apache-2.0
/** What the words of the rule language stand for on this machine. The daemon reads it; compile and evaluate take it as an argument. */
export type Prefix = { readonly address: string; readonly prefix: number };

export type Environment = {
  /** Every prefix attached to an interface of the host's network namespace (part of local-net). */
  readonly attached: readonly Prefix[];
  /** Directed broadcast addresses of attached IPv4 prefixes (part of broadcast). */
  readonly broadcasts: readonly string[];
  /** Configured DNS servers, as addresses. */
  readonly dnsServers: readonly string[];
  /** User name -> uid. A user that is not here matches nobody. */
  readonly users: ReadonlyMap<string, number>;
  /** Path or script of a rule -> where it leads with symbolic links resolved. A path that is not here leads to itself. */
  readonly realPaths: ReadonlyMap<string, string>;
};

// SPDX-License-Identifier: Apache-2.0
/** What the words of the rule language stand for on this machine. The daemon reads it; compile and evaluate take it as an argument. */
export type Prefix = { readonly address: string; readonly prefix: number };

/** What one list says of a name or an address: the entry it is on, as the list writes it, or null. */
export type ListMatcher = {
  /** `name` as `hostName` writes it. An entry may be the name itself or a domain above it. */
  readonly has: (name: string) => string | null;
  /** `address` in canonical text. */
  readonly hasAddress: (address: string) => string | null;
};

/** Whose network an address is in, and where; null = not known. `country` is ISO 3166, upper case. */
export type Location = { readonly asn: number | null; readonly country: string | null };

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
  /** The lists there are, by name. A list that is not here has nothing on it. */
  readonly lists: ReadonlyMap<string, ListMatcher>;
  /** Where an address (canonical text) is, by the offline database. */
  readonly locate: (address: string) => Location;
};

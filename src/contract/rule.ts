// SPDX-License-Identifier: Apache-2.0
/**
 * What a rule is. One text form (rules/parse.ts, rules/print.ts) and this JSON form, one-to-one.
 * Strings that come from bytes (paths) hold bytes that are not UTF-8 as lone surrogates U+DC80..U+DCFF (contract/bytes.ts).
 */
import { z } from "zod";

export const Action = z.enum(["allow", "deny", "ask"]);
export type Action = z.infer<typeof Action>;

export const WhoKind = z.enum(["any", "path", "glob", "pkg", "unit", "container", "flatpak", "snap", "appimage", "script", "kernel"]);
export type WhoKind = z.infer<typeof WhoKind>;

/** One program condition. `value` is the path, glob, name or id; "" for `any` and `kernel`. */
export const Program = z.strictObject({ kind: WhoKind, value: z.string() });
export type Program = z.infer<typeof Program>;

/** Who a rule is about. `via` is the helper: `A via B` matches only connections B makes for A. `user` is a name or a decimal uid. */
export const Who = z.strictObject({ user: z.string().nullable(), program: Program, via: Program.nullable() });
export type Who = z.infer<typeof Who>;

export const Direction = z.enum(["out", "in", "both"]);
export type Direction = z.infer<typeof Direction>;

/**
 * One entry of a rule's where. Addresses are canonical text (RFC 5952 for IPv6; v4-mapped IPv6 is written as IPv4).
 * `cidr` has its host bits clear. `0.0.0.0/0` and `::/0` count as any when rules are ordered, but keep their family.
 */
export const Where = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("address"), address: z.string() }),
  z.strictObject({ kind: z.literal("cidr"), address: z.string(), prefix: z.int().min(0).max(128) }),
  z.strictObject({ kind: z.literal("range"), first: z.string(), last: z.string() }),
  z.strictObject({ kind: z.literal("host"), name: z.string() }),
  z.strictObject({ kind: z.literal("domain"), name: z.string() }),
  z.strictObject({ kind: z.literal("subdomains"), name: z.string() }),
  z.strictObject({ kind: z.literal("list"), name: z.string() }),
  z.strictObject({ kind: z.literal("dns-servers") }),
  z.strictObject({ kind: z.literal("loopback") }),
  z.strictObject({ kind: z.literal("broadcast") }),
  z.strictObject({ kind: z.literal("multicast") }),
  z.strictObject({ kind: z.literal("local-net") }),
  z.strictObject({ kind: z.literal("asn"), number: z.int().min(0).max(4294967295) }),
  z.strictObject({ kind: z.literal("country"), code: z.string() }),
  z.strictObject({ kind: z.literal("internet") }),
  z.strictObject({ kind: z.literal("any") }),
]);
export type Where = z.infer<typeof Where>;

/**
 * One entry of a rule's ports. `protocol` is the IP protocol number, "icmp" (ICMP 1 and ICMPv6 58) or null (any protocol that has ports:
 * TCP 6, UDP 17, DCCP 33, SCTP 132, UDP-Lite 136). `ports` null = every port (only with a protocol).
 */
export const PortSpec = z.strictObject({
  protocol: z.union([z.int().min(0).max(255), z.literal("icmp")]).nullable(),
  ports: z.strictObject({ first: z.int().min(0).max(65535), last: z.int().min(0).max(65535) }).nullable(),
});
export type PortSpec = z.infer<typeof PortSpec>;

/** How long a rule lives as it is written. `restart` ends when the machine boots again, `quit` with the last process of the answering program. */
export const Lifetime = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ever") }),
  z.strictObject({ kind: z.literal("once") }),
  z.strictObject({ kind: z.literal("for"), seconds: z.int().min(1) }),
  z.strictObject({ kind: z.literal("quit") }),
  z.strictObject({ kind: z.literal("restart") }),
]);
export type Lifetime = z.infer<typeof Lifetime>;

export const Priority = z.enum(["low", "regular", "high", "highest"]);
export type Priority = z.infer<typeof Priority>;

/** A rule as written. An empty `ports` is every port and protocol. `where` has at least one entry. */
export const Rule = z.strictObject({
  action: Action,
  who: Who,
  direction: Direction,
  where: z.array(Where).min(1),
  ports: z.array(PortSpec),
  lifetime: Lifetime,
  priority: Priority,
  notify: z.boolean(),
  quiet: z.boolean(),
  disabled: z.boolean(),
  note: z.string().nullable(),
});
export type Rule = z.infer<typeof Rule>;

export const Author = z.enum(["own", "file", "remote", "fleet", "factory"]);
export type Author = z.infer<typeof Author>;

/** Something wrong in a rule text. `line` and `column` start at 1; `column` counts characters. `message` is a sentence that says what would be right. */
export type Problem = { readonly line: number; readonly column: number; readonly message: string };

/** A rule and what is known of it besides its text: what `order` and `compile` need. */
export type PlacedRule = {
  /** Never reused; 0 is never a rule. */
  readonly id: number;
  readonly rule: Rule;
  readonly author: Author;
  /** Group name for rules from files and factory rules; null for your own. */
  readonly group: string | null;
  /** Line in the group's file; 0 otherwise. */
  readonly line: number;
  /** Order of creation: larger is newer. */
  readonly created: number;
  /** Fleet rules that nothing may overrule (step 0). */
  readonly mandatory: boolean;
  /** False when disabled in its text, by the user, with its group, or because its lifetime ended. */
  readonly enabled: boolean;
  /** Protected rules cannot be edited or removed. */
  readonly protected: boolean;
};

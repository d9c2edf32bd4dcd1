// SPDX-License-Identifier: Apache-2.0
/**
 * The systemd unit a cgroup path belongs to. A unit may hand its subtree to somebody else (Delegate=: a user's own manager, a container
 * engine), who can then name folders as he likes; so the first unit from the root counts, and what follows is only named below its owner.
 */
const UNIT = /^(.+)\.(service|scope|socket|mount|swap)$/;
const USER_MANAGER = /^user@\d+\.service$/;

/** A cgroup path cut at the user manager it runs under: `owner` "" is the system's own, else e.g. "user@1000.service". */
export function splitCgroup(cgroup: string): { readonly owner: string; readonly parts: readonly string[] } {
  const parts = cgroup.split("/").filter((part) => part !== "");
  const manager = parts.findIndex((part) => USER_MANAGER.test(part));
  const first = parts.findIndex((part) => UNIT.test(part));
  if (manager < 0 || first !== manager) return { owner: "", parts };
  return { owner: parts[manager] ?? "", parts: parts.slice(manager + 1) };
}

/** A name from a user's own manager, marked as such: it is the user's word, not the system's. */
export function ownedName(owner: string, name: string): string {
  return owner === "" ? name : `${owner}/${name}`;
}

/**
 * E.g. "nginx.service"; "user@1000.service/app-foo.scope" for a unit of a user's manager (never just "app-foo.scope": the user could as
 * well have called it "nginx.service"); null when the path has no unit.
 */
export function unitOf(cgroup: string | null): string | null {
  if (cgroup === null) return null;
  const { owner, parts } = splitCgroup(cgroup);
  const name = parts.find((part) => UNIT.test(part));
  if (name !== undefined) return ownedName(owner, name);
  return owner === "" ? null : owner;
}

/** A name as systemd escapes it in unit names: `\x2d` is "-" (systemd-escape(1)). */
export function unescapeUnit(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

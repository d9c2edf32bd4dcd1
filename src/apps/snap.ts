// SPDX-License-Identifier: Apache-2.0
/** Which snap a process belongs to. By path it is sure (only root mounts there); by cgroup alone a claim of its user. */
const MOUNTED = /^(?:\/var\/lib\/snapd)?\/snap\/([a-z0-9][a-z0-9_-]*)\/[^/]+\//;
/** snap.NAME.APP.service, snap.NAME.APP-UUID.scope, snap.NAME.hook.HOOK-UUID.scope (snapd, sandbox/cgroup). */
const CGROUP = /^snap\.([a-z0-9][a-z0-9_-]*)\..+\.(?:service|scope)$/;
/** Snaps that only carry what others run on: the process belongs to the snap its cgroup names. */
const BASE = /^(?:core\d*|bare|snapd|gnome-\d.*|kf\d-.*)$/;

/** The snap's name, or null. `path` is the verified path; `confined` says that the process has a mount namespace of its own. */
export function snapOf(path: string | null, cgroup: string | null, confined: boolean): string | null {
  const mounted = path === null ? undefined : MOUNTED.exec(path)?.[1];
  if (mounted !== undefined && !BASE.test(mounted)) return mounted;
  if (!confined && mounted === undefined) return null;
  const part = cgroup?.split("/").findLast((each) => CGROUP.test(each));
  const named = part === undefined ? undefined : CGROUP.exec(part)?.[1];
  return named ?? mounted ?? null;
}

// SPDX-License-Identifier: Apache-2.0
/** The filters of `holdfast flows`, the same for what is stored and what is live. */
import type { FlowFilter } from "../contract/api.ts";
import type { App, Identity } from "../contract/app.ts";
import type { FlowRecord } from "../contract/flow.ts";

const fileName = (path: string | null): string | null => path?.slice(path.lastIndexOf("/") + 1) ?? null;

/** A path is the whole path; anything else is a name: of the program, its file, package, unit, container or bundle. */
function isCalled(identity: Identity, text: string): boolean {
  const paths = [identity.path, identity.script, identity.appimage];
  if (text.startsWith("/")) return paths.includes(text);
  const names = [identity.name, identity.package, identity.unit, identity.container, identity.flatpak, identity.snap];
  return [...names, ...paths.map(fileName)].includes(text);
}

/** Whether `text` names the program or the helper it uses (`--app`). */
export function appMatches(app: App, text: string): boolean {
  return isCalled(app, text) || (app.via !== null && isCalled(app.via, text));
}

/** Whether `to` (lower case) is the peer: its address, one of its names, or with a dot in front a domain one of them is in. */
function peerMatches({ address, names }: FlowRecord, to: string): boolean {
  if (address === to) return true;
  return names.some(({ name }) => name === to || (to.startsWith(".") && (name.endsWith(to) || name === to.slice(1))));
}

/**
 * A predicate from the filters; null filters nothing. `to`: see `peerMatches`.
 * `undecided`: held, or running since before its rule became "ask". `since`: something happened then or later.
 */
export function flowFilter(filter: FlowFilter): (flow: FlowRecord) => boolean {
  const sinceMs = filter.since === null ? null : Date.parse(filter.since);
  return (flow) =>
    (filter.app === null || (flow.app !== null && appMatches(flow.app, filter.app))) &&
    (filter.to === null || peerMatches(flow, filter.to.toLowerCase())) &&
    (filter.verdict === null || flow.verdict === filter.verdict) &&
    (!filter.undecided || flow.undecided || flow.state === "held") &&
    (sinceMs === null || flow.lastMs >= sinceMs);
}

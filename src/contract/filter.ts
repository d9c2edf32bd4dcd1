// SPDX-License-Identifier: Apache-2.0
/** Which flows `flows` shows: the same answer in the daemon's list and in what the CLI follows. */
import type { Flow, FlowFilter } from "./api.ts";
import { visible } from "./bytes.ts";

/** Whether `x`, as a person writes it, means the program: its path, name, last part of its path, script or package; itself or the app it acts for. */
function meansApp(app: NonNullable<Flow["app"]>, x: string): boolean {
  const own = [app.path, app.name, app.script, app.package, app.via?.path ?? null, app.via?.name ?? null];
  const base = app.path?.slice(app.path.lastIndexOf("/") + 1) ?? null;
  return [...own, base].some((text) => text !== null && (text === x || visible(text) === x));
}

/** Whether `x` means the peer: its address, one of its names, or `.domain` (it and everything below). */
function meansPeer(flow: Flow, x: string): boolean {
  if (flow.address === x) return true;
  const wanted = x.toLowerCase();
  const names = flow.names.map((entry) => entry.name);
  if (flow.name !== null) names.push(flow.name);
  return names.some((name) => name === wanted || (wanted.startsWith(".") && `.${name}`.endsWith(wanted)));
}

/** Whether a flow passes the filter. `undecided`: nobody has decided it, or it goes on as it was after its rule became ask. */
export function flowMatches(flow: Flow, undecided: boolean, filter: FlowFilter): boolean {
  if (filter.app !== null && (flow.app === null || !meansApp(flow.app, filter.app))) return false;
  if (filter.to !== null && !meansPeer(flow, filter.to)) return false;
  if (filter.verdict !== null && flow.verdict !== filter.verdict) return false;
  if (filter.undecided && !undecided) return false;
  return filter.since === null || flow.last >= filter.since;
}

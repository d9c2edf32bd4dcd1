// SPDX-License-Identifier: Apache-2.0
/** `explain`: what would decide a connection, which rule came next, and the step where they differ. */
import type { RequestOf } from "../contract/api.ts";
import type { App, Identity } from "../contract/app.ts";
import type { Candidate, Connection } from "../contract/connection.ts";
import { Failure } from "../contract/failure.ts";
import { hostName } from "../contract/name.ts";
import { type Address, parseAddress, printAddress } from "../rules/address.ts";
import { explain as explainRules } from "../rules/explain.ts";
import { ICMP, ICMPV6, protocolNumber } from "../rules/protocols.ts";
import type { BackendReply } from "./backend.ts";
import type { Engine } from "./engine.ts";
import { realPath } from "./facts.ts";
import { settingOf } from "./settings.ts";

function protocolOf(text: string, ipv6: boolean): number {
  if (text === "icmp" || text === "icmpv6") return ipv6 ? ICMPV6 : ICMP;
  const number = /^\d+$/.test(text) ? Number(text) : protocolNumber(text);
  if (number === null || number > 255)
    throw new Failure("bad-input", `Cannot find protocol "${text}": expected tcp, udp, icmp or a number up to 255`);
  return number;
}

/** A program as it is known from its connections; else what its path alone says. Links lead where the kernel would find the file. */
function identityOf(engine: Engine, given: string, script: string | null): Identity {
  const path = realPath(given);
  for (const [, app] of engine.registry.all()) {
    for (const identity of [app, app.via]) if (identity?.path === path && identity.script === script) return identity;
  }
  return {
    path,
    claimedPath: path,
    name: path.slice(path.lastIndexOf("/") + 1),
    script,
    args: [],
    package: null,
    packageIntact: null,
    unit: null,
    container: null,
    flatpak: null,
    snap: null,
    appimage: null,
    kernel: false,
    changedSince: null,
  };
}

function uidOf(engine: Engine, user: string): number {
  const uid = /^\d+$/.test(user) ? Number(user) : engine.environment.users.get(user);
  if (uid === undefined) throw new Failure("bad-input", `Cannot find user "${user}": expected a user name of this machine or a number`);
  return uid;
}

/** Where a connection to a name goes whose addresses nobody has been told: to some address of the internet (RFC 5737). */
const SOMEWHERE: Address = { family: 4, value: 0xc0000200n };

/** An address with what it is known as; or a name, and the address that was last given for it. */
function peerOf(engine: Engine, to: string): { readonly address: Address; readonly candidates: readonly Candidate[] } {
  const address = parseAddress(to);
  if (address !== null) return { address, candidates: engine.names.candidates(printAddress(address), null, Date.now()) };
  const name = hostName(to);
  if (name === null)
    throw new Failure(
      "bad-input",
      `Cannot explain a connection to "${to}": expected an address or a host name, like 192.0.2.1 or example.org`,
    );
  const known = engine.names.addressesOf(name).map(parseAddress);
  return { address: known.find((each) => each !== null) ?? SOMEWHERE, candidates: [{ names: [name], own: true, trusted: true }] };
}

export function explain(engine: Engine, request: RequestOf<"explain">): BackendReply<"explain"> {
  const { address, candidates } = peerOf(engine, request.to);
  const own = identityOf(engine, request.via ?? request.app, request.script);
  const via = request.via === null ? null : identityOf(engine, request.app, null);
  const app: App = { ...own, via };
  const connection: Connection & { readonly app: App } = {
    app,
    uid: request.user === null ? 0 : uidOf(engine, request.user),
    direction: request.direction,
    protocol: protocolOf(request.protocol, address.family === 6),
    address: printAddress(address),
    port: request.port,
    own: false,
    sentTo: "unicast",
    candidates,
  };
  const mode = settingOf(engine.store(), "mode") as "allow" | "deny" | "ask";
  const { ambiguous: _, ...explanation } = explainRules(engine.rulebook.book.ordered, connection, mode, engine.environment);
  return { ...explanation, candidates: [...explanation.candidates] };
}

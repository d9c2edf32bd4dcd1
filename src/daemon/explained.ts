// SPDX-License-Identifier: Apache-2.0
/** `explain`: what would decide a connection, which rule came next, and the step where they differ. */
import type { RequestOf } from "../contract/api.ts";
import type { App, Identity } from "../contract/app.ts";
import type { Connection } from "../contract/connection.ts";
import { Failure } from "../contract/failure.ts";
import { parseAddress, printAddress } from "../rules/address.ts";
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

export function explain(engine: Engine, request: RequestOf<"explain">): BackendReply<"explain"> {
  const address = parseAddress(request.to);
  if (address === null)
    throw new Failure(
      "bad-input",
      `Cannot explain a connection to "${request.to}": expected an IP address; host names come with the next version`,
    );
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
    candidates: [],
  };
  const mode = settingOf(engine.store(), "mode") as "allow" | "deny" | "ask";
  const { ambiguous: _, ...explanation } = explainRules(engine.rulebook.book.ordered, connection, mode, engine.environment);
  return { ...explanation, candidates: [...explanation.candidates] };
}

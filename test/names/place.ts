// SPDX-License-Identifier: Apache-2.0
/** A world with names: servers that tell them, and a program that asks and connects. */
import { join } from "node:path";
import type { Holdfast } from "../survive/holdfast.ts";
import type { Running, Side } from "../world.ts";

/** Name -> its CNAME, or its addresses. */
export type Zone = Readonly<Record<string, string | readonly string[]>>;

const SERVER = join(import.meta.dirname, "server.ts");
/** Where the client connects to. */
export const PORT = 443;

/** Asks `server` for `name` and connects to the first address: prints "connected" or the errno. */
const CLIENT = `
  const { Resolver } = require("node:dns").promises;
  const resolver = new Resolver();
  const [server, name, port] = process.argv.slice(1);
  resolver.setServers([server]);
  resolver.resolve4(name).then(([address]) => {
    const socket = require("node:net").connect(Number(port), address);
    socket.on("connect", () => { console.log("connected"); socket.destroy(); });
    socket.on("error", (error) => console.log(error.code));
  });`;

/** One more address of the peer: names of one are not names of another. */
export async function another({ world }: Holdfast, last: number): Promise<string> {
  const address = world.peer.address4.replace(/\d+$/, `${last}`);
  await world.run(["ip", "address", "add", `${address}/24`, "dev", "veth-b"], { cgroup: false, netns: "b" });
  return address;
}

/** A name server in the peer's namespace, at the peer's address or another of its addresses; or in another one. */
export async function nameServer({ world }: Holdfast, zone: Zone, address = world.peer.address4, netns: Side = "b"): Promise<void> {
  const argv = [process.execPath, SERVER, address, "53", JSON.stringify(zone)];
  await world.start(argv, { cgroup: false, netns, timeoutMs: null }).line((line) => line === "ready");
}

/** A program that asks `server`, by default the one at the peer's address, for `name`, and connects to what it is told. */
export function client(holdfast: Holdfast, name: string, server = holdfast.world.peer.address4): Running {
  const { world } = holdfast;
  return world.start(holdfast.inside([process.execPath, "-e", CLIENT, server, name, String(PORT)]));
}

// SPDX-License-Identifier: Apache-2.0
/** A name server for tests, over UDP: `node server.ts ADDRESS PORT ZONE`, the zone as JSON: name -> its CNAME, or its addresses. */
import { createSocket } from "node:dgram";
import { type Answer, decode, encode } from "dns-packet";

const [address = "", port = "", zoneText = ""] = process.argv.slice(2);
const zone = JSON.parse(zoneText) as Record<string, string | string[]>;
const socket = createSocket(address.includes(":") ? "udp6" : "udp4");

function answersTo(name: string, type: string): Answer[] {
  const data = zone[name.toLowerCase()];
  if (data === undefined) return [];
  if (typeof data === "string") return [{ type: "CNAME", name, data, ttl: 0 }, ...answersTo(data, type)];
  const family = (text: string): "A" | "AAAA" => (text.includes(":") ? "AAAA" : "A");
  return data.filter((text) => family(text) === type).map((text) => ({ type: family(text), name, data: text, ttl: 0 }));
}

socket.on("message", (bytes, from) => {
  const { id = 0, questions = [] } = decode(bytes);
  const answers = questions.flatMap(({ name, type }) => answersTo(name, type));
  socket.send(encode({ type: "response", id, questions, answers }), from.port, from.address);
});
socket.bind(Number(port), address, () => console.log("ready"));

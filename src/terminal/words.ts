// SPDX-License-Identifier: Apache-2.0
/** How apps, peers, amounts and times read in a terminal. */

import type { AppShape, Flow, Question, ReplyOf } from "../contract/api.ts";
import { count } from "../contract/count.ts";

/** "curl", "git via ssh", "python3 sync.py"; "not yet identified". */
export function appWords(app: AppShape | null): string {
  if (app === null) return "not yet identified";
  const script = app.script === null ? "" : ` ${app.script}`;
  const own = `${app.path ?? app.name}${script}`;
  return app.via === null ? own : `${app.via.path ?? app.via.name} via ${own}`;
}

/** "tcp/443", or "icmp" for a protocol without ports. Incoming: our port. */
export function portWords(peer: Pick<Flow, "direction" | "protocol" | "port" | "localPort">): string {
  const port = peer.direction === "out" ? peer.port : peer.localPort;
  return port === null ? peer.protocol : `${peer.protocol}/${port}`;
}

/** "example.org (192.0.2.1)", or the address alone. */
export function peerWords(peer: Pick<Flow, "address" | "name">): string {
  const address = peer.address ?? "several addresses";
  return peer.name === null ? address : `${peer.name} (${address})`;
}

/** "curl -> example.org (192.0.2.1) tcp/443". */
export function connectionWords(flow: Pick<Flow, "app" | "direction" | "protocol" | "port" | "localPort" | "address" | "name">): string {
  return `${appWords(flow.app)} ${flow.direction === "out" ? "->" : "<-"} ${peerWords(flow)} ${portWords(flow)}`;
}

/** "wants to connect to 192.0.2.1 tcp/443". */
export function wantWords(question: Question): string {
  const wants = question.direction === "out" ? "wants to connect to" : "is wanted by";
  return `${wants} ${peerWords(question)} ${portWords(question)}`;
}

/** What a question asks, as a sentence. */
export function questionWords(question: Question): string {
  return `${appWords(question.app)} ${wantWords(question)}`;
}

/** Who is behind a question, and since when it waits: "user alice, process 611, package curl, since 14:05:09, 2 packets held". */
export function detailWords(question: Question): string {
  const { app } = question;
  const parts = [
    app.user === null ? (app.uid === null ? null : `user ${app.uid}`) : `user ${app.user}`,
    app.pid === null ? null : `process ${app.pid}`,
    app.package === null ? null : `package ${app.package}${app.packageIntact === false ? " (changed)" : ""}`,
    app.unit,
    app.container === null ? null : `container ${app.container}`,
    `since ${clockWords(question.since)}`,
    question.flows > 1 ? count(question.flows, "flow") : null,
    question.packets > 0 ? `${count(question.packets, "packet")} held` : null,
  ];
  return parts.filter((part) => part !== null).join(", ");
}

/** Why a flow has its verdict: "deny by rule 6"; "held". */
export function verdictWords(flow: Flow): string {
  if (flow.by === null) return flow.verdict;
  return `${flow.verdict} by ${flow.rule === null ? flow.by : `${flow.by} ${flow.rule}`}`;
}

/** Bytes with a unit, 1024-based; "-" where not counted. */
export function bytesWords(bytes: number | null): string {
  if (bytes === null) return "-";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[unit]}`;
}

/** The time of day of an ISO time by the local clock: "14:05:09". */
export function clockWords(iso: string): string {
  return timeWords(iso).slice(-8);
}

/** An ISO time as the local clock shows it: "2026-03-01 14:05:09"; "-" for none. */
export function timeWords(iso: string | null): string {
  if (iso === null) return "-";
  const time = new Date(iso);
  const two = (number: number): string => String(number).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** What an answer did. */
export function answerWords(reply: ReplyOf<"answer">): string {
  const rule = reply.rule === null ? "for this once" : `rule ${reply.rule}`;
  return `${reply.text} (${rule}; ${count(reply.released, "held packet")} sent, ${count(reply.refused, "flow")} refused)`;
}

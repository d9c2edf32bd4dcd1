// SPDX-License-Identifier: Apache-2.0
/** What a `run` connected to: per program and place, what was allowed and what was denied. */

import type { AppShape, Flow, HealthItem } from "../contract/api.ts";
import { visible } from "../contract/bytes.ts";
import { count } from "../contract/count.ts";
import { bytesWords, connectionWords } from "../terminal/words.ts";

/** One program and one place under one verdict. `held`: nobody had answered when COMMAND ended, so nothing was sent. */
export type SummaryLine = Pick<Flow, "direction" | "protocol" | "address" | "port" | "name" | "verdict" | "by" | "rule"> & {
  readonly app: AppShape | null;
  readonly connections: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
};

export type Summary = {
  readonly schema: 1;
  readonly command: readonly string[];
  readonly exit: number;
  readonly connections: readonly SummaryLine[];
  readonly health: readonly HealthItem[];
};

const WORD = { allow: "allowed", deny: "denied", held: "unanswered" } as const;

/** Adds up the flows of one program and place; incoming ones from everywhere are one. What only waited for its program to be named is not told twice. */
export function summarize(flows: readonly Flow[]): SummaryLine[] {
  const lines = new Map<string, SummaryLine>();
  const place = ({ app, direction, protocol, address, port }: Flow): string =>
    JSON.stringify([app?.path ?? app?.name, app?.script, app?.via?.path, direction, protocol, direction === "out" ? address : null, port]);
  const decided = new Set(flows.filter(({ by }) => by !== null).map(place));
  for (const flow of flows) {
    if (flow.by === null && decided.has(place(flow))) continue;
    const { app, direction, protocol, port, name, verdict, by, rule } = flow;
    const address = direction === "out" ? flow.address : null;
    const key = `${verdict} ${place(flow)}`;
    const before = lines.get(key);
    lines.set(key, {
      ...{ app, direction, protocol, address, port, name, verdict, by, rule },
      connections: (before?.connections ?? 0) + flow.attempts,
      bytesOut: (before?.bytesOut ?? 0) + (flow.bytesOut ?? 0),
      bytesIn: (before?.bytesIn ?? 0) + (flow.bytesIn ?? 0),
    });
  }
  return [...lines.values()];
}

/** The summary as a person reads it, one line a program and place. */
export function summaryLines({ connections, health }: Summary): string[] {
  const total = (verdict: Flow["verdict"]): number =>
    connections.reduce((sum, line) => sum + (line.verdict === verdict ? line.connections : 0), 0);
  const held = total("held");
  const head =
    connections.length === 0
      ? "no connections"
      : `${count(total("allow"), "connection")} allowed, ${total("deny")} denied${held > 0 ? `, ${held} unanswered and so not made` : ""}`;
  return [
    `holdfast: ${head}`,
    ...connections.map((line) => {
      const many = line.connections === 1 ? "" : ` (${line.connections} times)`;
      const moved = line.verdict === "allow" ? `   ${bytesWords(line.bytesOut)} sent, ${bytesWords(line.bytesIn)} received` : "";
      return `  ${WORD[line.verdict].padEnd(10)}  ${connectionWords({ ...line, localPort: line.port })}${many}${moved}`;
    }),
    ...health.filter(({ severity }) => severity !== "info").map(({ severity, text }) => `  ${severity}: ${text}`),
  ].map(visible);
}

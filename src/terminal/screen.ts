// SPDX-License-Identifier: Apache-2.0
/** What `up` shows in a terminal, as lines: how things stand, open questions, the latest flows. Pure: the same state gives the same lines. */

import type { Flow, HealthItem, Question } from "../contract/api.ts";
import { visible } from "../contract/bytes.ts";
import { count } from "../contract/count.ts";
import { type Desk, KEYS } from "./desk.ts";
import { type Column, fit, table } from "./table.ts";
import { appWords, bytesWords, clockWords, detailWords, peerWords, portWords, questionWords, verdictWords, wantWords } from "./words.ts";

/** How a line looks; its words alone say the same. */
export type Tone = "plain" | "title" | "faint" | "good" | "bad" | "chosen";
export type Line = { readonly text: string; readonly tone: Tone };

export type ScreenState = {
  readonly version: string;
  readonly mode: string;
  readonly scope: string;
  readonly revision: number;
  readonly inForce: boolean;
  readonly health: readonly HealthItem[];
  readonly desk: Desk;
  /** Newest first. */
  readonly flows: readonly Flow[];
  /** What the last key did; null when nothing is to be said. */
  readonly said: string | null;
};

/** Cells and lines there are. */
export type Room = { readonly columns: number; readonly rows: number };

/** Other questions named below the one shown. */
const MAX_OTHERS = 4;
const HEALTH_TONE = { error: "bad", warning: "bad", info: "faint" } as const;
const VERDICT_TONE = { allow: "good", deny: "bad", held: "plain" } as const;

const plain = (text: string): Line => ({ text, tone: "plain" });
const faint = (text: string): Line => ({ text, tone: "faint" });
const BLANK = plain("");

function head(state: ScreenState): Line[] {
  const rules = `rules of revision ${state.revision} ${state.inForce ? "in force" : "NOT in force"}`;
  return [
    { text: `Holdfast ${state.version}   mode ${state.mode}   ${rules}`, tone: "title" },
    faint(`scope ${state.scope}   Ctrl-C ends it and takes the rules away`),
    ...state.health.map(({ severity, text }) => ({ text: `${severity}: ${text}`, tone: HEALTH_TONE[severity] })),
  ];
}

function questionLines(desk: Desk, current: Question): Line[] {
  const others = desk.questions().filter(({ id }) => id !== current.id);
  const rest = others.length - MAX_OTHERS;
  return [
    BLANK,
    { text: `${count(others.length + 1, "open question")}${others.length > 0 ? "   [↑↓] choose" : ""}`, tone: "title" },
    { text: `#${current.id}  ${appWords(current.app)}`, tone: "chosen" },
    plain(`    ${wantWords(current)}`),
    plain(`    ${detailWords(current)}`),
    plain(`    ${KEYS}`),
    plain(`    for [a] and [d]: ${desk.words()}`),
    ...others.slice(0, MAX_OTHERS).map((question) => plain(`#${question.id}  ${questionWords(question)}`)),
    ...(rest > 0 ? [faint(`    and ${rest} more`)] : []),
  ];
}

const LATEST = "Latest flows";
const FLOW_COLUMNS: readonly Column[] = [
  { title: "" },
  { title: "" },
  { title: "", shrink: true },
  { title: "" },
  { title: "", shrink: true },
  { title: "" },
  { title: "sent", right: true },
  { title: "received", right: true },
];

function flowLines(flows: readonly Flow[], columns: number): Line[] {
  const rows = flows.map((flow) =>
    [
      clockWords(flow.last),
      verdictWords(flow),
      appWords(flow.app),
      flow.direction === "out" ? "->" : "<-",
      peerWords(flow),
      portWords(flow),
      bytesWords(flow.bytesOut),
      bytesWords(flow.bytesIn),
    ].map(visible),
  );
  const [title = "", ...lines] = table(FLOW_COLUMNS, rows, { width: columns });
  return [
    { text: LATEST + title.slice(LATEST.length), tone: "title" },
    ...lines.map((text, i) => ({ text, tone: VERDICT_TONE[flows[i]?.verdict ?? "held"] })),
  ];
}

/** The lines to show, at most `rows - 1`, so that a terminal never scrolls by itself. Flows give way to questions. */
export function screenLines(state: ScreenState, { columns, rows }: Room): Line[] {
  const current = state.desk.current();
  const questions = current === null ? [BLANK, faint("No open questions")] : questionLines(state.desk, current);
  const above = [...head(state), ...questions, ...(state.said === null ? [] : [BLANK, plain(state.said)])];
  const room = rows - 1 - above.length - 2;
  const flows = state.flows.length === 0 ? [faint("No flows yet")] : flowLines(state.flows.slice(0, Math.max(0, room)), columns);
  const all = room > 0 ? [...above, BLANK, ...flows] : above;
  return all.slice(0, Math.max(1, rows - 1)).map(({ text, tone }) => ({ text: fit(visible(text), columns), tone }));
}

// SPDX-License-Identifier: Apache-2.0
/** Lines in the terminal and keys from it, through ink. Loaded by screen.ts, which sets what React reads when it is loaded. */
import { Box, type Instance, render, Text, useInput } from "ink";
import { createElement, type ReactElement } from "react";
import type { Line, Tone } from "../terminal/screen.ts";

const LOOKS: Readonly<Record<Tone, { bold?: true; dimColor?: true; inverse?: true; color?: string }>> = {
  plain: {},
  title: { bold: true },
  faint: { dimColor: true },
  good: { color: "green" },
  bad: { color: "red" },
  chosen: { inverse: true },
};

const CTRL_C = "\x03";

/** What a key is called: its letter, "up", "down" or "ctrl-c". */
export type OnKey = (name: string) => void;

type Shown = { readonly lines: readonly Line[]; readonly onKey: OnKey };

function Screen({ lines, onKey }: Shown): ReactElement {
  useInput(
    (input, key) => {
      if (key.upArrow) onKey("up");
      else if (key.downArrow) onKey("down");
      else if (key.ctrl) onKey(`ctrl-${input}`);
      // Keys typed fast come in one read.
      else if (!key.meta) for (const each of input) onKey(each === CTRL_C ? "ctrl-c" : each);
    },
    { isActive: process.stdin.isTTY },
  );
  // The position is what a line is: lines have no identity of their own.
  const rows = lines.map(({ text, tone }, i) =>
    createElement(Text, { key: i, wrap: "truncate", ...LOOKS[tone] }, text === "" ? " " : text),
  );
  return createElement(Box, { flexDirection: "column" }, rows);
}

export type View = { readonly show: (lines: readonly Line[]) => void; readonly close: () => void };

/** `onDrawn` is called whenever the newest lines are drawn: ink does so a moment after they are given. */
export type ViewOptions = { readonly onKey: OnKey; readonly onDrawn: () => void };

/** Shows lines in place of those before, until closed; what was shown last is then erased. */
export function openView({ onKey, onDrawn }: ViewOptions): View {
  let instance: Instance | null = null;
  return {
    show: (lines) => {
      const screen = createElement(Screen, { lines, onKey });
      // Who opens a screen has a terminal: ink's guess would be "no" wherever CI is set.
      if (instance === null) instance = render(screen, { exitOnCtrlC: false, patchConsole: false, interactive: true, onRender: onDrawn });
      else instance.rerender(screen);
    },
    close: () => {
      instance?.rerender(createElement(Text, null, ""));
      instance?.unmount();
    },
  };
}

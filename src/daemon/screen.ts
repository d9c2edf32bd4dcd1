// SPDX-License-Identifier: Apache-2.0
/** `up` in a terminal: flows and questions as they come, answered by single keys. */
import type { Flow } from "../contract/api.ts";
import { Failure } from "../contract/failure.ts";
import type { HealthItem } from "../contract/shapes.ts";
import { Desk, TOO_SOON } from "../terminal/desk.ts";
import { screenLines } from "../terminal/screen.ts";
import { answerWords } from "../terminal/words.ts";
import type { Backend, BackendReply } from "./backend.ts";

/** Flows kept for the screen: more than any terminal has lines. */
const MAX_FLOWS = 200;
/** Changes within this time are shown together, milliseconds: calm, and cheap under load. */
const REDRAW_MS = 100;

/** What the screen needs of a daemon. */
type Shown = { readonly backend: Backend; readonly log: (sentence: string) => void };

/** Shows until closed. Ctrl-C sends SIGINT to this process, as it would without a screen. */
export async function openScreen({ backend, log }: Shown): Promise<{ close(): void }> {
  // React's development build keeps measurements of every update, for ever.
  process.env.NODE_ENV ??= "production";
  const { openView } = await import("./screen-view.ts");
  const desk = new Desk();
  const flows = new Map<number, Flow>();
  let status: BackendReply<"status"> = await backend.status({});
  let health: readonly HealthItem[] = status.health;
  let said: string | null = null;
  let answering = false;
  let timer: NodeJS.Timeout | null = null;
  /** The question among the lines drawn next. */
  let drawing: number | null = null;

  const redraw = (): void => {
    timer = null;
    const { version, revision, inForce } = status;
    const shown = { version, mode: status.mode ?? "", scope: status.scope ?? "", revision: revision ?? 0, inForce: inForce ?? false };
    const latest = [...flows.values()].reverse();
    const { columns = 80, rows = 24 } = process.stdout;
    drawing = desk.current()?.id ?? null;
    view.show(screenLines({ ...shown, health, desk, flows: latest, said }, { columns, rows }));
  };
  const change = (): void => {
    timer ??= setTimeout(redraw, REDRAW_MS);
  };
  const failed = (error: unknown): void => {
    said = error instanceof Failure ? error.message : "Holdfast failed at this; its log says more";
    if (!(error instanceof Failure)) log(`The screen failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    change();
  };
  const take = (flow: Flow): void => {
    flows.delete(flow.id);
    flows.set(flow.id, flow);
    for (const oldest of flows.keys()) {
      if (flows.size <= MAX_FLOWS) break;
      flows.delete(oldest);
    }
  };
  const answer = async (key: string): Promise<boolean> => {
    const request = desk.answer(key);
    if (request === null) return false;
    if (answering) return true;
    if (desk.tooSoon(performance.now())) {
      said = TOO_SOON;
      return true;
    }
    answering = true;
    try {
      const { id, action, lifetime = { kind: "ever" }, scope = null, anyPort = false } = request;
      said = answerWords({ schema: 1, ...(await backend.answer({ id, action, lifetime, scope, anyPort })) });
      desk.remove(id);
    } finally {
      answering = false;
    }
    return true;
  };
  const onKey = (name: string): void => {
    if (name === "ctrl-c") {
      process.kill(process.pid, "SIGINT");
      return;
    }
    if (desk.key(name)) {
      redraw();
      return;
    }
    answer(name)
      .then((answered) => answered && change())
      .catch(failed);
  };
  const view = openView({ onKey, onDrawn: () => desk.drawn(drawing, performance.now()) });

  const unsubscribe = backend.subscribe(["flows", "questions", "health", "rules"], (event) => {
    if (event.kind === "flow") take(event.flow);
    else if (event.kind === "health") health = event.health;
    else if (event.kind === "rules") {
      backend
        .status({})
        .then((now) => {
          status = now;
          change();
        })
        .catch(failed);
    } else desk.take(event);
    change();
  });
  // What was open before: subscribed first, so that nothing is missed; told twice does no harm.
  for (const question of (await backend.listQuestions({})).questions) desk.take({ kind: "question", question });
  process.stdout.on("resize", redraw);
  redraw();
  return {
    close: () => {
      unsubscribe();
      process.stdout.off("resize", redraw);
      if (timer !== null) clearTimeout(timer);
      view.close();
    },
  };
}

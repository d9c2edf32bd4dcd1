// SPDX-License-Identifier: Apache-2.0
/** When a rule ends (rules.md, Lifetimes). */
import { readFileSync } from "node:fs";
import type { Lifetime } from "../contract/rule.ts";
import type { RuleEnd, StoredRule } from "../store/store.ts";
import type { Engine } from "./engine.ts";

let boot: string | null = null;

/** The id of this boot. Asked for every rule every second; it does not change. */
export function bootId(): string {
  boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  return boot;
}

/** What a lifetime means for a rule made now. `program`: whose last process "until quit" waits for. */
export function endOf(lifetime: Lifetime, nowMs: number, boot: string, program: string): RuleEnd {
  switch (lifetime.kind) {
    case "for":
      return { kind: "at", atMs: nowMs + lifetime.seconds * 1000 };
    case "restart":
      return { kind: "boot", boot };
    case "quit":
      return { kind: "quit", program };
    default:
      return { kind: "ever" };
  }
}

export type Now = { readonly nowMs: number; readonly boot: string; readonly programRuns: (program: string) => boolean };

/** Whether a rule's time is over. */
export function hasEnded(end: RuleEnd, now: Now): boolean {
  switch (end.kind) {
    case "at":
      return now.nowMs >= end.atMs;
    case "boot":
      return now.boot !== end.boot;
    case "quit":
      return !now.programRuns(end.program);
    default:
      return false;
  }
}

/** Whether a rule's time is over now. */
export function endedNow(engine: Engine): (rule: StoredRule) => boolean {
  const now = { nowMs: Date.now(), boot: bootId(), programRuns: (program: string) => programRuns(engine, program) };
  return ({ ends }) => hasEnded(ends, now);
}

/** Whether some process of a program ("until quit": a path or the value of its condition) is there. */
export function programRuns(engine: Engine, program: string): boolean {
  for (const classId of engine.kernel.runningClasses()) {
    const app = engine.registry.app(classId);
    for (const identity of [app, app?.via]) {
      if (!identity) continue;
      const names = [
        identity.path,
        identity.script,
        identity.flatpak,
        identity.snap,
        identity.appimage,
        identity.container,
        identity.unit,
        identity.package,
      ];
      if (names.includes(program)) return true;
    }
  }
  return false;
}

// SPDX-License-Identifier: Apache-2.0
/** When a rule ends (rules.md, Lifetimes). */
import { readFileSync } from "node:fs";
import type { Lifetime } from "../contract/rule.ts";
import type { RuleEnd } from "../store/store.ts";

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

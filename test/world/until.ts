// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 10;
/** Far above what anything here takes on a busy machine: it only ends a test that has failed. */
const LIMIT_MS = 30_000;

/** Asks until the answer is not null, and returns it. Rejects when that takes too long; `what` says what it waited for. */
export async function until<T>(what: string, answer: () => T | null | Promise<T | null>): Promise<T> {
  const startMs = performance.now();
  for (;;) {
    const found = await answer();
    if (found !== null) return found;
    if (performance.now() - startMs > LIMIT_MS) throw new Error(`Waited ${LIMIT_MS / 1000} s for ${what}`);
    await sleep(POLL_MS);
  }
}

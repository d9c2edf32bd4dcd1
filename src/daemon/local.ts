// SPDX-License-Identifier: Apache-2.0
/** The commands that run with no daemon. Each is loaded when it is used: `status` asks `pinned()` as whoever calls it. */
import type { LocalCommands } from "../contract/local.ts";

export const local: LocalCommands = {
  up: async (options) => (await import("./start.ts")).up(options),
  down: async (options) => (await import("./remove.ts")).remove(options),
  panic: async (options) => (await import("./remove.ts")).remove(options),
  run: async (options) => (await import("./run.ts")).run(options),
  doctor: async (options) => (await import("./doctor.ts")).doctor(options),
  bench: async () => (await import("./bench.ts")).bench(),
  pinned: async () => (await import("./remove.ts")).pinnedScopes(),
};

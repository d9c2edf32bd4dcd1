// SPDX-License-Identifier: Apache-2.0
/** Everything a running daemon has, in one place. up.ts and down.ts are the two journeys through it. */

import type { Proc } from "../apps/proc.ts";
import type { AppRegistry } from "../apps/registry.ts";
import type { App } from "../contract/app.ts";
import type { Environment } from "../contract/environment.ts";
import type { FlowId, QuestionId } from "../contract/ids.ts";
import type { NameBook } from "../flows/names.ts";
import type { FlowTable } from "../flows/table.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Workspace } from "../rules/compile.ts";
import type { LastGood, Store } from "../store/store.ts";
import type { Questions } from "./ask.ts";
import type { BackendEvent } from "./backend.ts";
import type { Guards } from "./guards.ts";
import type { Health } from "./health.ts";
import type { Holds } from "./holds.ts";
import type { Lists } from "./lists.ts";
import type { Rulebook } from "./rulebook.ts";
import type { Spaces } from "./spaces.ts";
import type { Unnamed } from "./unnamed.ts";

export type Engine = {
  readonly kernel: Kernel;
  readonly registry: AppRegistry;
  readonly proc: Proc;
  readonly rulebook: Rulebook;
  readonly spaces: Spaces;
  readonly guards: Guards;
  readonly holds: Holds;
  readonly questions: Questions;
  readonly flows: FlowTable;
  readonly names: NameBook;
  readonly lists: Lists;
  readonly health: Health;
  readonly stateDir: string;
  readonly store: () => Store;
  readonly workspace: Workspace;
  /** The environment the policy in force was compiled with. */
  environment: Environment;
  /** The revision in force, and the kernel's generation for it. */
  revision: number;
  generation: number;
  /** What the store said when the policy in force was compiled; null before the first policy. */
  decided: LastGood | null;
  /** Rules that have no room in the tables in force; 0 but for a daemon that started with more than there may be. */
  leftOut: number;
  /** The row of a program by the policy in force; null before the first policy. */
  classRow: ((app: App) => Uint8Array) | null;
  /** Classes that have a row of their own in the policy in force. */
  placed: Set<number>;
  /** One edit at a time: each waits for the one before. */
  edits: Promise<unknown>;
  /** Identifications under way. */
  readonly identifying: Set<Promise<void>>;
  /** The same by image (`keyText`). */
  readonly filing: Map<string, Promise<void>>;
  /** Records of flows whose program is being identified. */
  readonly unnamed: Unnamed;
  /** Hits since they were last stored: rule id -> how many, and when last. */
  readonly hits: Map<number, { hits: number; lastUsedMs: number }>;
  readonly publish: (event: BackendEvent) => void;
  /** Flow ids set aside in the store. */
  readonly nextFlowId: () => FlowId;
  /** Runs something on the store; null, and a health condition, when the database fails. */
  readonly remember: <T>(work: (store: Store) => T) => T | null;
  /** An id for a question the store could not take. */
  readonly nextQuestionId: () => QuestionId;
  readonly userName: (uid: number) => string | null;
  /** Known SHA-256 of a program's file; null while `digest` has not been asked for it. */
  readonly sha256Of: (app: App) => string | null;
  /** Computes the SHA-256 of a program's file, once for each state of the file. */
  readonly digest: (app: App) => Promise<void>;
  readonly log: (sentence: string) => void;
};

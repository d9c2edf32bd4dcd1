// SPDX-License-Identifier: Apache-2.0
/** An engine for tests of what an edit does: the real book, compiler and store in memory, over a kernel that only remembers. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Action } from "../contract/layout.gen.ts";
import type { CompiledPolicy } from "../contract/policy.ts";
import type { Rule } from "../contract/rule.ts";
import type { Kernel, SocketFields } from "../kernel/kernel.ts";
import { randomNameKey } from "../lists/hash.ts";
import { Workspace } from "../rules/compile.ts";
import { StoreFailure } from "../store/problem.ts";
import { openMemoryStore } from "../store/sqlite/open.ts";
import type { Store } from "../store/store.ts";
import { Questions } from "./ask.ts";
import type { Engine } from "./engine.ts";
import { makeEvents } from "./events.ts";
import { readEnvironment } from "./facts.ts";
import { Health } from "./health.ts";
import { Holds } from "./holds.ts";
import { Lists } from "./lists.ts";
import { Rulebook } from "./rulebook.ts";
import { makeService } from "./service.ts";
import type { Spaces } from "./spaces.ts";

const WRITES = ["edit", "undo", "withdraw", "expire", "restore", "placeGroup", "setSetting", "setGroupEnabled"] as const;

const READS = ["revision", "rules", "lastGood", "disabledGroups", "settings"] as const;

/** `folder` holds the state and, in "rules", the rule files; it goes with `remove()`. */
export class FakeEngine {
  readonly folder = mkdtempSync(join(tmpdir(), "holdfast-engine-"));
  readonly rulesDir = join(this.folder, "rules");
  /** The database cannot be written for as long as this holds. */
  full = false;
  /** Nor read. */
  damaged = false;
  /** Why the kernel does not take a policy; null when it does. */
  refuses: string | null = null;
  /** Why the kernel does not take lists; null when it does. */
  refusesLists: string | null = null;
  /** The policy in force. */
  policy: CompiledPolicy | null = null;
  sockets: SocketFields[] = [];
  /** The rules of the group "factory". */
  factory: Rule[] = [];
  /** What the kernel decides about every connection. */
  action: number = Action.ALLOW;
  readonly store: Store;
  readonly engine: Engine;
  readonly service: ReturnType<typeof makeService>;

  constructor() {
    mkdirSync(this.rulesDir);
    this.store = this.#failing(openMemoryStore());
    const events = makeEvents();
    const health = new Health(() => {});
    const lists = new Lists({
      folder: join(this.folder, "lists"),
      key: randomNameKey().words,
      health,
      built: () => {
        if (this.refusesLists !== null) throw new Error(this.refusesLists);
        this.engine.environment = { ...this.engine.environment, lists: lists.matchers };
      },
    });
    const parts: Partial<Engine> = {
      kernel: this.#kernel() as Kernel,
      registry: { all: () => [].values(), app: () => null } as Partial<Engine["registry"]> as Engine["registry"],
      rulebook: new Rulebook({ store: () => this.store, rulesDir: this.rulesDir, stateDir: this.folder, factory: () => this.factory }),
      holds: new Holds({ enter: () => this.#closed() } as Partial<Spaces> as Spaces, () => true),
      questions: new Questions(),
      health,
      stateDir: this.folder,
      store: () => this.store,
      workspace: new Workspace(),
      lists,
      environment: readEnvironment([], lists.matchers),
      revision: 0,
      generation: 0,
      decided: null,
      leftOut: 0,
      edits: Promise.resolve(),
      hits: new Map(),
      publish: events.publish,
      remember: (work) => {
        try {
          return work(this.store);
        } catch (error) {
          if (error instanceof StoreFailure) return null;
          throw error;
        }
      },
    };
    this.engine = parts as Engine;
    const facts = { scope: "", state: "", socket: "", rulesDir: this.rulesDir, clients: () => 0 };
    this.service = makeService(this.engine, facts, events);
  }

  get health(): string[] {
    return this.engine.health.list().map(({ code }) => code);
  }

  /** How many rules the kernel has. */
  get rulesInForce(): number {
    return this.policy?.half.rules ?? 0;
  }

  remove(): void {
    this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #closed(): never {
    throw new Error("Cannot enter the network namespace");
  }

  #failing(store: Store): Store {
    const failing = { ...store } as Record<string, unknown>;
    for (const name of [...WRITES, ...READS]) {
      const fails = (): boolean => this.damaged || (this.full && !READS.some((read) => read === name));
      const work = store[name] as (...args: unknown[]) => unknown;
      failing[name] = (...args: unknown[]) => {
        if (fails()) throw new StoreFailure({ code: "full", message: "no space is left" }, null);
        return work(...args);
      };
    }
    return failing as Store;
  }

  #kernel(): Partial<Kernel> {
    return {
      settled: async () => {},
      install: (policy) => {
        if (this.refuses !== null) throw new Error(this.refuses);
        this.policy = structuredClone(policy);
        return this.engine.generation + 1;
      },
      catchUp: () => {},
      sockets: () => this.sockets,
      decide: () =>
        ({ rule: 0, action: this.action, by: 0, flags: 0, reserved: 0 }) as Partial<ReturnType<Kernel["decide"]>> as ReturnType<
          Kernel["decide"]
        >,
      runningClasses: () => new Set<number>(),
    };
  }
}

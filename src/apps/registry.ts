// SPDX-License-Identifier: Apache-2.0
/**
 * Gives each application class its number. The kernel's pinned tables hold them, so a number is given again only when nothing there has
 * it any more, and only when all are given (`beginForgetting`, `forget`).
 */
import type { AncestorRole, App, Identity } from "../contract/app.ts";
import { type AppId, CLASS_KERNEL, type ClassId } from "../contract/ids.ts";
import { type Identified, type IdentifyDeps, identify } from "./identify.ts";
import { type ImageKey, type ImageReport, imageKeyText } from "./image.ts";
import { type RegistryRecord, readRegistryFile } from "./registry-file.ts";

/** As MAX_CLASSES in bpf/tables.h. */
export const MAX_CLASSES = 16384;
/** So many interpreters without a script are told apart by their arguments; further ones share an identity that shows none. */
const MAX_BY_ARGS = 1024;
/** Nor does the kernel tell longer ones apart (ARGS_LIMIT in bpf/process.h); and 1,024 of these have room in its table of texts. */
const MAX_ARGS_LENGTH = 4096;
const MAX_KEYS = 16384;
const APP_KERNEL = 1 as AppId;
const NO_APP = 0;

/** What the kernel is shown as. */
export const KERNEL_IDENTITY: Identity = {
  path: null,
  claimedPath: null,
  name: "the kernel",
  script: null,
  args: [],
  package: null,
  packageIntact: null,
  unit: null,
  container: null,
  flatpak: null,
  snap: null,
  appimage: null,
  kernel: true,
  changedSince: null,
};

export type Classified = {
  readonly ok: true;
  readonly classId: ClassId;
  /** Its own id as a responsible app. */
  readonly appId: AppId;
  readonly app: App;
  readonly role: AncestorRole;
  /** When `key.argsHash` is 0 too, the key says nothing about the script: file only the flag under it, not the class. */
  readonly interpreter: boolean;
  /** False: holds for this run only; do not keep it in the kernel's table when the process is gone. */
  readonly certain: boolean;
};

/** `full`: every number is given. */
export type ClassOutcome = Classified | { readonly ok: false; readonly problem: string; readonly full: boolean };

/** A number that stands for nothing any more. */
export type Forgotten = Pick<RegistryRecord, "kind" | "id">;

export type RegistryOptions = {
  /** Smaller in tests. */
  readonly maxClasses?: number;
  /** Smaller in tests. */
  readonly maxByArgs?: number;
};

type Entry = { readonly identity: Identity; readonly byArgs: boolean };

/** Everything rules or the screen can tell apart. A verified path says more than what the process shows. */
function identityKey({ identity, byArgs }: Entry): string {
  const { path, claimedPath, name, script, args, unit, container, flatpak, snap, appimage, kernel, changedSince } = identity;
  return JSON.stringify([
    ...[path, path === null ? claimedPath : null, name, script, byArgs ? args : null, identity.package, identity.packageIntact],
    ...[unit, container, flatpak, snap, appimage, kernel, changedSince],
  ]);
}

/** Lookup without the salt: what it stands for (one run) is the same program as the other runs. */
function cacheKey(key: ImageKey): string {
  return imageKeyText({ ...key, salt: 0n });
}

export class AppRegistry {
  readonly #deps: IdentifyDeps;
  readonly #maxClasses: number;
  readonly #maxByArgs: number;
  readonly #apps = new Map<number, Entry>();
  readonly #appIds = new Map<string, AppId>();
  readonly #classes = new Map<number, { readonly app: AppId; readonly via: number }>();
  readonly #classIds = new Map<string, ClassId>();
  readonly #keys = new Map<string, Classified>();
  #nextApp = 2;
  #nextClass = 2;
  /** Numbers below `#nextClass` that may be given again. */
  #free: number[] = [];
  /** Classes nobody has asked for since `beginForgetting`. */
  #idle = new Set<number>();
  #byArgs = 0;
  #unkept: RegistryRecord[] = [];

  constructor(deps: IdentifyDeps, options: RegistryOptions = {}) {
    this.#deps = deps;
    this.#maxClasses = options.maxClasses ?? MAX_CLASSES;
    this.#maxByArgs = options.maxByArgs ?? MAX_BY_ARGS;
    this.#file(APP_KERNEL, { identity: KERNEL_IDENTITY, byArgs: false });
    this.#fileClass(CLASS_KERNEL, APP_KERNEL, NO_APP);
  }

  /** How many classes there are, the kernel's included. */
  get size(): number {
    return this.#classes.size;
  }

  /** Null for ids that were never given, 0 (not yet identified) included. */
  app(classId: number): App | null {
    const entry = this.#classes.get(classId);
    const own = entry && this.#apps.get(entry.app);
    return own === undefined ? null : { ...own.identity, via: this.identity(entry?.via ?? NO_APP) };
  }

  /** A program as a responsible app; null for 0 and for ids that were never given. */
  identity(appId: number): Identity | null {
    return this.#apps.get(appId)?.identity ?? null;
  }

  /** Every class and its app, in the order the numbers were given. */
  *all(): IterableIterator<readonly [ClassId, App]> {
    for (const id of this.#classes.keys()) {
      const app = this.app(id);
      if (app !== null) yield [id as ClassId, app];
    }
  }

  /** The class of an image: identified, and filed with its equals. Fails when all numbers are given, or it acts for an unknown app. */
  async classOf(image: ImageReport): Promise<ClassOutcome> {
    const { responsible } = image.key;
    const found = await identify(image, this.#deps);
    if (responsible !== NO_APP && !this.#apps.has(responsible)) {
      return {
        ok: false,
        problem: `Cannot tell for whom "${image.comm}" acts: app ${responsible} is not known here; start it again`,
        full: false,
      };
    }
    if (!found.certain) {
      const before = this.#keys.get(cacheKey(image.key));
      if (before !== undefined) {
        this.#idle.delete(before.classId);
        return before;
      }
    }
    const outcome = this.#intern(found, responsible);
    if (outcome.ok) this.#idle.delete(outcome.classId);
    if (outcome.ok && outcome.certain && (!outcome.interpreter || image.key.argsHash !== 0n)) this.#remember(image.key, outcome);
    return outcome;
  }

  /** Numbers given since the last `kept()`, in order, for `restore` in the daemon that comes after this one. Keep them before they are used. */
  unkept(): readonly RegistryRecord[] {
    return this.#unkept;
  }

  kept(): void {
    this.#unkept = [];
  }

  /** Takes over what another registry gave, before the first `classOf`. Nothing is taken when it does not fit together. */
  restore(records: readonly unknown[]): { readonly ok: true } | { readonly ok: false; readonly problem: string } {
    const file = readRegistryFile(records);
    if (!file.ok) return file;
    for (const record of file.records) {
      if (record.kind === "app") {
        this.#file(record.id as AppId, record);
        this.#nextApp = Math.max(this.#nextApp, record.id + 1);
      } else {
        this.#fileClass(record.id as ClassId, record.app as AppId, record.via);
        this.#nextClass = Math.max(this.#nextClass, record.id + 1);
      }
    }
    for (let id = 2; id < this.#nextClass; id++) if (!this.#classes.has(id)) this.#free.push(id);
    return { ok: true };
  }

  /** From here on, `forget` knows who was asked for meanwhile. */
  beginForgetting(): void {
    this.#idle = new Set(this.#classes.keys());
    this.#idle.delete(CLASS_KERNEL);
  }

  /** Forgets the classes that were not asked for since `beginForgetting` and are not in use, and the programs only they were about. */
  forget(inUse: ReadonlySet<number>): readonly Forgotten[] {
    const gone = [...this.#idle].filter((id) => !inUse.has(id));
    for (const id of gone) this.#dropClass(id);
    this.#free.push(...gone);
    const ids = new Set(gone);
    for (const [text, { classId }] of this.#keys) if (ids.has(classId)) this.#keys.delete(text);
    const apps = this.#dropApps();
    const appIds = new Set(apps);
    this.#unkept = this.#unkept.filter(({ kind, id }) => !(kind === "class" ? ids : appIds).has(id));
    return [...gone.map((id) => ({ kind: "class", id }) as const), ...apps.map((id) => ({ kind: "app", id }) as const)];
  }

  #dropClass(id: number): void {
    const entry = this.#classes.get(id);
    this.#classes.delete(id);
    this.#classIds.delete(`${entry?.app}:${entry?.via}`);
  }

  #dropApps(): number[] {
    const needed = new Set([...this.#classes.values()].flatMap(({ app, via }) => [app, via]));
    const gone = [...this.#apps].filter(([id]) => !needed.has(id as AppId));
    for (const [id, entry] of gone) {
      this.#apps.delete(id);
      this.#appIds.delete(identityKey(entry));
      if (entry.byArgs) this.#byArgs -= 1;
    }
    return gone.map(([id]) => id);
  }

  #intern(found: Identified, responsible: number): ClassOutcome {
    const entry = this.#entryOf(found);
    const known = this.#appIds.get(identityKey(entry));
    const via = responsible === known ? NO_APP : responsible;
    const knownClass = known === undefined ? undefined : this.#classIds.get(`${known}:${via}`);
    if (knownClass === undefined && this.#free.length === 0 && this.#nextClass >= this.#maxClasses) {
      const problem = `Cannot tell "${entry.identity.name}" from other programs: all ${this.#maxClasses} numbers for programs are in use; it stays held where a rule could matter`;
      return { ok: false, problem, full: true };
    }
    const appId = known ?? (this.#nextApp++ as AppId);
    if (known === undefined) {
      this.#file(appId, entry);
      this.#unkept.push({ kind: "app", id: appId, byArgs: entry.byArgs, identity: { ...entry.identity, args: [...entry.identity.args] } });
    }
    const classId = knownClass ?? ((this.#free.pop() ?? this.#nextClass++) as ClassId);
    if (knownClass === undefined) {
      this.#fileClass(classId, appId, via);
      this.#unkept.push({ kind: "class", id: classId, app: appId, via });
    }
    const app: App = { ...(this.identity(appId) ?? entry.identity), via: this.identity(via) };
    return { ok: true, classId, appId, app, role: found.role, interpreter: found.interpreter, certain: found.certain };
  }

  #entryOf({ identity, byArgs }: Identified): Entry {
    /* Where they do not say what it runs, they are those of one run: the next has others. */
    if (!byArgs) return { identity: { ...identity, args: [] }, byArgs };
    const entry = { identity, byArgs };
    const short = identity.args.join(" ").length <= MAX_ARGS_LENGTH;
    if ((short && this.#byArgs < this.#maxByArgs) || this.#appIds.has(identityKey(entry))) return entry;
    return { identity: { ...identity, args: [] }, byArgs: true };
  }

  #file(id: AppId, entry: Entry): void {
    this.#apps.set(id, entry);
    this.#appIds.set(identityKey(entry), id);
    if (entry.byArgs) this.#byArgs += 1;
  }

  #fileClass(id: ClassId, app: AppId, via: number): void {
    this.#classes.set(id, { app, via });
    this.#classIds.set(`${app}:${via}`, id);
  }

  #remember(key: ImageKey, outcome: Classified): void {
    const text = cacheKey(key);
    this.#keys.delete(text);
    if (this.#keys.size >= MAX_KEYS) {
      const oldest = this.#keys.keys().next().value;
      if (oldest !== undefined) this.#keys.delete(oldest);
    }
    this.#keys.set(text, outcome);
  }
}

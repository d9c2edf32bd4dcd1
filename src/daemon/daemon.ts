// SPDX-License-Identifier: Apache-2.0
/** A running daemon: started, kept going, ended. In force before anything else happens; what is pinned outlives it. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { keyedArgsHash } from "../apps/args-hash.ts";
import { CgroupPaths } from "../apps/cgroups.ts";
import { Digests } from "../apps/digest.ts";
import { Packages } from "../apps/package.ts";
import { Proc } from "../apps/proc.ts";
import { AppRegistry } from "../apps/registry.ts";
import { SeenFiles } from "../apps/seen.ts";
import { sha256Digests } from "../apps/sha256.ts";
import { Failure } from "../contract/failure.ts";
import type { Cookie, FlowId, QuestionId } from "../contract/ids.ts";
import { CLASS_UNKNOWN } from "../contract/ids.ts";
import { Action } from "../contract/layout.gen.ts";
import type { UpOptions } from "../contract/local.ts";
import { NameBook } from "../flows/names.ts";
import { FlowTable } from "../flows/table.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { openKernel } from "../kernel/linux.ts";
import { releaseNodeFile, trimHeap } from "../kernel/memory.ts";
import { othersAllow } from "../kernel/others.ts";
import { cgroupRoot, lockScope, pinFolder, type Scope } from "../kernel/pins.ts";
import { nameKey } from "../lists/hash.ts";
import { Workspace } from "../rules/compile.ts";
import { messageOf } from "../store/problem.ts";
import { type ApiServer, startApi } from "./api.ts";
import { Questions, reconsiderAll } from "./ask.ts";
import type { Backend } from "./backend.ts";
import { cutIfDenied, expire, followFiles, isUnjudged, putInForce, serially } from "./down.ts";
import type { Engine } from "./engine.ts";
import { makeEvents } from "./events.ts";
import { factoryRules } from "./factory.ts";
import { readEnvironment, sameEnvironment } from "./facts.ts";
import { Guards } from "./guards.ts";
import { Health, watchCounters } from "./health.ts";
import { Holds } from "./holds.ts";
import { Hosts } from "./hosts.ts";
import { identifyImage, restoreNames } from "./identify.ts";
import { conversation, totalsOf } from "./judged.ts";
import { Lists } from "./lists.ts";
import { openState } from "./memory.ts";
import { OBJECT_FILE } from "./object-file.ts";
import { Rulebook } from "./rulebook.ts";
import { flushFlows, makeService } from "./service.ts";
import { settingOf } from "./settings.ts";
import { Spaces } from "./spaces.ts";
import { prepareLists, takeLists } from "./take-lists.ts";
import { changeableByOthers } from "./trusted.ts";
import { Unnamed } from "./unnamed.ts";
import { onRecord, showNamed } from "./up.ts";

/** The kernel object, as tools/build-bpf.sh makes it. */
const HEARTBEAT_MS = 500;
const SECOND_MS = 1000;
/** For the programs of older sockets: half a second where Debian's package lists are read for the first time. */
const KNOWN_WITHIN_MS = 10_000;
const SLOW_MS = 10_000;
const FLOW_IDS_AT_ONCE = 1000;
const SEEN = "seen";

export type Daemon = {
  readonly engine: Engine;
  readonly api: ApiServer;
  /** What the API asks, for whoever is in the same process. */
  readonly backend: Backend;
  readonly scope: Scope;
  /** Resolves when the pins are gone: somebody ran `down` or `panic`. */
  readonly gone: Promise<void>;
  /** Stops; rules stay in force, pinned. */
  readonly stop: () => Promise<void>;
};

export type StartOptions = Pick<UpOptions, "socket" | "state" | "rules" | "mode" | "whenAway"> & {
  readonly scope: Scope;
  readonly log: (sentence: string) => void;
  /** Another kernel object than this build's, and other bounds of its maps: for tests. */
  readonly objectFile?: string;
  readonly bounds?: Readonly<Record<string, number>>;
};

function runningError(scope: Scope, pid: number | null): Failure {
  return new Failure("conflict", `Holdfast already runs for scope "${scope.path}"${pid === null ? "" : ` as process ${pid}`}`);
}

/** Starts the daemon for a scope. Resolves when its rules are in force and its API answers. */
export async function startDaemon(options: StartOptions): Promise<Daemon> {
  const { scope, log } = options;
  const unlock = lockScope(scope);
  if (unlock === null) throw runningError(scope, null);
  mkdirSync(options.state, { recursive: true, mode: 0o700 });
  const events = makeEvents();
  const health = new Health((items) => events.publish({ kind: "health", health: [...items] }));
  const told = new Map<string, string>();
  if (options.mode !== null) told.set("mode", options.mode);
  if (options.whenAway !== null) told.set("when-away", options.whenAway);
  const state = openState(options.state, told, health, log);
  let kernel: Kernel;
  try {
    kernel = openKernel({
      objectFile: options.objectFile ?? OBJECT_FILE,
      scope,
      folder: pinFolder(scope),
      ...(options.bounds ? { bounds: options.bounds } : {}),
    });
  } catch (cause) {
    state.close();
    unlock();
    throw new Failure("kernel-cannot", cause instanceof Error ? cause.message : String(cause), { cause });
  }

  const fileKeyOf = (path: string) => kernel.fileKey(path);
  const cgroups = new CgroupPaths(cgroupRoot());
  const seen = new SeenFiles();
  const packages = new Packages();
  const proc = new Proc();
  const registry = new AppRegistry({
    proc,
    fileKeyOf,
    argsHash: keyedArgsHash(kernel.hashSecret),
    packages,
    md5: new Digests("md5", fileKeyOf),
    cgroupPath: (id, hint) => cgroups.pathOf(id, hint),
    seen,
    nowMs: Date.now,
  });
  const files = state.store().document(SEEN);
  if (files !== null) seen.restore(JSON.parse(files));

  let nextId = 0;
  let lastId = 0;
  let questionId = 0;
  const remember = state.remember;
  const sha256 = sha256Digests(fileKeyOf);
  const digests = new Map<string, string>();
  const spaces = new Spaces(kernel);
  const lists = new Lists({
    folder: join(options.state, "lists"),
    key: kernel.nameWords,
    health,
    /* Those of the start are in force with the first policy. */
    built: (built) => (engine.generation === 0 ? prepareLists(engine, built) : takeLists(engine, built)),
  });
  const engine: Engine = {
    kernel,
    registry,
    proc,
    rulebook: new Rulebook({ store: state.store, rulesDir: options.rules, stateDir: options.state, factory: factoryRules }),
    spaces,
    guards: new Guards(kernel, health, scope),
    holds: new Holds(spaces, (flow) => othersAllow(scope, flow)),
    questions: new Questions(),
    flows: new FlowTable({ nextId: () => engine.nextFlowId() }),
    names: new NameBook(),
    lists,
    health,
    stateDir: options.state,
    store: state.store,
    workspace: new Workspace(nameKey(kernel.nameWords)),
    environment: readEnvironment([], lists.matchers),
    revision: 0,
    generation: 0,
    decided: null,
    leftOut: 0,
    classRow: null,
    placed: new Set(),
    edits: Promise.resolve(),
    hits: new Map(),
    identifying: new Set(),
    filing: new Map(),
    unnamed: new Unnamed(),
    publish: events.publish,
    nextFlowId: () => {
      if (nextId >= lastId) {
        nextId = remember((store) => store.reserveFlowIds(FLOW_IDS_AT_ONCE)) ?? nextId;
        lastId = nextId + FLOW_IDS_AT_ONCE;
      }
      return nextId++ as FlowId;
    },
    remember,
    nextQuestionId: () => --questionId as QuestionId,
    userName: (uid) => [...engine.environment.users].find(([, known]) => known === uid)?.[0] ?? null,
    sha256Of: (app) => (app.path === null ? null : (digests.get(app.path) ?? null)),
    digest: async ({ path }) => {
      const key = path === null ? null : kernel.fileKey(path);
      if (path === null || key === null) return;
      const digest = await sha256.of(path, key);
      if (digest !== null) digests.set(path, digest);
    },
    log,
  };
  const hosts = new Hosts(engine);
  engine.rulebook.readFiles();
  try {
    restoreNames(engine);
    try {
      hosts.follow();
    } catch (error) {
      log(`Cannot use all of /etc/hosts: ${messageOf(error)}`);
    }
    await lists.ready;
    await putInForce(engine, Number.POSITIVE_INFINITY);
    await kernel.dropLists();
    /* From the first packet on: what is older than the hooks goes on under ask, and not by what stands in for a daemon that is away. */
    kernel.heartbeat();
    kernel.attach();
    engine.guards.start();
  } catch (error) {
    await kernel.close();
    state.close();
    unlock();
    throw error;
  }
  lookAtFiles(health, options);
  kernel.heartbeat();
  for (const { flow, counters } of kernel.sockets()) engine.flows.older(flow.cookie as Cookie, totalsOf(counters));
  kernel.listen((record) => {
    try {
      onRecord(engine, record);
    } catch (error) {
      /* One record that cannot be taken must not end the reading of all that follow. */
      log(`Cannot take a record of kind "${record.kind}": ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  await knowOlder(engine);
  void packages.refresh();

  const backend = makeService(engine, { ...options, scope: scope.path, rulesDir: options.rules, clients: () => api.clients() }, events);
  const api = await startApi(backend, { socket: options.socket, log });

  let end: () => void = () => {};
  const gone = new Promise<void>((resolve) => {
    end = resolve;
  });
  const guarded = (what: string, work: () => unknown) => async (): Promise<void> => {
    try {
      await work();
    } catch (error) {
      log(`Cannot ${what}: ${messageOf(error)}`);
    }
  };
  /* Each by itself, the ones that change verdicts first: what fails keeps none of the others from being done. */
  const everySecond = [
    guarded("take away the rules whose time is over", () => expire(engine)),
    guarded("read the rule files", () => followFiles(engine)),
    guarded("look at live sockets", () => sweep(engine)),
    guarded("show what has been named", () => showNamed(engine)),
    guarded("read /etc/hosts", () => hosts.follow()),
    guarded("keep flows", () => flushFlows(engine)),
    guarded("read the counters", () => watchCounters(health, kernel.counters())),
    guarded("guard network namespaces", () => engine.guards.check()),
    guarded("close network namespaces", () => spaces.rest()),
  ];
  releaseNodeFile();
  const timers = [
    setInterval(() => kernel.heartbeat(), HEARTBEAT_MS),
    setInterval(() => {
      /* Pins gone: `down` or `panic`. A cgroup that is gone has nobody left to judge. */
      if (!kernel.pinned() || !existsSync(scope.path)) end();
      else for (const chore of everySecond) void chore();
    }, SECOND_MS),
    setInterval(
      guarded("do what is due now and then", async () => {
        trimHeap();
        kernel.forgetRuns();
        lookAtFiles(health, options);
        spaces.refreshAll();
        const rules = engine.rulebook.book.ordered.map(({ rule }) => rule);
        const environment = readEnvironment(rules, lists.matchers);
        if (!sameEnvironment(environment, engine.environment)) await serially(engine, () => putInForce(engine));
        keepSeen(engine, seen);
        void lists.downloadDue(Date.now()).catch((error: unknown) => log(`Cannot update the lists: ${messageOf(error)}`));
        const retention = {
          maxFlows: Number(settingOf(engine.store(), "keep-flows")),
          maxAgeMs: Number(settingOf(engine.store(), "keep-days")) * 86_400_000,
        };
        remember((store) => store.prune(Date.now(), retention));
      }),
      SLOW_MS,
    ),
  ];

  return {
    engine,
    api,
    backend,
    scope,
    gone,
    stop: async () => {
      for (const timer of timers) clearInterval(timer);
      await api.close();
      await kernel.quiet();
      while (engine.identifying.size > 0) await Promise.all(engine.identifying);
      await engine.edits;
      await lists.settled();
      flushFlows(engine);
      keepSeen(engine, seen);
      spaces.rest(true);
      await kernel.close();
      state.close();
      unlock();
    },
  };
}

/**
 * Waits until the programs of sockets older than us are known. A connection among them goes on until then, whatever the rules say about
 * its program; whoever is told that rules are in force means those connections as well.
 */
async function knowOlder({ kernel, identifying, log }: Engine): Promise<void> {
  kernel.catchUp();
  const heart = setInterval(() => kernel.heartbeat(), HEARTBEAT_MS);
  try {
    const late = sleep(KNOWN_WITHIN_MS, true, { ref: false });
    if ((await Promise.race([Promise.all(identifying), late])) === true)
      log(`The programs of ${identifying.size} older connections are not known yet: until they are, these go on`);
  } finally {
    clearInterval(heart);
  }
}

/** What of Holdfast others than root can change, in health: the first of them, and how many more. */
function lookAtFiles(health: Health, { rules, state }: Pick<StartOptions, "rules" | "state">): void {
  const [first, ...more] = changeableByOthers({ rules, state });
  health.keep("files", "warning", first === undefined ? null : more.length === 0 ? first : `${first}; and ${more.length} more like it`);
}

function keepSeen(engine: Engine, seen: SeenFiles): void {
  engine.remember((store) => {
    store.keepDocument(SEEN, JSON.stringify(seen));
    return true;
  });
}

/** Goes over every live socket: counts what they let through, and finds held flows whose record was lost, or whose asker gave up. */
function sweep(engine: Engine): void {
  const alive = new Set<bigint>();
  const timeMs = Date.now();
  for (const socket of engine.kernel.sockets()) {
    alive.add(socket.flow.cookie);
    if (isUnjudged(socket)) cutIfDenied(engine, socket);
    if (socket.counters.packetsOut + socket.counters.packetsIn > 0n)
      engine.flows.counted({ ...conversation(socket.flow), totals: totalsOf(socket.counters), timeMs });
    if (socket.verdict !== Action.ASK && socket.verdict !== Action.IDENTIFY) continue;
    if (socket.flow.protocol === 0) continue;
    /* Answered "once": what the socket remembers is from before, until its next packet. */
    if (engine.holds.answerOf(socket.flow) !== null) continue;
    if (socket.flow.class === CLASS_UNKNOWN && engine.kernel.classOf(socket.key) === CLASS_UNKNOWN) identifyAgain(engine, socket);
    engine.holds.note(socket.flow, socket.key, socket.rule);
  }
  engine.kernel.keepOnceOf(alive);
  for (const hold of engine.holds.all()) {
    const kept = hold.gone && engine.unnamed.has(hold.image);
    if (hold.flow.direction === 0 && !alive.has(hold.flow.cookie) && !kept) engine.holds.forget(hold);
  }
  reconsiderAll(engine);
}

/** The report of its image was lost: ask /proc about the owner instead. */
function identifyAgain(engine: Engine, socket: ReturnType<Kernel["sockets"]>[number]): void {
  const { tgid, uid } = socket.flow;
  const startNs = engine.proc.startNs(tgid);
  const status = engine.proc.status(tgid);
  if (startNs === null || status === null) return;
  void identifyImage(engine, {
    key: socket.key,
    tgid,
    startNs: startNs as never,
    uid,
    parentTgid: status.parent,
    comm: status.name,
    path: null,
    argsHash: 0n,
  }).catch((error: unknown) => engine.log(`Cannot identify process ${tgid}: ${error instanceof Error ? error.message : String(error)}`));
}

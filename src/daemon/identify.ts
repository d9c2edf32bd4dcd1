// SPDX-License-Identifier: Apache-2.0
/** From the kernel's report of an image to a class in the kernel's table: whom it acts for, what it is, which rules are about it. */
import type { ImageKey, ImageReport } from "../apps/image.ts";
import type { AppRegistry, Classified, ClassOutcome, Forgotten } from "../apps/registry.ts";
import { ancestorRole } from "../apps/role.ts";
import { Failure } from "../contract/failure.ts";
import { type AppId, CLASS_UNKNOWN, type KtimeNs } from "../contract/ids.ts";
import { IMAGE_FOR_WHOM_UNKNOWN, IMAGE_OTHER_MOUNTS, IMAGE_UNLINKED } from "../contract/layout.gen.ts";
import { type ImageKeyFields, TableFullError } from "../kernel/kernel.ts";
import { messageOf } from "../store/problem.ts";
import { putInForce, serially } from "./down.ts";
import type { Engine } from "./engine.ts";
import { keyText } from "./unnamed.ts";

const MAX_ANCESTORS = 16;

/** `argsHash`: of the arguments as exec had them, 0 when not known. */
export type KernelReport = Omit<ImageReport, "key"> & { readonly key: ImageKeyFields; readonly argsHash: bigint };

function toKey(key: ImageKeyFields, responsible: number): ImageKey {
  return {
    device: key.device,
    inode: key.inode,
    ctimeNs: key.ctimeNs,
    cgroup: key.cgroup,
    argsHash: key.argsHash,
    salt: key.salt,
    responsible: responsible as AppId,
    otherMounts: (key.flags & IMAGE_OTHER_MOUNTS) !== 0,
    unlinked: (key.flags & IMAGE_UNLINKED) !== 0,
  };
}

/**
 * Whom a process acts for when the kernel did not see it start: the nearest ancestor that is an application. Launchers are skipped,
 * a session ends the search. 0: nobody.
 */
async function forWhom(engine: Engine, report: KernelReport): Promise<number> {
  let pid = report.parentTgid;
  for (let i = 0; i < MAX_ANCESTORS && pid > 1; i++) {
    /* What `run` starts acts for itself. */
    if (pid === process.pid) return 0;
    const exe = engine.proc.exe(pid);
    const status = engine.proc.status(pid);
    const startNs = engine.proc.startNs(pid);
    if (exe === null || status === null || startNs === null) return 0;
    const file = engine.kernel.fileKey(engine.proc.at(pid, "exe"));
    const verified = engine.kernel.fileKey(exe);
    const same = file !== null && verified !== null && file.inode === verified.inode && file.device === verified.device;
    const role = ancestorRole({ path: same ? exe : null, runsScript: false });
    if (role === "session") return 0;
    if (role === "application" && file !== null) {
      const outcome = await engine.registry.classOf({
        key: { ...toKey(report.key, 0), ...file, argsHash: 0n, salt: 1n, unlinked: !same, otherMounts: false },
        tgid: pid,
        startNs: startNs as KtimeNs,
        uid: status.uid,
        parentTgid: status.parent,
        comm: status.name,
        path: exe,
      });
      return outcome.ok ? outcome.appId : 0;
    }
    pid = status.parent;
  }
  return 0;
}

const textId = ({ kind, id }: Forgotten): number => id * 2 + Number(kind === "class");

/**
 * Makes the numbers of programs free that nothing has any more. The policy is put in force anew and its grace period waited for: nobody
 * decides by what he looked up before.
 */
async function forgetIdle(engine: Engine): Promise<void> {
  const { kernel, registry } = engine;
  registry.beginForgetting();
  kernel.forgetIdleImages();
  await putInForce(engine);
  await kernel.settled();
  const inUse = kernel.classesInUse();
  for (const { flow } of engine.holds.all()) inUse.add(flow.class);
  for (const gone of registry.forget(inUse)) {
    kernel.dropText(textId(gone));
    if (gone.kind === "class") engine.placed.delete(gone.id);
  }
}

/** The class of an image. Where every number is given, those that nobody goes by any more are given again. */
async function classify(engine: Engine, report: Parameters<AppRegistry["classOf"]>[0]): Promise<ClassOutcome> {
  const outcome = await engine.registry.classOf(report);
  if (outcome.ok || !outcome.full) return outcome;
  return serially(engine, async () => {
    const again = await engine.registry.classOf(report);
    if (again.ok || !again.full) return again;
    await forgetIdle(engine);
    return engine.registry.classOf(report);
  });
}

/** Gives a class its row in the policy in force; false when there is no room. */
function placeClass(engine: Engine, { classId, app }: Classified): boolean {
  if (engine.placed.has(classId)) return true;
  const row = engine.classRow?.(app) ?? null;
  if (row === null || !engine.kernel.addClassRow(classId, row)) return false;
  engine.placed.add(classId);
  return true;
}

/** Puts the policy in force anew: programs that are alike to the rules share a row in it. */
async function makeRows(engine: Engine): Promise<void> {
  try {
    await serially(engine, () => putInForce(engine));
  } catch (error) {
    const text = `The kernel's rows are full: programs that are new stay unidentified and held: ${messageOf(error)}`;
    engine.health.set("rows-full", "warning", text);
    throw error;
  }
}

/** Keeps beside the kernel's tables what the numbers in them stand for, before they stand there. Throws `TableFullError`. */
function keepNames(engine: Engine): void {
  for (const record of engine.registry.unkept()) engine.kernel.keepText(textId(record), JSON.stringify(record));
  engine.registry.kept();
}

/** Takes over what the numbers in the kernel's tables stand for from the daemon before this one. */
export function restoreNames(engine: Engine): void {
  const restored = engine.registry.restore([...engine.kernel.texts().values()].map((text): unknown => JSON.parse(text)));
  if (!restored.ok) throw new Failure("failed", `${restored.problem}; take these tables away with "holdfast down" and start anew`);
}

/** Files what an image is. When it cannot be filed the image stays unknown, and what could be denied or asked about stays held. */
export function identifyImage(engine: Engine, report: KernelReport): Promise<void> {
  /* The kernel may report an image with every packet until it has a class. */
  if (engine.kernel.classOf(report.key) !== CLASS_UNKNOWN) return Promise.resolve();
  const text = keyText(report.key);
  const running = engine.filing.get(text) ?? fileImage(engine, report).finally(() => engine.filing.delete(text));
  engine.filing.set(text, running);
  return running;
}

/** Where the process's file is now, by its own word. */
function shownPath({ proc }: Engine, { tgid, startNs }: KernelReport): string | null {
  return proc.isSame(tgid, startNs) ? proc.exe(tgid) : null;
}

async function fileImage(engine: Engine, reported: KernelReport): Promise<void> {
  /* It may be gone by the time its ancestors are known. */
  const report = { ...reported, path: reported.path ?? shownPath(engine, reported) };
  const unknown = (report.key.flags & IMAGE_FOR_WHOM_UNKNOWN) !== 0;
  const responsible = unknown ? await forWhom(engine, report) : report.key.responsible;
  const argsHash = report.key.argsHash || report.argsHash;
  const outcome = await classify(engine, { ...report, key: { ...toKey(report.key, responsible), argsHash } });
  engine.health.keep("classes-full", "error", outcome.ok ? null : outcome.problem);
  if (!outcome.ok) return;
  if (!placeClass(engine, outcome)) {
    await makeRows(engine);
    /* From the start: its number may be another's by now. */
    return fileImage(engine, report);
  }
  const image = {
    class: outcome.classId,
    app: outcome.appId,
    launcher: Number(outcome.role === "launcher"),
    session: Number(outcome.role === "session"),
    interpreter: 0,
    reserved: 0,
    responsible,
  };
  try {
    keepNames(engine);
    engine.kernel.putImage(report.key, image);
    /* The next run of the same file for the same program needs no question at all; an interpreter's is looked up by its arguments. */
    if (outcome.certain && report.key.salt !== 0n) {
      const flags = report.key.flags & ~IMAGE_FOR_WHOM_UNKNOWN;
      const next = { ...report.key, salt: 0n, argsHash: 0n, responsible, flags };
      engine.kernel.putImage(next, outcome.interpreter ? { ...image, class: 0, interpreter: 1 } : image);
      if (outcome.interpreter && argsHash !== 0n) engine.kernel.putImage({ ...next, argsHash }, image);
    }
    engine.health.clear("images-full");
  } catch (error) {
    if (!(error instanceof TableFullError)) throw error;
    engine.health.set("images-full", "warning", `${error.message}: programs that are new stay unidentified and held`);
  }
}

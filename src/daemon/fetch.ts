// SPDX-License-Identifier: Apache-2.0
/** Downloads for the daemon, which itself speaks to nobody: each is done by a process that is nobody, and only its bytes come here. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { messageOf } from "../store/problem.ts";
import type { FetchJob, FetchResult } from "./fetch-child.ts";

export type FetchLimits = { readonly bytes: number; readonly totalMs: number; readonly idleMs: number };

/** Ten times the longest list that is published (some 25 MB), over a slow line. */
export const FETCH_LIMITS: FetchLimits = { bytes: 256 * 1024 * 1024, totalMs: 600_000, idleMs: 30_000 };

export type FetchOptions = Pick<FetchJob, "url" | "etag" | "lastModified" | "allowHttp" | "allowLocal"> & {
  /** Where the text goes; written over, 0600. */
  readonly file: string;
  readonly limits?: Partial<FetchLimits>;
  /** Certificates to trust in the place of Node's own: for tests. */
  readonly ca?: string;
};

const CHILD = fileURLToPath(new URL("./fetch-child.ts", import.meta.url));
/** Of nobody and nogroup on every Linux (the kernel's overflowuid). */
const NOBODY = 65534;
/** A result is a sentence, or two headers. */
const LONGEST_RESULT = 64 * 1024;

/** The account `nobody`; null where we are not root and stay who we are. */
function account(): FetchJob["account"] {
  if (process.getuid?.() !== 0) return null;
  const [, , uid, gid] = /^nobody:.*$/m.exec(readFileSync("/etc/passwd", "latin1"))?.[0].split(":") ?? [];
  return { uid: Number(uid ?? NOBODY) || NOBODY, gid: Number(gid ?? NOBODY) || NOBODY };
}

class TooLong extends Error {}

async function resultOf(stream: Readable): Promise<string> {
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) {
    text += chunk;
    if (text.length > LONGEST_RESULT) throw new TooLong();
  }
  return text;
}

/** Downloads a list into `file`. What prevented it is the end of a sentence. */
export async function fetchList({ file, limits, ca, ...wanted }: FetchOptions): Promise<FetchResult> {
  const { bytes, totalMs, idleMs } = { ...FETCH_LIMITS, ...limits };
  const job: FetchJob = { ...wanted, idleMs, ca: ca ?? null, account: account() };
  const child = spawn(process.execPath, [CHILD], { cwd: "/", env: {}, stdio: ["pipe", "pipe", "ignore", "pipe"] });
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) return { ok: false, problem: "no process can be started to download it" };
  const closed = once(child, "close");
  closed.catch(() => {});
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, totalMs);
  try {
    stdin.on("error", () => {});
    stdin.end(JSON.stringify(job));
    let length = 0;
    const measured = async function* (source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
      for await (const chunk of source) {
        length += chunk.length;
        if (length > bytes) throw new TooLong();
        yield chunk;
      }
    };
    const [text] = await Promise.all([
      resultOf(child.stdio[3] as Readable),
      pipeline(stdout, measured, createWriteStream(file, { mode: 0o600 })),
    ]);
    if (late) return { ok: false, problem: `it had not come whole after ${totalMs / 1000} seconds` };
    if (text === "") return { ok: false, problem: "the process that downloads it ended before it was done" };
    return JSON.parse(text) as FetchResult;
  } catch (error) {
    if (error instanceof TooLong) return { ok: false, problem: `it is longer than ${Math.floor(bytes / 1024 / 1024)} MiB` };
    return { ok: false, problem: `it cannot be downloaded: ${messageOf(error)}` };
  } finally {
    clearTimeout(timer);
    child.kill("SIGKILL");
    await closed.catch(() => {});
  }
}

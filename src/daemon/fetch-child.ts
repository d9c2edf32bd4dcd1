// SPDX-License-Identifier: Apache-2.0
/**
 * Downloads one file, as nobody. What to get comes on standard input; the text goes to standard output, what became of it to descriptor 3.
 * The account is left before the first byte goes out, and only ever read by a process that has no rights.
 */
import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from "node:dns";
import { readFileSync, writeSync } from "node:fs";
import type { IncomingMessage, RequestOptions } from "node:http";
import { networkInterfaces } from "node:os";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { isLocal } from "./fetch-address.ts";

// import of node:http also loads its WebSocket names (cli/transport.ts).
const http = process.getBuiltinModule("node:http");
const https = process.getBuiltinModule("node:https");

/** What to get. `etag`, `lastModified`: of the version there is. `ca`: certificates to trust in the place of Node's own. */
export type FetchJob = {
  readonly url: string;
  readonly etag: string | null;
  readonly lastModified: string | null;
  readonly allowHttp: boolean;
  readonly allowLocal: boolean;
  /** Nothing comes for so long: it is given up. */
  readonly idleMs: number;
  readonly ca: string | null;
  /** The account to be: null when we are not root. */
  readonly account: { readonly uid: number; readonly gid: number } | null;
};

/** `same`: the server says that nothing changed. `problem`: the end of a sentence, "its server …". */
export type FetchResult =
  | { readonly ok: true; readonly same: boolean; readonly etag: string | null; readonly lastModified: string | null }
  | { readonly ok: false; readonly problem: string };

/** Why there is no text. */
class Refusal extends Error {
  override readonly name = "Refusal";
}

/** RFC 9110, 15.4: the client decides; browsers give up after 20. */
const MOST_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];
const RESULT_FD = 3;

function becomeNobody({ account }: FetchJob): void {
  if (account === null) return;
  process.setgroups?.([]);
  process.setgid?.(account.gid);
  process.setuid?.(account.uid);
  if (process.getuid?.() === 0 || process.getgid?.() === 0) throw new Refusal("the rights of root cannot be given up");
}

function refuseLocal(host: string): Refusal {
  return new Refusal(`"${host}" is an address of this machine, or one that only it can reach; --allow-local allows it`);
}

const silent = (): Refusal => new Refusal("nothing came from its server for too long");

/** Names are resolved here, so that the address that is looked at is the one that is connected to. */
function checkedLookup(own: readonly string[]): NonNullable<RequestOptions["lookup"]> {
  return (
    host: string,
    options: LookupOptions,
    done: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
  ) => {
    dnsLookup(host, { ...options, all: true }, (error, found) => {
      const addresses = error ? [] : found.filter(({ address }) => !isLocal(address, own));
      const [first] = addresses;
      if (error || first === undefined) done(error ?? refuseLocal(host), "");
      else if (options.all) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}

/** Whether a download may begin at, or be led on to, this URL. */
function checkUrl(url: URL, { allowHttp, allowLocal }: FetchJob, own: readonly string[]): void {
  if (url.protocol === "http:" && !allowHttp) throw new Refusal(`"${url.origin}" is not encrypted; --allow-http allows it`);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw new Refusal(`"${url.protocol}" is no way to get a list; expected https`);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const literal = /^[\d.]+$/.test(host) || host.includes(":");
  if (literal && !allowLocal && isLocal(host, own)) throw refuseLocal(host);
}

function headersOf({ etag, lastModified }: FetchJob): Record<string, string> {
  return {
    "user-agent": "holdfast",
    accept: "*/*",
    "accept-encoding": "gzip",
    ...(etag === null ? {} : { "if-none-match": etag }),
    ...(lastModified === null ? {} : { "if-modified-since": lastModified }),
  };
}

function get(url: URL, job: FetchJob, own: readonly string[]): Promise<IncomingMessage> {
  checkUrl(url, job, own);
  return new Promise((resolve, reject) => {
    const options = {
      agent: false as const,
      headers: headersOf(job),
      timeout: job.idleMs,
      ...(job.allowLocal ? {} : { lookup: checkedLookup(own) }),
      ...(job.ca === null ? {} : { ca: job.ca }),
    };
    const request = (url.protocol === "https:" ? https : http).get(url, options, (answer) => {
      answer.setTimeout(job.idleMs, () => answer.destroy(silent()));
      resolve(answer);
    });
    request.on("timeout", () => request.destroy(silent()));
    request.on("error", reject);
    request.on("socket", (socket) =>
      socket.once("connect", () => {
        if (!job.allowLocal && isLocal(socket.remoteAddress ?? "", own)) request.destroy(refuseLocal(url.hostname));
      }),
    );
  });
}

/** Follows redirects to the answer. */
async function answerOf(job: FetchJob): Promise<IncomingMessage> {
  const own = Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address));
  let url = new URL(job.url);
  for (let redirects = 0; ; redirects++) {
    const answer = await get(url, job, own);
    if (!REDIRECTS.includes(answer.statusCode ?? 0)) return answer;
    answer.destroy();
    const { location } = answer.headers;
    if (location === undefined || !URL.canParse(location, url)) throw new Refusal("its server leads on to nowhere");
    if (redirects === MOST_REDIRECTS) throw new Refusal(`its server leads on more than ${MOST_REDIRECTS} times`);
    url = new URL(location, url);
  }
}

async function download(job: FetchJob): Promise<FetchResult> {
  becomeNobody(job);
  const answer = await answerOf(job);
  const { statusCode: status, headers } = answer;
  if (status === 304 && (job.etag !== null || job.lastModified !== null))
    return { ok: true, same: true, etag: job.etag, lastModified: job.lastModified };
  if (status !== 200) throw new Refusal(`its server answers ${status} ${answer.statusMessage ?? ""}`.trimEnd());
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding === "gzip") await pipeline(answer, createGunzip(), process.stdout);
  else if (encoding === "identity") await pipeline(answer, process.stdout);
  else throw new Refusal(`its server sends it as "${encoding}"; expected gzip or plain text`);
  return { ok: true, same: false, etag: headers.etag ?? null, lastModified: headers["last-modified"] ?? null };
}

function problemOf(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  const { code = "", message } = error as NodeJS.ErrnoException;
  if (["ECONNRESET", "Z_BUF_ERROR", "ERR_STREAM_PREMATURE_CLOSE"].includes(code)) return "the connection ended before all of it had come";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "its server's name cannot be found";
  if (code === "ECONNREFUSED") return "its server refuses the connection";
  return `its server cannot be used: ${error instanceof AggregateError ? code : message}`;
}

const job = JSON.parse(readFileSync(0, "utf8")) as FetchJob;
const result = await download(job).catch((error: unknown): FetchResult => ({ ok: false, problem: problemOf(error) }));
writeSync(RESULT_FD, JSON.stringify(result));
process.exit();

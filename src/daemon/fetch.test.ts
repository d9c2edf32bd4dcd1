// SPDX-License-Identifier: Apache-2.0
/** Downloads against servers on the loopback: what comes, what is refused, and who asks. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { gzipSync } from "node:zlib";
import { type FetchOptions, fetchList } from "./fetch.ts";
import { isLocal } from "./fetch-address.ts";

const folder = mkdtempSync(join(tmpdir(), "holdfast-fetch-"));
const file = join(folder, "text");
const TEXT = "ads.example\n".repeat(1000);
const servers: Server[] = [];
const seen: { path: string; conditional: string | undefined; uid: number }[] = [];
let [plain, encrypted, ca] = ["", "", ""];

/** Whose the socket at the other end is. */
function uidOf(port: number): number {
  const line = readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .find((each) =>
      each
        .trim()
        .split(/\s+/)[1]
        ?.endsWith(`:${port.toString(16).toUpperCase().padStart(4, "0")}`),
    );
  return Number(line?.trim().split(/\s+/)[7]);
}

const serve: RequestListener = (request, reply) => {
  const path = request.url ?? "";
  seen.push({ path, conditional: request.headers["if-none-match"], uid: uidOf(request.socket.remotePort ?? 0) });
  const to = /^\/to\/(.*)$/.exec(path)?.[1];
  if (to !== undefined) reply.writeHead(302, { location: decodeURIComponent(to) }).end();
  else if (path === "/gzip") reply.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(TEXT));
  else if (path === "/cut-gzip") reply.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(TEXT).subarray(0, 30));
  else if (path === "/cut") {
    reply.writeHead(200, { "content-length": TEXT.length + 1 });
    reply.write(TEXT, () => request.socket.destroy());
  } else if (path === "/silent") reply.writeHead(200).write("a");
  else if (path === "/drip") {
    const timer = setInterval(() => reply.write("a.example\n"), 50);
    request.socket.on("close", () => clearInterval(timer));
  } else if (path === "/list" && request.headers["if-none-match"] === '"1"') reply.writeHead(304).end();
  else if (path === "/list") reply.writeHead(200, { etag: '"1"', "last-modified": "Mon, 05 Jan 2026 10:00:00 GMT" }).end(TEXT);
  else reply.writeHead(404, "Not Found").end();
};

async function listening(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

before(async () => {
  const [key, cert] = [join(folder, "key"), join(folder, "cert")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", ...subject], {
    stdio: "ignore",
  });
  ca = readFileSync(cert, "utf8");
  plain = `http://127.0.0.1:${await listening(createServer(serve))}`;
  encrypted = `https://localhost:${await listening(createTlsServer({ key: readFileSync(key), cert: ca }, serve))}`;
});
after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(folder, { recursive: true });
});

const fetched = (url: string, options: Partial<FetchOptions> = {}) =>
  fetchList({ url, etag: null, lastModified: null, allowHttp: false, allowLocal: true, file, ca, ...options });
const problem = async (url: string, options: Partial<FetchOptions> = {}): Promise<string> => {
  const result = await fetched(url, options);
  return result.ok ? "it came" : result.problem;
};

test("fetchList() brings a list whole, as nobody, and only its owner may read it", async () => {
  seen.length = 0;
  const version = { etag: '"1"', lastModified: "Mon, 05 Jan 2026 10:00:00 GMT" };
  assert.deepEqual(await fetched(`${encrypted}/list`), { ok: true, same: false, ...version });
  assert.equal(readFileSync(file, "utf8"), TEXT);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(seen[0]?.uid, process.getuid?.() === 0 ? 65534 : process.getuid?.());
  assert.deepEqual(await fetched(`${encrypted}/list`, version), { ok: true, same: true, ...version });
  await fetched(`${encrypted}/gzip`);
  assert.equal(readFileSync(file, "utf8"), TEXT);
});

test("fetchList() follows redirects to https only, unless it is told otherwise", async () => {
  const to = (url: string): string => `/to/${encodeURIComponent(url)}`;
  assert.equal(await problem(`${encrypted}${to("/list")}`), "it came");
  assert.equal(await problem(`${encrypted}${to(`${plain}/list`)}`), `"${plain}" is not encrypted; --allow-http allows it`);
  assert.equal(await problem(`${plain}/list`), `"${plain}" is not encrypted; --allow-http allows it`);
  assert.equal(await problem(`${encrypted}${to(`${plain}/list`)}`, { allowHttp: true }), "it came");
  assert.match(await problem(`${encrypted}${to("file:///etc/shadow")}`, { allowHttp: true }), /^"file:" is no way to get a list/);
  let nested = "/list";
  for (let i = 0; i < 6; i++) nested = to(nested);
  assert.equal(await problem(`${encrypted}${nested}`), "its server leads on more than 5 times");
});

test("fetchList() connects to no local address, by number, by name or when led on to one", async () => {
  seen.length = 0;
  const options = { allowLocal: false, allowHttp: true };
  const sentence = (host: string): string =>
    `"${host}" is an address of this machine, or one that only it can reach; --allow-local allows it`;
  const { port } = new URL(plain);
  for (const host of ["127.0.0.1", "[::1]", "0.0.0.0", "169.254.169.254", "[::ffff:127.0.0.1]", "2130706433"])
    assert.match(
      await problem(`http://${host}:${port}/list`, options),
      /is an address of this machine, or one that only it can reach/,
      host,
    );
  assert.equal(await problem(`${encrypted}/list`, options), sentence("localhost"));
  assert.deepEqual(seen, [], "nothing was asked");
});

test("isLocal() knows what a download must not reach", () => {
  const local = ["127.8.8.8", "::1", "::", "0.1.2.3", "169.254.169.254", "fe80::1%eth0", "fd00:ec2::254", "100.100.100.200"];
  const disguised = ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "::127.0.0.1", "10.9.8.7", "nonsense"];
  for (const address of [...local, ...disguised]) assert.equal(isLocal(address, ["10.9.8.7"]), true, address);
  for (const address of ["192.0.2.1", "10.9.8.6", "64:ff9b::c000:201", "2001:db8::1"])
    assert.equal(isLocal(address, ["10.9.8.7"]), false, address);
});

test("fetchList() gives up what is cut short, too long, too slow or not there", async () => {
  const cut = "the connection ended before all of it had come";
  assert.equal(await problem(`${encrypted}/cut`), cut);
  assert.match(await problem(`${encrypted}/cut-gzip`), new RegExp(`^${cut}|unexpected end`));
  assert.equal(await problem(`${encrypted}/list`, { limits: { bytes: TEXT.length - 1 } }), "it is longer than 0 MiB");
  assert.equal(await problem(`${encrypted}/silent`, { limits: { idleMs: 300 } }), "nothing came from its server for too long");
  assert.equal(await problem(`${encrypted}/drip`, { limits: { totalMs: 1500 } }), "it had not come whole after 1.5 seconds");
  assert.equal(await problem(`${encrypted}/none`), "its server answers 404 Not Found");
  assert.equal(await problem("https://localhost:9/list"), "its server refuses the connection");
  assert.match(await problem(`${encrypted}/list`, { ca: "" }), /^its server cannot be used: .*certificate/);
});

// SPDX-License-Identifier: Apache-2.0
/** Carries the client's requests over the daemon's Unix socket. */
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Transport } from "../client/client.ts";
import { Failure } from "../contract/failure.ts";

// import() of node:http also loads its WebSocket names: 50 ms that a command line does not have.
const http = process.getBuiltinModule("node:http");

/** A transport to the daemon that listens on `socketPath`; a connection of its own for each request. */
export function unixTransport(socketPath: string): Transport {
  const open = (method: string, path: string, headers: Record<string, string | number>): ClientRequest =>
    http.request({ socketPath, method, path, agent: false, headers: { host: "holdfast", ...headers } });

  return {
    request: async (method, path, body) => {
      const bytes = body === undefined ? null : Buffer.from(JSON.stringify(body));
      const request = open(method, path, bytes === null ? {} : { "content-type": "application/json", "content-length": bytes.length });
      const reply = responseTo(request, socketPath);
      request.end(bytes ?? undefined);
      return readWhole(await reply, socketPath);
    },
    stream: async function* (path, signal) {
      if (signal.aborted) return;
      const request = open("GET", path, {});
      const abort = (): void => void request.destroy();
      signal.addEventListener("abort", abort, { once: true });
      try {
        const reply = responseTo(request, socketPath);
        request.end();
        const response = await reply;
        if (response.statusCode !== 200) {
          yield await readWhole(response, socketPath);
          return;
        }
        yield null;
        for await (const line of lines(response)) yield { status: 200, body: JSON.parse(line) as unknown };
      } catch (error) {
        if (!signal.aborted && !isReset(error)) throw error;
      } finally {
        signal.removeEventListener("abort", abort);
        request.destroy();
      }
    },
  };
}

function responseTo(request: ClientRequest, socketPath: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("response", resolve);
    // Stays for errors after the response, which come to its reader too.
    request.on("error", (error) => reject(connectionFailure(error, socketPath)));
  });
}

async function readWhole(response: IncomingMessage, socketPath: string): Promise<{ status: number; body: unknown }> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown };
  } catch (error) {
    if (isReset(error)) throw connectionFailure(error, socketPath);
    throw new Failure("failed", `What answers on "${socketPath}" is no Holdfast daemon: its reply is not JSON`, { cause: error });
  }
}

async function* lines(response: IncomingMessage): AsyncIterable<string> {
  response.setEncoding("utf8");
  let rest = "";
  for await (const chunk of response) {
    const parts = (rest + String(chunk)).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

/** The connection ended before the reply did: the daemon is gone. */
function isReset(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ECONNRESET" || code === "EPIPE" || (error instanceof Failure && error.code === "no-daemon" && isReset(error.cause));
}

function connectionFailure(error: unknown, socketPath: string): Failure {
  const code = codeOf(error);
  if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTDIR") {
    return new Failure("no-daemon", `No daemon answers on "${socketPath}": start one with "holdfast up"`, { cause: error });
  }
  if (code === "EACCES" || code === "EPERM") {
    const whom = `only root and members of the group "holdfast" may talk to the daemon`;
    return new Failure("not-permitted", `Not permitted to use "${socketPath}": ${whom}`, { cause: error });
  }
  if (isReset(error)) return new Failure("no-daemon", `The daemon on "${socketPath}" ended before it answered`, { cause: error });
  if (code === "EINVAL" || code === "ENAMETOOLONG") {
    return new Failure("bad-input", `Cannot use socket "${socketPath}": expected a path of at most 107 bytes`, { cause: error });
  }
  return new Failure("failed", `Cannot talk to the daemon on "${socketPath}": ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}

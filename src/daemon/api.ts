// SPDX-License-Identifier: Apache-2.0
/** The API on its Unix socket. Everything it says and hears is in contract/api.ts; what it does is the backend's. */
import { unwatchFile, watchFile } from "node:fs";
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import { ApiEvent, EventsRequest, ROUTES, type Route } from "../contract/api.ts";
import { FAILURES, Failure } from "../contract/failure.ts";
import { EVENTS_PATH, type Right, type RouteName } from "../contract/routes.ts";
import { groupLookup, rightsOfConnection } from "./auth.ts";
import type { Backend, BackendEvent } from "./backend.ts";
import { readRequest } from "./fields.ts";
import { listenOn, openTo } from "./listen.ts";
import { Outbox } from "./outbox.ts";

// import of node:http also loads its WebSocket names: memory the daemon does not need.
const { createServer } = process.getBuiltinModule("node:http");

/** A backup with 4,096 rules and their notes is a few megabytes. */
const BODY_LIMIT_BYTES = 16 * 1024 * 1024;
const GROUP_CHECK_MS = 5000;

export type ApiOptions = {
  readonly socket: string;
  /** Gets a sentence when a reply does not fit its schema or the backend fails for no stated reason. */
  readonly log: (sentence: string) => void;
  /** Where the group `holdfast` stands; default /etc/group. */
  readonly groupFile?: string;
};

export type ApiServer = {
  /** Connections that follow events: those who could answer a question. */
  readonly clients: () => number;
  /** Ends all connections and removes the socket. */
  readonly close: () => Promise<void>;
};

/** Serves `backend`. Resolves when the socket accepts connections; `Failure("conflict")` when another daemon has it. */
export async function startApi(backend: Backend, options: ApiOptions): Promise<ApiServer> {
  const groupFile = options.groupFile ?? "/etc/group";
  const group = groupLookup(groupFile);
  const rights = new WeakMap<Socket, ReadonlySet<Right>>();
  let server: Server | null = null;
  const app = fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 4096 },
    serverFactory: (handler) => {
      server = createServer((request, reply) => {
        reply.sendDate = false;
        handler(request, reply);
      });
      return server;
    },
  });
  const allowed = (request: IncomingMessage, right: Right): boolean => rights.get(request.socket)?.has(right) ?? false;
  app.addHook("onRequest", async (request) => {
    // Before anything else is read or said, a wrong path included.
    if (!allowed(request.raw, "read")) throw notPermitted();
  });
  app.setErrorHandler((error, _request, reply) => sendFailure(reply, error, options.log));
  app.setNotFoundHandler((request) => {
    throw new Failure("not-found", `There is no "${request.method} ${request.url.split("?")[0]}" in this API`);
  });
  for (const [name, route] of Object.entries(ROUTES)) addRoute(app, backend, { name: name as RouteName, route, allowed, log: options.log });
  const following = addEvents(app, backend, options.log);
  await app.ready();
  const listening = server as Server | null;
  if (listening === null) throw new Error("fastify made no server");
  listening.on("connection", (socket: Socket) => rights.set(socket, rightsOfConnection(socket, group)));
  await listenOn(listening, options.socket);
  openTo(options.socket, group());
  const follow = (): void => {
    try {
      openTo(options.socket, group());
    } catch (error) {
      options.log(`Cannot give socket "${options.socket}" to its group: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  watchFile(groupFile, { interval: GROUP_CHECK_MS, persistent: false }, follow);
  return {
    clients: () => following.size,
    close: async () => {
      unwatchFile(groupFile, follow);
      const closed = new Promise((resolve) => listening.close(resolve));
      listening.closeAllConnections();
      await closed;
      await app.close();
    },
  };
}

function notPermitted(): Failure {
  return new Failure("not-permitted", `Not permitted: only root and members of the group "holdfast" may talk to the daemon`);
}

type RouteContext = {
  readonly name: RouteName;
  readonly route: Route;
  readonly allowed: (request: IncomingMessage, right: Right) => boolean;
  readonly log: (sentence: string) => void;
};

function addRoute(app: FastifyInstance, backend: Backend, { name, route, allowed, log }: RouteContext): void {
  // One name selects schema and method alike; the compiler cannot see that the two belong together.
  const method = backend[name] as (request: unknown) => Promise<object>;
  app.route({
    method: route.method,
    url: route.path,
    handler: async (request, reply) => {
      if (!allowed(request.raw, route.right)) throw notPermitted();
      const answer = await method.call(backend, readRequest(route.request, request));
      const result = route.reply.safeParse({ schema: 1, ...answer });
      if (!result.success) {
        log(`The reply of "${name}" does not fit its schema: ${JSON.stringify(result.error.issues)}`);
        throw new Failure("failed", `The daemon made a reply to "${name}" that does not fit; its log says more`);
      }
      return reply.type("application/json").send(JSON.stringify(result.data));
    },
  });
}

/** The stream of events. Returns the connections that have it open. */
function addEvents(app: FastifyInstance, backend: Backend, log: (sentence: string) => void): ReadonlySet<Socket> {
  const following = new Set<Socket>();
  app.get(EVENTS_PATH, (request, reply) => {
    const { topics } = readRequest(EventsRequest, { params: null, query: request.query, body: null });
    const { raw } = reply.hijack();
    const socket = request.raw.socket;
    const outbox = new Outbox(raw, `${JSON.stringify({ schema: 1, kind: "resync" } satisfies ApiEvent)}\n`);
    raw.on("drain", () => outbox.ready());
    // A reader that is gone; "close" follows.
    raw.on("error", () => {});
    const unsubscribe = backend.subscribe(topics, (event: BackendEvent) => {
      const result = ApiEvent.safeParse({ schema: 1, ...event });
      if (result.success) outbox.put(`${JSON.stringify(result.data)}\n`);
      else log(`An event "${event.kind}" does not fit its schema: ${JSON.stringify(result.error.issues)}`);
    });
    following.add(socket);
    raw.on("close", () => {
      unsubscribe();
      following.delete(socket);
    });
    raw.writeHead(200, { "content-type": "application/x-ndjson" });
    // The reader may ask for lists once it has seen the head: it is subscribed by then.
    raw.flushHeaders();
  });
  return following;
}

function sendFailure(reply: FastifyReply, error: unknown, log: (sentence: string) => void): void {
  const failure = asFailure(error, log);
  const problems = failure.problems === null ? {} : { problems: failure.problems };
  reply
    .status(FAILURES[failure.code].status)
    .type("application/json")
    .send(JSON.stringify({ schema: 1, error: { code: failure.code, message: failure.message, ...problems } }));
}

function asFailure(error: unknown, log: (sentence: string) => void): Failure {
  if (error instanceof Failure) return error;
  // fastify's own refusals: a body that is no JSON, too long, of another type.
  if (error instanceof Error && "statusCode" in error && typeof error.statusCode === "number" && error.statusCode < 500) {
    return new Failure("bad-input", `Cannot read the request: ${error.message}`, { cause: error });
  }
  const sentence = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log(`A request failed: ${sentence}`);
  return new Failure("failed", "The daemon failed at this; its log says more");
}

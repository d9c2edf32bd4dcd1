// SPDX-License-Identifier: Apache-2.0
/** A typed client of the API, made from the table of routes, over whatever carries requests. */
import type { ApiEvent, ReplyOf, RequestInput } from "../contract/api.ts";
import { Failure, type FileProblem, isFailureCode } from "../contract/failure.ts";
import { EVENTS_PATH, PATHS, pathFields, type RouteName, type RoutePath, type Topic } from "../contract/routes.ts";

/** Carries requests. Both throw `Failure("no-daemon")` or `Failure("not-permitted")` when nobody answers or we may not ask. */
export type Transport = {
  /** Sends `body` as JSON (undefined = none); resolves with the decoded reply of any status. */
  readonly request: (method: string, path: string, body: unknown) => Promise<{ readonly status: number; readonly body: unknown }>;
  /** Yields one decoded object a line, first when the stream is open (null), until it ends or `signal` aborts. */
  readonly stream: (path: string, signal: AbortSignal) => AsyncIterable<{ readonly status: number; readonly body: unknown } | null>;
};

export type Client = { readonly [R in RouteName]: (request: RequestInput<R>) => Promise<ReplyOf<R>> } & {
  /** Events from now on. The first one is null: from here on nothing is missed. Ends when the daemon goes or `signal` aborts. */
  readonly events: (topics: readonly Topic[], signal: AbortSignal) => AsyncIterable<ApiEvent | null>;
};

/** Every call rejects with a `Failure` when the daemon refuses it. */
export function createClient(transport: Transport): Client {
  const call = async (route: RoutePath, request: Readonly<Record<string, unknown>>): Promise<unknown> => {
    const { path, body } = address(route, request);
    const reply = await transport.request(route.method, path, body);
    if (reply.status !== 200) throw failureOf(reply.body);
    return reply.body;
  };
  const methods = Object.fromEntries(
    Object.entries(PATHS).map(([name, route]) => [name, (request: Readonly<Record<string, unknown>>) => call(route, request)]),
  );
  const events = async function* (topics: readonly Topic[], signal: AbortSignal): AsyncIterable<unknown> {
    for await (const line of transport.stream(`${EVENTS_PATH}?topics=${topics.join(",")}`, signal)) {
      if (line !== null && line.status !== 200) throw failureOf(line.body);
      yield line?.body ?? null;
    }
  };
  // The daemon has checked each reply against the schema these types come from.
  return { ...methods, events } as Client;
}

/** Where a request goes: its fields spread over path, query (GET) and body. Null fields are left out of a query. */
export function address(route: RoutePath, request: Readonly<Record<string, unknown>>): { path: string; body: unknown } {
  const inPath = new Set(pathFields(route.path));
  let path = route.path;
  for (const field of inPath) path = path.replace(`:${field}`, () => encode(request[field]));
  const rest = Object.entries(request).filter(([field]) => !inPath.has(field));
  if (route.method !== "GET") return { path, body: rest.length > 0 || route.method !== "DELETE" ? Object.fromEntries(rest) : undefined };
  const query = rest.filter(([, value]) => value !== null && value !== undefined).map(([field, value]) => `${field}=${encode(value)}`);
  return { path: query.length > 0 ? `${path}?${query.join("&")}` : path, body: undefined };
}

/** Percent-encoding knows no lone surrogates (contract/bytes.ts); in a path or query they become U+FFFD. */
function encode(value: unknown): string {
  return encodeURIComponent(Array.from(String(value), (character) => (/\p{Surrogate}/u.test(character) ? "\ufffd" : character)).join(""));
}

function failureOf(body: unknown): Failure {
  const error = typeof body === "object" && body !== null && "error" in body ? body.error : null;
  if (typeof error !== "object" || error === null || !("message" in error))
    return new Failure("failed", "The daemon gave an answer that cannot be read");
  const code = "code" in error && isFailureCode(error.code) ? error.code : "failed";
  const problems = "problems" in error && Array.isArray(error.problems) ? (error.problems as FileProblem[]) : undefined;
  return new Failure(code, String(error.message), problems === undefined ? {} : { problems });
}

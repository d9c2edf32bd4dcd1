// SPDX-License-Identifier: Apache-2.0
/** What the API asks of the daemon: one method a route, and the stream. `Failure` thrown here reaches the caller as it is. */
import type { ApiEvent, ReplyOf, RequestOf } from "../contract/api.ts";
import type { RouteName, Topic } from "../contract/routes.ts";

type WithoutSchema<T> = T extends unknown ? Omit<T, "schema"> : never;

/** A reply as the backend gives it; the API adds `schema`. */
export type BackendReply<R extends RouteName> = WithoutSchema<ReplyOf<R>>;
/** An event as the backend gives it; `resync` is the API's own. */
export type BackendEvent = WithoutSchema<Exclude<ApiEvent, { kind: "resync" }>>;

export type Backend = {
  readonly [R in RouteName]: (request: RequestOf<R>) => Promise<BackendReply<R>>;
} & {
  /** Calls `listener` with every event of the topics from now on, in order, until the returned function is called. */
  readonly subscribe: (topics: readonly Topic[], listener: (event: BackendEvent) => void) => () => void;
};

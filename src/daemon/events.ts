// SPDX-License-Identifier: Apache-2.0
/** Who follows what: events go to every subscriber of their topic, in order. */
import type { Topic } from "../contract/routes.ts";
import type { Backend, BackendEvent } from "./backend.ts";

const TOPIC_OF = {
  flow: "flows",
  question: "questions",
  "question-closed": "questions",
  health: "health",
  rules: "rules",
} as const satisfies Record<BackendEvent["kind"], Topic>;

export type Events = { readonly publish: (event: BackendEvent) => void; readonly subscribe: Backend["subscribe"] };

export function makeEvents(): Events {
  const subscribers = new Set<{ topics: readonly Topic[]; listener: (event: BackendEvent) => void }>();
  return {
    publish: (event) => {
      const topic = TOPIC_OF[event.kind];
      for (const { topics, listener } of subscribers) if (topics.includes(topic)) listener(event);
    },
    subscribe: (topics, listener) => {
      const subscriber = { topics, listener };
      subscribers.add(subscriber);
      return () => subscribers.delete(subscriber);
    },
  };
}

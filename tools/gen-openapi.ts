// SPDX-License-Identifier: Apache-2.0
/** Writes docs/openapi.json from contract/api.ts; with --check only says whether it is as it should be (exit 1 when not). */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { ApiEvent, ROUTES, type Route } from "../src/contract/api.ts";
import { FAILURES } from "../src/contract/failure.ts";
import { ErrorReply } from "../src/contract/replies.ts";
import { EVENTS_PATH, pathFields, TOPICS } from "../src/contract/routes.ts";
import { AppShape, AppSummary, Flow, Group, HealthItem, ListedRule, ProblemShape, Question, Setting } from "../src/contract/shapes.ts";

const FILE = fileURLToPath(new URL("../docs/openapi.json", import.meta.url));

type Json = Record<string, unknown>;

/** Shapes that get a name of their own; the rest stands where it is used. */
const NAMED = {
  App: AppShape,
  AppSummary,
  Flow,
  Group,
  HealthItem,
  Rule: ListedRule,
  Problem: ProblemShape,
  Question,
  Setting,
  Error: ErrorReply,
  Event: ApiEvent,
};

/** The OpenAPI 3.1 document of the API. */
export function openApi(): Json {
  const names = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(NAMED)) names.add(schema, { id });
  const components: Json = {};
  /** JSON Schema (draft 2020-12, the dialect of OpenAPI 3.1), named shapes as references. */
  const json = (schema: z.ZodType, io: "input" | "output"): Json => {
    const { $schema: _dialect, $defs: defs, ...rest } = z.toJSONSchema(schema, { io, metadata: names, unrepresentable: "any" }) as Json;
    for (const [id, definition] of Object.entries((defs ?? {}) as Json)) components[id] = inComponents(definition);
    if (typeof rest.id === "string") {
      components[rest.id] = inComponents(rest);
      return { $ref: `#/components/schemas/${rest.id}` };
    }
    return inComponents(rest) as Json;
  };
  const failures = Object.fromEntries(
    [...new Set(Object.values(FAILURES).map(({ status }) => status))].sort().map((status) => {
      const codes = Object.entries(FAILURES).flatMap(([code, each]) => (each.status === status ? [code] : []));
      return [String(status), { description: codes.join(", "), content: { "application/json": { schema: json(ErrorReply, "output") } } }];
    }),
  );
  const paths: Record<string, Json> = {};
  for (const [name, route] of Object.entries(ROUTES) as [string, Route][]) {
    const url = route.path.replace(/:([a-z]+)/g, "{$1}");
    const content = { "application/json": { schema: json(route.reply, "output") } };
    paths[url] = {
      ...paths[url],
      [route.method.toLowerCase()]: {
        operationId: name,
        summary: route.summary,
        "x-right": route.right,
        ...requestOf(route, (schema) => json(schema, "input")),
        responses: { "200": { description: "Done", content }, ...failures },
      },
    };
  }
  paths[EVENTS_PATH] = { get: events(json(ApiEvent, "output"), failures) };
  return {
    openapi: "3.1.0",
    info: {
      title: "Holdfast",
      version: "1",
      description: "The daemon's API, HTTP on a Unix socket. Root and members of the group holdfast may use it.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "http://holdfast", description: "The host name is ignored; the socket is /run/holdfast.sock" }],
    paths,
    components: { schemas: Object.fromEntries(Object.entries(components).sort(([a], [b]) => (a < b ? -1 : 1))) },
  };
}

/** Which fields go into the path, the query and the body (contract/routes.ts). */
function requestOf(route: Route, json: (schema: z.ZodType) => Json): Json {
  const fromPath = pathFields(route.path);
  const rest = Object.keys(route.request.shape).filter((field) => !fromPath.includes(field));
  const parameter = (field: string, where: "path" | "query"): Json => {
    const { default: _null, ...schema } = json(route.request.shape[field] as z.ZodType);
    return { name: field, in: where, required: where === "path" || !isOptional(route.request.shape[field]), schema };
  };
  const parameters = [
    ...fromPath.map((field) => parameter(field, "path")),
    ...(route.method === "GET" ? rest.map((field) => parameter(field, "query")) : []),
  ];
  const body = route.method !== "GET" && rest.length > 0 ? json(route.request.omit(mask(fromPath))) : null;
  return {
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === null ? {} : { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
  };
}

function mask(fields: readonly string[]): Record<string, true> {
  return Object.fromEntries(fields.map((field) => [field, true as const]));
}

function isOptional(schema: unknown): boolean {
  return schema instanceof z.ZodType && schema.safeParse(undefined).success;
}

function events(event: Json, failures: Json): Json {
  return {
    operationId: "events",
    summary: "Events from now on, one JSON object a line",
    "x-right": "read",
    parameters: [
      {
        name: "topics",
        in: "query",
        required: true,
        explode: false,
        schema: { type: "array", items: { type: "string", enum: TOPICS }, minItems: 1 },
      },
    ],
    responses: { "200": { description: "Until either side ends it", content: { "application/x-ndjson": { schema: event } } }, ...failures },
  };
}

/** References into `$defs` become references into the components; ids stand in the key there. */
function inComponents(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inComponents);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key, each]) => !(key === "id" && typeof each === "string" && Object.hasOwn(NAMED, each)))
    .map(([key, each]) => {
      if (key === "$ref" && typeof each === "string") return [key, each.replace("#/$defs/", "#/components/schemas/")];
      return [key, inComponents(each)];
    });
  return Object.fromEntries(entries);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = `${JSON.stringify(openApi(), null, 2)}\n`;
  if (!process.argv.includes("--check")) writeFileSync(FILE, text);
  else if (text !== readFileSync(FILE, "utf8")) {
    console.error(`docs/openapi.json is not what contract/api.ts says: run "node tools/gen-openapi.ts"`);
    process.exitCode = 1;
  }
}

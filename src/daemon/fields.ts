// SPDX-License-Identifier: Apache-2.0
/** The fields of a request, gathered from path, query and body into the one object its schema describes. */
import { z } from "zod";
import { Failure } from "../contract/failure.ts";

export type RawRequest = { readonly params: unknown; readonly query: unknown; readonly body: unknown };

/** Checks a request against its schema; fields in path and query are text and are read as the type they should have. */
export function readRequest<T extends z.ZodObject>(schema: T, raw: RawRequest): z.output<T> {
  const body = raw.body ?? {};
  if (typeof body !== "object" || Array.isArray(body))
    throw new Failure("bad-input", "Cannot read the request: its body is no JSON object");
  const fields: Record<string, unknown> = { ...body };
  for (const part of [raw.params, raw.query]) {
    if (typeof part !== "object" || part === null) continue;
    for (const [name, text] of Object.entries(part)) fields[name] = typeof text === "string" ? fromText(schema.shape[name], text) : text;
  }
  const result = schema.safeParse(fields);
  if (!result.success) throw new Failure("bad-input", sentence(result.error));
  return result.data;
}

function fromText(schema: unknown, text: string): unknown {
  let type = schema;
  while (type instanceof z.ZodDefault || type instanceof z.ZodNullable) type = type.unwrap();
  if (type instanceof z.ZodBoolean && (text === "true" || text === "false")) return text === "true";
  if (type instanceof z.ZodNumber && /^\d+$/.test(text)) return Number(text);
  return text;
}

/** The first thing that is wrong, as a sentence. */
function sentence(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "Cannot read the request";
  const field = issue.path.join(".");
  return `Cannot read ${field === "" ? "the request" : `"${field}" of the request`}: ${issue.message.toLowerCase()}`;
}

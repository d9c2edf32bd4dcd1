// SPDX-License-Identifier: Apache-2.0
/** The JSON form of a rule as a published JSON Schema (draft 2020-12). */
import { z } from "zod";
import { Rule } from "../contract/rule.ts";

/** The schema as text, as docs/rule.schema.json holds it. */
export function ruleSchemaText(): string {
  const schema = z.toJSONSchema(Rule, { target: "draft-2020-12" });
  const described = {
    title: "Holdfast rule",
    description: "One rule in the JSON form that stands one-to-one for a line of rule text.",
    ...schema,
  };
  return `${JSON.stringify(described, null, 2)}\n`;
}

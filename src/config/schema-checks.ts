import { z } from "zod";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { someText } from "./schema-entries.ts";

/*
 * Every check with its parameters: what the config is held to, the JSON Schema that editors complete from, and
 * docs/checks.md are made from this.
 */

const field = z
  .string()
  .optional()
  .meta({
    description: "The one field that is looked at; all of them when absent.",
    examples: ["safe"],
  });
const characters = z.int().min(0).optional();

/** The parameters of each check, by the name a task lists it under. Those of a module that are not ours are its own. */
export const CHECK_PARAMS = {
  "equal-token-count": z.strictObject({}).meta({
    description: "Both texts of a pair have equally many tokens, under every tokenizer and in every template.",
    "x-reasons": "`unequal-token-counts`, `ill-formed-text`, `unproven-text`, `too-long`",
  }),
  "one-token-difference": z.strictObject({}).meta({
    description:
      "Both texts of a pair have equally many tokens and differ at exactly one position, under every tokenizer and in every template.",
    "x-reasons": "those of `equal-token-count`, `not-one-difference`",
  }),
  length: z
    .strictObject({
      field,
      min: characters.meta({ description: "Characters (Unicode code points) a text must have.", examples: [10] }),
      max: characters.meta({ description: "Characters a text may have.", examples: [200] }),
    })
    .meta({
      description: "A text is neither too short nor too long; at least one of `min` and `max` is given.",
      "x-reasons": "`too-short`, `too-long`",
      "x-alone": false,
    }),
  regex: z
    .strictObject({
      field,
      pattern: z.string().meta({
        description: "A JavaScript regular expression, without slashes. It may match anywhere in a text.",
        examples: ["^[A-Z]"],
      }),
      flags: z.string().default("u").meta({ description: "Its flags; `g` and `y` mean nothing here and are refused." }),
      must: z.enum(["match", "not"]).default("match").meta({ description: "Whether a text must match, or must not." }),
    })
    .meta({
      description: "A text matches a pattern, or does not. Texts longer than the task's `max_characters` fail.",
      "x-reasons": "`no-match`, `forbidden-match`, `too-long`, `timed-out`",
    }),
  "distinct-texts": z
    .strictObject({
      by: z
        .enum(["exact", "normalised"])
        .default("exact")
        .meta({ description: "What counts as the same text, as for `dedupe`." }),
    })
    .meta({ description: "No two texts of an entry are the same.", "x-reasons": "`same-text`" }),
  schema: z.strictObject({}).meta({
    description: "An entry has its fields and no other key; only with `response_schema`.",
    "x-reasons": "`extra-keys`",
  }),
  module: z
    .looseObject({
      path: someText().meta({
        description: "A module of the project's own, by its path from the root.",
        examples: ["targets/checks/rhymes.ts"],
      }),
    })
    .meta({
      description: "A check of your own. Every other parameter is handed to it.",
      "x-reasons": "the module's own words, `timed-out`",
    }),
} as const;

export type CheckName = keyof typeof CHECK_PARAMS;

export const CHECK_NAMES: readonly CheckName[] = Object.keys(CHECK_PARAMS).filter(isCheckName);

export function isCheckName(name: string): name is CheckName {
  return Object.hasOwn(CHECK_PARAMS, name);
}

/** The JSON Schema of a check's parameters, as they are written. */
export function checkJsonSchema(name: CheckName): JsonObject {
  const made: unknown = JSON.parse(
    JSON.stringify(
      z.toJSONSchema(CHECK_PARAMS[name], {
        io: "input",
        target: "draft-7",
        override: ({ jsonSchema }) => {
          if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
        },
      }),
    ),
  );
  if (!isJsonObject(made)) throw new Error(`the JSON Schema of the check ${name} is no object`);
  const { $schema: _dialect, ...schema } = made;
  return schema;
}

/** What an entry of a task's `checks` may be: a name alone where nothing more is needed, or a map with the parameters. */
function entrySchemas(): readonly JsonObject[] {
  const schemas = CHECK_NAMES.map((name) => ({ name, schema: checkJsonSchema(name) }));
  const alone = schemas.filter(({ schema }) => schema["required"] === undefined && schema["x-alone"] !== false);
  return [
    { type: "string", enum: alone.map(({ name }) => name) },
    ...schemas.map(({ name, schema }) => ({
      ...schema,
      properties: {
        check: { const: name, description: "The check's name.", "x-expected": "a check's name", examples: [name] },
        ...(isJsonObject(schema["properties"]) ? schema["properties"] : {}),
      },
      required: ["check", ...(Array.isArray(schema["required"]) ? schema["required"] : [])],
    })),
  ];
}

/** As far as zod looks: which check and which parameters is for rules-checks.ts, whose messages know the check. */
export const checkSchema = z.union([someText(), z.looseObject({ check: someText() })]).meta({
  description: "A check's name, or a map of `check: <name>` and the check's parameters: see [checks.md](checks.md).",
  anyOf: entrySchemas(),
  "x-page": true,
  "x-expected": "a check's name, or a map with `check: <name>` and its parameters",
  examples: ["equal-token-count"],
});

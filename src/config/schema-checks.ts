import { canonicalJson, type JsonObject } from "../graph/json.ts";
import { oneLine, type Path } from "./place.ts";
import type { Right, Rule, Setting } from "./rules.ts";
import { resourcesSchema } from "./schema-executor.ts";
import { jsonSchema, key, pathFault, someText, whole, z } from "./schema-parts.ts";
import { knownKeys } from "./schema-path.ts";
import { meant } from "./words.ts";

/*
 * Every check with its parameters: what the config is held to, the JSON Schema that editors complete from, and
 * docs/checks.md are made from this.
 */

const check = <N extends string>(name: N) =>
  key(z.literal(name), "The check's name.", [name], { "x-expected": "a check's name" });

const field = key(z.string().optional(), "The one field that is looked at; all of them when absent.", ["safe"]);
const characters = whole(0).optional();

const CHECKS = {
  "equal-token-count": z.strictObject({ check: check("equal-token-count") }).meta({
    description: "Both texts of a pair have equally many tokens, under every tokenizer and in every template.",
    "x-reasons": "`unequal-token-counts`, `ill-formed-text`, `unproven-text`, `too-long`",
  }),
  "one-token-difference": z.strictObject({ check: check("one-token-difference") }).meta({
    description:
      "Both texts of a pair have equally many tokens and differ at exactly one position, under every tokenizer and in every template.",
    "x-reasons": "those of `equal-token-count`, `not-one-difference`",
  }),
  length: z
    .strictObject({
      check: check("length"),
      field,
      min: key(characters, "Characters (Unicode code points) a text must have.", [10]),
      max: key(characters, "Characters a text may have.", [200]),
    })
    .meta({
      description: "A text is neither too short nor too long; at least one of `min` and `max` is given.",
      "x-reasons": "`too-short`, `too-long`",
      "x-alone": false,
    }),
  regex: z
    .strictObject({
      check: check("regex"),
      field,
      pattern: key(z.string(), "A JavaScript regular expression, without slashes. It may match anywhere in a text.", [
        "^[A-Z]",
      ]),
      flags: key(z.string().default("u"), "Its flags; `g` and `y` mean nothing here and are refused."),
      must: key(z.enum(["match", "not"]).default("match"), "Whether a text must match, or must not."),
    })
    .meta({
      description: "A text matches a pattern, or does not. Texts longer than the task's `max_characters` fail.",
      "x-reasons": "`no-match`, `forbidden-match`, `too-long`, `timed-out`",
    }),
  "distinct-texts": z
    .strictObject({
      check: check("distinct-texts"),
      by: key(z.enum(["exact", "normalised"]).default("exact"), "What counts as the same text, as for `dedupe`."),
    })
    .meta({ description: "No two texts of an entry are the same.", "x-reasons": "`same-text`" }),
  schema: z.strictObject({ check: check("schema") }).meta({
    description: "An entry has its fields and no other key; only with `response_schema`.",
    "x-reasons": "`extra-keys`",
  }),
  module: z
    .looseObject({
      check: check("module"),
      path: key(someText(), "A module of the project's own, by its path from the root.", ["targets/checks/rhymes.ts"]),
      resources: key(
        resourcesSchema.optional(),
        "What the machine must have that runs it, where the build has others (`executor`); in no key.",
        [{ gpus: 1, time: "02:00:00" }],
        { "x-default": "nothing" },
      ),
    })
    .meta({
      description: "A check of your own. Every other parameter is handed to it.",
      "x-reasons": "the module's own words, `timed-out`",
    })
    .transform(({ check: name, path, resources, ...own }) => ({ check: name, path, resources, params: paramsOf(own) })),
} as const;

/** Parameters came out of YAML as JSON; the schema merely does not say so. */
function paramsOf(own: Readonly<Record<string, unknown>>): JsonObject {
  return JSON.parse(canonicalJson(JSON.parse(JSON.stringify(own))));
}

export type CheckName = keyof typeof CHECKS;

/** A check of a task's list, with its parameters. */
export type WrittenCheck = z.output<(typeof CHECKS)[CheckName]>;

export const CHECK_NAMES = Object.keys(CHECKS) as readonly CheckName[];

function isCheckName(name: string): name is CheckName {
  return Object.hasOwn(CHECKS, name);
}

/** The JSON Schema of a check as a map; its parameters are what is beside `check`. */
export function checkJsonSchema(name: CheckName): JsonObject {
  const { $schema: _dialect, ...schema } = jsonSchema(CHECKS[name]);
  return schema;
}

/** What an entry of a task's `checks` may be: a name alone where nothing more is needed, or a map with the parameters. */
function entrySchemas(): JsonObject[] {
  const schemas = CHECK_NAMES.map((name) => ({ name, schema: checkJsonSchema(name) }));
  const alone = schemas.filter(
    ({ schema: { required, "x-alone": may } }) => Array.isArray(required) && required.length === 1 && may !== false,
  );
  return [{ type: "string", enum: alone.map(({ name }) => name) }, ...schemas.map(({ schema }) => schema)];
}

/** Which check it is, and then its own parameters: so that messages know the check. */
function checkOf(written: string | { readonly check: string }, context: z.RefinementCtx): WrittenCheck {
  const map = typeof written === "string" ? { check: written } : written;
  const report = (path: Path, message: string, params: object) =>
    context.addIssue({ code: "custom", path: [...path], message, params });
  if (!isCheckName(map.check)) {
    const fix = meant(map.check, CHECK_NAMES, "Choose one; docs/checks.md says what each does.");
    const message = `must be one of ${CHECK_NAMES.join(", ")}; found ${oneLine(map.check, 60)}.`;
    report(typeof written === "string" ? [] : ["check"], message, { fix });
    return z.NEVER;
  }
  const parsed = CHECKS[map.check].safeParse(map);
  if (parsed.success) return parsed.data;
  const known = knownKeys(checkJsonSchema(map.check)).filter((name) => name !== "check");
  for (const issue of parsed.error.issues) {
    if (issue.code !== "unrecognized_keys") context.issues.push({ ...issue, input: undefined });
    else
      for (const name of issue.keys) {
        const message = `must have only the parameters of the check ${map.check} (${known.join(", ") || "it has none"}); found ${oneLine(name, 60)}.`;
        report([name], message, { key: true, up: 1, fix: meant(name, known, "Remove it.") });
      }
  }
  return z.NEVER;
}

export const checksSchema = key(
  z.array(
    key(
      z.union([someText(), z.looseObject({ check: someText() })]).transform(checkOf),
      "A check's name, or a map of `check: <name>` and the check's parameters: see [checks.md](checks.md).",
      ["equal-token-count"],
      {
        anyOf: entrySchemas(),
        "x-page": true,
        "x-expected": "a check's name, or a map with `check: <name>` and its parameters",
      },
    ),
  ),
  "What a pair, or a record, must pass to be valid.",
  [["equal-token-count", "one-token-difference"]],
);

/** What a task's checks must satisfy together with the task. @param keys those of an entry, where they are right */
export function checkRules(
  checks: readonly (Right<WrittenCheck> | undefined)[],
  keys: readonly string[] | undefined,
  { name: kind, all, ofTokens }: Pick<Setting, "name" | "all" | "ofTokens">,
  { report, has }: Rule,
): void {
  checks.forEach((one, index) => {
    const at = ["checks", index];
    const known = [...(keys ?? []), all];
    if ((one?.check === "length" || one?.check === "regex") && one.field !== undefined && keys !== undefined) {
      if (!known.includes(one.field)) {
        const fix = meant(one.field, known, "Choose another, or leave it out for all.");
        report([...at, "field"], `must be one of ${known.join(", ")}; found ${oneLine(one.field, 60)}.`, fix);
      }
    }
    switch (one?.check) {
      case "equal-token-count":
      case "one-token-difference":
        if (ofTokens) return;
        report(
          at,
          `must be a check of single texts in a task of \`kind: ${kind}\`; found ${one.check}, which compares the tokens of a pair.`,
          "Remove it, or choose among length, regex, distinct-texts, schema and module.",
        );
        return;
      case "length":
        if (one.min === undefined && one.max === undefined) {
          report(at, "must have min, max or both; found neither.", "Write for example `{ check: length, max: 200 }`.");
        } else if (one.min !== undefined && one.max !== undefined && one.min > one.max) {
          report([...at, "min"], `must be at most \`max\` (${one.max}); found ${one.min}.`, "Swap them.", {
            key: true,
          });
        }
        return;
      case "regex": {
        const fault = regexFault(one.pattern ?? "", one.flags ?? "u");
        if (fault === undefined) return;
        const message = `must be ${fault.wanted}; found that ${oneLine(fault.found, 120)}.`;
        report([...at, fault.key], message, "Correct it; docs/checks.md has examples.");
        return;
      }
      case "module": {
        const fault = one.path === undefined ? undefined : pathFault(one.path);
        if (fault !== undefined) report([...at, "path"], fault, "Write for example `path: targets/checks/rhymes.ts`.");
        return;
      }
      case "schema": {
        const message = "must go with `response_schema`, which it holds entries to; found none.";
        if (!has("response_schema")) report(at, message, "Add `response_schema`, or remove the check.");
        return;
      }
      case "distinct-texts":
      case undefined:
        return;
    }
  });
}

type RegexFault = { readonly key: "pattern" | "flags"; readonly wanted: string; readonly found: string };

function regexFault(pattern: string, flags: string): RegexFault | undefined {
  const refusal = (source: string): string | undefined => {
    try {
      new RegExp(source, flags);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  if (/[gy]/.test(flags)) {
    return { key: "flags", wanted: "flags of a single match", found: "g and y make a match depend on the one before" };
  }
  const wrongFlags = refusal("");
  if (wrongFlags !== undefined) {
    return { key: "flags", wanted: "flags of a JavaScript regular expression", found: wrongFlags };
  }
  const found = refusal(pattern);
  return found === undefined
    ? undefined
    : { key: "pattern", wanted: "a JavaScript regular expression, without slashes", found };
}

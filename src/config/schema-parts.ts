import { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { projectPath } from "../graph/names.ts";

/*
 * What schemas are made of. Every key carries what the reference page and an editor show, and a value that messages offer
 * (an example or the default). `x-expected` words a pattern for people; `x-default` words a default that hangs on other
 * values; `x-key` is how the reference page writes the key of a map.
 */

/** A key of a file: its schema, what it is for, and values that may stand there. */
export function key<S extends z.ZodType>(
  schema: S,
  description: string,
  examples: readonly JsonValue[] = [],
  more: JsonObject = {},
): S {
  return schema.meta({ description, ...(examples.length === 0 ? {} : { examples: [...examples] }), ...more });
}

/** What may be a key of a pair, a field, an axis, and the name of a template. */
const WORD = /^[A-Za-z][A-Za-z0-9_]*$/;

/** A text that says something. */
export const someText = () => z.string().regex(/\S/).meta({ "x-expected": "a text that is not empty" });

export const word = () =>
  z.string().regex(WORD).meta({ "x-expected": "a word of letters, digits or `_`, beginning with a letter" });

export const texts = () => z.array(someText()).min(1);

/**
 * A whole number. A fraction is no more of a fault than another: after those that zod's own `int` finds, no rule is tried.
 */
export const whole = (least = Number.MIN_SAFE_INTEGER, most = Number.MAX_SAFE_INTEGER) =>
  z.number().multipleOf(1).min(least).max(most);

export const count = (most?: number) => whole(1, most);

export const seconds = (most: number) => z.number().gt(0).max(most);

export const secondsOrNone = (most: number) => z.number().min(0).max(most);

export const dollars = () => z.number().min(0);

/** A map whose keys are words. */
export const wordMap = <S extends z.ZodType>(value: S) => z.record(word(), value);

/** A map of anything that YAML can say and JSON too. */
export const anyMap = () => z.record(z.string(), z.json());

/** Why a text is no path inside the project, for a rule. */
export function pathFault(text: string): string | undefined {
  const path = projectPath(text);
  return path.ok ? undefined : `must be a path inside the project; found ${JSON.stringify(text)}: ${path.error}.`;
}

/** A file by its path inside the project, normalised. */
export const projectFile = (example: string) =>
  someText().transform((text, context) => {
    const message = pathFault(text);
    const params = { fix: `Write for example \`file: ${example}\`.` };
    if (message !== undefined) context.addIssue({ code: "custom", message, params });
    const path = projectPath(text);
    return path.ok ? path.value : text;
  });

/** A schema as JSON Schema (draft 7, the input side), with our own `x-` annotations. */
export function jsonSchema(schema: z.ZodType): JsonObject {
  const made = z.toJSONSchema(schema, {
    io: "input",
    target: "draft-7",
    override: ({ zodSchema, jsonSchema: one }) => {
      // zod leaves the examples of what is transformed out, which may be those of the output.
      const examples = z.globalRegistry.get(zodSchema)?.["examples"];
      if (Array.isArray(examples)) one.examples = examples;
      // Whole numbers are bounded by what a double holds exactly: true, and of no use to a reader.
      if (one.multipleOf === 1) {
        delete one.multipleOf;
        one.type = "integer";
      }
      if (one.minimum === Number.MIN_SAFE_INTEGER) delete one.minimum;
      if (one.maximum === Number.MAX_SAFE_INTEGER) delete one.maximum;
    },
  });
  const copy: unknown = JSON.parse(JSON.stringify(made));
  if (!isJsonObject(copy)) throw new Error("a JSON Schema that is not an object");
  return copy;
}

type Defined<T> = T extends unknown
  ? { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
      [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
    }
  : never;

/** An object without the members that say nothing: they would be in action keys. */
export function defined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>;
}

export { z };

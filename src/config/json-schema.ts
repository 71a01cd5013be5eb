import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { KIND_SCHEMAS } from "../kinds/schema/registry.ts";
import type { KindSchema } from "./kind-schema.ts";
import { dsgenSchema } from "./schema-dsgen.ts";
import { modelsSchema } from "./schema-models.ts";
import { jsonSchema, key, z } from "./schema-parts.ts";
import { tokenizersSchema } from "./schema-tokenizers.ts";

/*
 * The schemas as JSON Schema: one description of the files for editors, for the reference page and for error messages, so
 * that these three cannot disagree.
 */

/** The schema of each kind of config file. */
const FILES = {
  dsgen: () => dsgenSchema,
  models: () => modelsSchema,
  tokenizers: () => tokenizersSchema,
  task: anyTask,
};

export type ConfigKind = keyof typeof FILES;

export const CONFIG_KINDS = Object.keys(FILES) as readonly ConfigKind[];

const cache = new Map<ConfigKind | KindSchema, JsonObject>();

/** The JSON Schema of one kind of config file, or of tasks of one kind. Made when first asked for. */
export function jsonSchemaOf(kind: ConfigKind | KindSchema): JsonObject {
  const schema = cache.get(kind) ?? jsonSchema(typeof kind === "string" ? FILES[kind]() : kind.schema);
  cache.set(kind, schema);
  return schema;
}

/** A task file of whatever kind: every key there is, each after the one it follows in its kind. */
function anyTask(): z.ZodType {
  const shapes: Readonly<Record<string, z.ZodType>>[] = KIND_SCHEMAS.map(({ schema }) => schema.shape);
  const keys: string[] = [];
  for (const shape of shapes) {
    let at = 0;
    for (const name of Object.keys(shape)) {
      if (!keys.includes(name)) keys.splice(at, 0, name);
      at = keys.indexOf(name) + 1;
    }
  }
  const schemaOf = (name: string): z.ZodType => {
    const all = shapes.flatMap((shape) => shape[name] ?? []);
    const [first, ...others] = new Set(all);
    if (first === undefined || name === "kind") return kindKey;
    const schema = others.length === 0 ? first : eitherOf([first, ...others]);
    return all.length < shapes.length ? schema.optional() : schema;
  };
  return z.strictObject(Object.fromEntries(keys.map((name) => [name, schemaOf(name)]))).meta({
    title: "A dsgen task",
    description: "What one dataset is made from: `config/tasks/<task_name>.yaml`.",
  });
}

/** A key that means something else in each of several kinds. */
function eitherOf(schemas: readonly z.ZodType[]): z.ZodType {
  const jsonSchemas = schemas.map((schema) => jsonSchema(schema));
  const said = (name: string) => jsonSchemas.flatMap((one) => one[name] ?? []);
  return key(z.union(schemas), said("description").join(" "), said("examples"), {
    "x-default": said("x-default").join(" "),
  });
}

const DEFAULT_KIND = KIND_SCHEMAS[0].name;

/** The key that says of which kind a task is. */
export const kindKey = key(
  z.enum(KIND_SCHEMAS.map(({ name }) => name)).default(DEFAULT_KIND),
  KIND_SCHEMAS.map(({ name, about }) => `\`${name}\`: ${about}.`).join(" "),
);

/** The kind that a task file says, or the default; undefined for one that there is not. */
export function kindOf(task: JsonValue): KindSchema | undefined {
  const { kind: written = DEFAULT_KIND } = isJsonObject(task) ? task : {};
  return KIND_SCHEMAS.find(({ name }) => name === written);
}

import type { JsonObject } from "../graph/json.ts";
import { dsgenSchema } from "./schema-dsgen.ts";
import { modelsSchema } from "./schema-models.ts";
import { jsonSchema, z } from "./schema-parts.ts";
import { parts } from "./schema-task.ts";
import { tokenizersSchema } from "./schema-tokenizers.ts";
import { TASK_SCHEMAS } from "./task-config.ts";

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

const cache = new Map<ConfigKind, JsonObject>();

/** The JSON Schema of one kind of config file. Made when first asked for. */
export function jsonSchemaOf(kind: ConfigKind): JsonObject {
  const schema = cache.get(kind) ?? jsonSchema(FILES[kind]());
  cache.set(kind, schema);
  return schema;
}

/** A task file of whatever kind: every key there is, each after the one it follows in its kind. */
function anyTask(): z.ZodType {
  const shapes: Readonly<Record<string, z.ZodType>>[] = Object.values(TASK_SCHEMAS).map(({ shape }) => shape);
  const keys: string[] = [];
  for (const shape of shapes) {
    let at = 0;
    for (const name of Object.keys(shape)) {
      if (!keys.includes(name)) keys.splice(at, 0, name);
      at = keys.indexOf(name) + 1;
    }
  }
  const schemaOf = (name: string): z.ZodType => {
    const [first, ...more] = shapes.flatMap((shape) => shape[name] ?? []);
    if (first === undefined || name === "kind") return parts.named.kind;
    return 1 + more.length < shapes.length ? first.optional() : first;
  };
  return z.strictObject(Object.fromEntries(keys.map((name) => [name, schemaOf(name)]))).meta({
    title: "A dsgen task",
    description: "What one dataset is made from: `config/tasks/<task_name>.yaml`.",
  });
}

import type { RecipeContext } from "../engine/recipe.ts";
import { type EntryShape, parseAnswer } from "../tasks/parse.ts";
import type { ShardReader } from "./kind.ts";

/** How the answers to a task's prompt are read; zod is loaded for tasks with a `response_schema` only. */
export async function answerReader(context: RecipeContext, shape: EntryShape): Promise<ShardReader["read"]> {
  const schema = context.value<string | null>("response_schema");
  if (schema === null) return ({ answer }) => parseAnswer(answer.spoken, shape);
  const { entryFits } = await import("../tasks/response-schema.ts");
  const fits = entryFits(schema);
  return ({ answer }) => parseAnswer(answer.spoken, { ...shape, fits });
}

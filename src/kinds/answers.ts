import type { AnswerLine } from "../api/output-line.ts";
import type { RecipeContext } from "../engine/recipe.ts";
import { type EntryShape, type ParsedResponse, parseAnswer } from "../tasks/parse.ts";

type Read = (line: AnswerLine<string>) => ParsedResponse;

/** How the answers to a task's prompt are read; zod is loaded for tasks with a `response_schema` only. */
export async function answerReader(context: RecipeContext, shape: EntryShape): Promise<Read> {
  const schema = context.value<string | null>("response_schema");
  if (schema === null) return ({ answer }) => parseAnswer(answer.spoken, shape);
  const { entryFits } = await import("../tasks/response-schema.ts");
  const fits = entryFits(schema);
  return ({ answer }) => parseAnswer(answer.spoken, { ...shape, fits });
}

import { customId, requestId } from "../batch/request-file.ts";
import { defineRecipe } from "../engine/recipe.ts";
import { type PromptTask, requestBody } from "../tasks/prompt.ts";

/** What a request file is cut from: which of the task's requests it holds. */
export type RequestRange = {
  readonly task: string;
  readonly first: number;
  readonly count: number;
};

/**
 * Renders requests, one Batch API line each. Ids count identical bodies over the whole task, so that cutting the task
 * into other files changes no id.
 */
export default defineRecipe(async (context) => {
  const prompt = context.value<PromptTask>("prompt");
  const { task, first, count } = context.value<RequestRange>("range");
  const out = context.output();
  const url = "/v1/chat/completions";
  for (let n = first; n < first + count; n++) {
    const body = requestBody(prompt, n);
    const id = requestId(url, body, n);
    await out.write(`${JSON.stringify({ custom_id: customId(task, id), method: "POST", url, body })}\n`);
  }
  context.note({ requests: count });
});

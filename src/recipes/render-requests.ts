import { customId } from "../api/request-file.ts";
import { defineRecipe } from "../engine/recipe.ts";
import { kindOf } from "../kinds/registry.ts";
import { type RequestRange, renderedRequests } from "../tasks/requests.ts";

/**
 * Renders requests, one Batch API line each, and for a task with axes, beside them, which values each took.
 */
export default defineRecipe(async (context) => {
  const range = context.value<RequestRange>("range");
  const requests = kindOf({ kind: context.value<string>("kind") }).requests(context, range, renderedRequests);
  const out = context.output(0);
  let next = await requests.next();
  for (; next.done !== true; next = await requests.next()) {
    const { id, url, body, axes } = next.value;
    await out.write(`${JSON.stringify({ custom_id: customId(range.task, id), method: "POST", url, body })}\n`);
    if (axes !== undefined) await context.output(1).write(`${JSON.stringify({ request_id: id, axes })}\n`);
  }
  context.note(next.value);
});

import type { AnswerReader } from "../api/answers.ts";
import { withCustomId } from "../api/custom-id.ts";
import { parseRequestFile } from "../api/request-file.ts";
import { defineRecipe } from "../engine/recipe.ts";
import { ProblemError } from "../graph/problem.ts";

/**
 * Writes the answers of a request file: the provider's lines exactly as received, in request order whatever the order of
 * arrival, and beside them where each came from. A request that stayed unanswered gets a line that says so, in the format
 * of the provider's own error lines.
 */
export default defineRecipe(async (context) => {
  const file = context.file("requests");
  const lines = parseRequestFile(file.name, await file.text());
  if (!lines.ok) throw new ProblemError(lines.error);
  const answers = context.answers<AnswerReader>();
  const out = context.output(0);
  const sources = context.output(1);
  let answered = 0;
  for (const { id, customId } of lines.value) {
    const answer = answers.line(id);
    if (answer === undefined) {
      const why = answers.why(id);
      const error = { code: why.kind === "pending" ? "dsgen_pending" : "dsgen_unanswered", message: why.message };
      await out.write(`${JSON.stringify({ id: null, custom_id: customId, response: null, error })}\n`);
      await sources.write(`${JSON.stringify({ request_id: id, batch_id: null, via: null })}\n`);
      continue;
    }
    if (answer.kind === "answer") answered++;
    // An answer to the same request under another tool's custom_id is named as this project names it; the stored one is untouched.
    const ours = answer.raw.includes(JSON.stringify(customId));
    await out.write(`${ours ? answer.raw : withCustomId(answer.raw, customId)}\n`);
    // What it took stands beside how it came: together they are what it cost.
    const usage = answer.kind === "answer" ? { usage: answer.usage } : {};
    await sources.write(`${JSON.stringify({ request_id: id, batch_id: answer.batchId, via: answer.via, ...usage })}\n`);
  }
  context.note({ requests: lines.value.length, answered });
});

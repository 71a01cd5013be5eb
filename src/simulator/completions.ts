import type { JsonObject, JsonValue } from "../graph/json.ts";
import { usageOf, withUsage } from "./chat.ts";
import { type Answered, made, type Question, saidTokens, spoken, sum, tokenLimit } from "./question.ts";
import { simId } from "./random.ts";
import { DONE, dataFrame, piecesOf } from "./sse.ts";

/** As documented, for a request that names no `max_tokens`. */
const DEFAULT_TOKENS = 16;

/** `POST /v1/completions`: `n` texts for each prompt, whole or in pieces. */
export function textCompletion(question: Question): Answered {
  const { body, variation, seed } = question;
  const prompt = body["prompt"] ?? "";
  const prompts: readonly JsonValue[] = Array.isArray(prompt) && typeof prompt[0] !== "number" ? prompt : [prompt];
  const wanted = typeof body["n"] === "number" ? body["n"] : 1;
  const limit = tokenLimit(body["max_tokens"] ?? DEFAULT_TOKENS);
  const { key, input } = spoken(question);
  const texts = prompts.flatMap((one, nth) => {
    const { say } = spoken({ ...question, body: { ...body, prompt: one } });
    return Array.from({ length: wanted }, (_, index) => say(`${variation}#${nth * wanted + index}`, limit));
  });
  const tokens = { input, output: sum(texts.map(saidTokens)) };
  const head = {
    id: simId("cmpl-", seed, key, variation),
    object: "text_completion",
    created: made(seed, key, variation),
    model: body["model"] ?? "",
    system_fingerprint: "fp_simulated",
  };
  const choice = (text: string, index: number, finish_reason: string | null): JsonObject => ({
    text,
    index,
    logprobs: null,
    finish_reason,
  });
  const textOf = (said: (typeof texts)[number]) => said.content ?? said.refusal ?? "";
  return {
    status: 200,
    tokens,
    body: () => ({
      ...head,
      choices: texts.map((said, index) => choice(textOf(said), index, said.finish)),
      usage: usageOf(tokens),
    }),
    frames: () => {
      const frames = texts.flatMap((said, index) => [
        ...piecesOf(textOf(said)).map((piece) => choice(piece, index, null)),
        choice("", index, said.finish),
      ]);
      const last = withUsage(body) ? [dataFrame({ ...head, choices: [], usage: usageOf(tokens) })] : [];
      return [...frames.map((one) => dataFrame({ ...head, choices: [one] })), ...last, DONE];
    },
  };
}

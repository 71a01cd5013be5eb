import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { Said } from "./content.ts";
import { type Answered, made, type Question, saidTokens, spoken, sum, tokenLimit } from "./question.ts";
import { simId } from "./random.ts";
import { DONE, dataFrame, piecesOf } from "./sse.ts";

/** `POST /v1/chat/completions`, whole or as chunks. */
export function chatCompletion(question: Question): Answered {
  const { body, variation, seed } = question;
  const limit = tokenLimit(body["max_completion_tokens"] ?? body["max_tokens"]);
  const wanted = typeof body["n"] === "number" ? body["n"] : 1;
  const { key, input, say } = spoken(question);
  const said = Array.from({ length: wanted }, (_, index) =>
    say(index === 0 ? variation : `${variation}#${index}`, limit),
  );
  const tokens = { input, output: sum(said.map(saidTokens)) };
  const head = {
    id: simId("chatcmpl-", seed, key, variation),
    created: made(seed, key, variation),
    model: body["model"] ?? "",
  };
  const tail = { service_tier: "default", system_fingerprint: "fp_simulated" };
  return {
    status: 200,
    tokens,
    body: () => ({
      id: head.id,
      object: "chat.completion",
      created: head.created,
      model: head.model,
      choices: said.map((one, index) => ({
        index,
        message: messageOf(one, callId(head.id, index)),
        logprobs: null,
        finish_reason: one.finish,
      })),
      usage: usageOf(tokens),
      ...tail,
    }),
    frames: () => {
      const usage = withUsage(body) ? { usage: null } : {};
      const chunk = (choices: JsonValue, extra: JsonObject = usage) =>
        dataFrame({ ...head, object: "chat.completion.chunk", ...tail, choices, ...extra });
      const frames = said.flatMap((one, index) =>
        deltasOf(one, callId(head.id, index)).map(([delta, finish_reason]) =>
          chunk([{ index, delta, logprobs: null, finish_reason }]),
        ),
      );
      return [...frames, ...(withUsage(body) ? [chunk([], { usage: usageOf(tokens) })] : []), DONE];
    },
  };
}

function callId(id: string, index: number): string {
  return simId("call_", id, index);
}

function messageOf({ content, refusal, call }: Said, id: string): JsonObject {
  const message = { role: "assistant", content, refusal, annotations: [] };
  return call === null ? message : { ...message, tool_calls: [{ id, type: "function", function: { ...call } }] };
}

/** A message in pieces, the last with why it ends. */
function deltasOf({ content, refusal, call, finish }: Said, id: string): [JsonObject, string | null][] {
  const deltas: JsonObject[] = [{ role: "assistant", content: call === null ? "" : null, refusal: null }];
  deltas.push(...piecesOf(content ?? "").map((piece) => ({ content: piece })));
  deltas.push(...piecesOf(refusal ?? "").map((piece) => ({ refusal: piece })));
  if (call !== null) {
    deltas.push({ tool_calls: [{ index: 0, id, type: "function", function: { name: call.name, arguments: "" } }] });
    const pieces = piecesOf(call.arguments);
    deltas.push(...pieces.map((piece) => ({ tool_calls: [{ index: 0, function: { arguments: piece } }] })));
  }
  return [...deltas.map((delta): [JsonObject, null] => [delta, null]), [{}, finish]];
}

/** Whether a stream ends with its usage. */
export function withUsage(body: JsonObject): boolean {
  const options = body["stream_options"];
  return isJsonObject(options) && options["include_usage"] === true;
}

/** Usage as chat completions and completions report it. */
export function usageOf({ input, output }: Answered["tokens"]): JsonObject {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

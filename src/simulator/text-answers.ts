import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { Said } from "./content.ts";
import {
  type Answered,
  DONE,
  estimateTokens,
  frameOf,
  made,
  piecesOf,
  type Question,
  spoken,
  type Tokens,
  usageOf,
} from "./question.ts";
import { simId, sum } from "./random.ts";

/* What a model says in words, in the form of each of the three endpoints that ask it. */

type Made = Omit<Answered, "status">;

/** What readers know a made-up answer by. */
export const MARK = { system_fingerprint: "fp_simulated" };

/** `POST /v1/chat/completions`, whole or as chunks. */
export function chatCompletion(question: Question): Made {
  const { body, variation, seed } = question;
  const limit = body["max_completion_tokens"] ?? body["max_tokens"];
  const { key, input, say } = spoken(question);
  const id = simId("chatcmpl-", seed, key, variation);
  const answers = Array.from({ length: wanted(body) }, (_, index) => ({
    said: say(index === 0 ? variation : `${variation}#${index}`, limit),
    call: simId("call_", id, index),
  }));
  const tokens = { input, output: sum(answers.map(({ said }) => saidTokens(said))) };
  const head = { id, created: made(seed, key, variation), model: body["model"] ?? "" };
  const tail = { service_tier: "default", ...MARK };
  return {
    tokens,
    body: () => ({
      id,
      object: "chat.completion",
      created: head.created,
      model: head.model,
      choices: answers.map(({ said, call }, index) => ({
        index,
        message: messageOf(said, call),
        logprobs: null,
        finish_reason: said.finish,
      })),
      usage: chatUsage(tokens),
      ...tail,
    }),
    frames: () => {
      const chunk = (choices: JsonValue, usage: JsonObject) =>
        frameOf({ ...head, object: "chat.completion.chunk", ...tail, choices, ...usage });
      const frames = answers.flatMap(({ said, call }, index) => {
        const deltas = [...deltasOf(said, call).map((delta) => [delta, null] as const), [{}, said.finish] as const];
        return deltas.map(([delta, finish_reason]) =>
          chunk([{ index, delta, logprobs: null, finish_reason }], withUsage(body) ? { usage: null } : {}),
        );
      });
      return [...frames, ...(withUsage(body) ? [chunk([], { usage: chatUsage(tokens) })] : []), DONE];
    },
  };
}

function messageOf({ content, refusal, call }: Said, id: string): JsonObject {
  const message = { role: "assistant", content, refusal, annotations: [] };
  return call === null ? message : { ...message, tool_calls: [{ id, type: "function", function: { ...call } }] };
}

/** A message in pieces. */
function deltasOf({ content, refusal, call }: Said, id: string): readonly JsonObject[] {
  const { name, arguments: text } = call ?? { name: "", arguments: "" };
  const called = (more: JsonObject): JsonObject => ({ tool_calls: [{ index: 0, ...more }] });
  return [
    { role: "assistant", content: call === null ? "" : null, refusal: null },
    ...piecesOf(content ?? "").map((piece) => ({ content: piece })),
    ...piecesOf(refusal ?? "").map((piece) => ({ refusal: piece })),
    ...(call === null ? [] : [called({ id, type: "function", function: { name, arguments: "" } })]),
    ...piecesOf(text).map((piece) => called({ function: { arguments: piece } })),
  ];
}

/** `POST /v1/completions`: `n` texts for each prompt (of 16 tokens, unless it says otherwise), whole or in pieces. */
export function textCompletion(question: Question): Made {
  const { body, variation, seed } = question;
  const prompt = body["prompt"] ?? "";
  const prompts: readonly JsonValue[] = Array.isArray(prompt) && typeof prompt[0] !== "number" ? prompt : [prompt];
  const { key, input } = spoken(question);
  const n = wanted(body);
  const answers = prompts.flatMap((one, nth) => {
    const { say } = spoken({ ...question, body: { ...body, prompt: one } });
    return Array.from({ length: n }, (_, at) => say(`${variation}#${nth * n + at}`, body["max_tokens"] ?? 16));
  });
  const tokens = { input, output: sum(answers.map(saidTokens)) };
  const usage = chatUsage(tokens);
  const head = {
    id: simId("cmpl-", seed, key, variation),
    object: "text_completion",
    created: made(seed, key, variation),
    model: body["model"] ?? "",
    ...MARK,
  };
  const choice = (text: string, index: number, finish_reason: string | null): JsonObject => ({
    text,
    index,
    logprobs: null,
    finish_reason,
  });
  return {
    tokens,
    body: () => ({ ...head, choices: answers.map((said, at) => choice(textOf(said), at, said.finish)), usage }),
    frames: () => {
      const choices = answers.flatMap((said, index) => [
        ...piecesOf(textOf(said)).map((piece) => choice(piece, index, null)),
        choice("", index, said.finish),
      ]);
      const last = withUsage(body) ? [frameOf({ ...head, choices: [], usage })] : [];
      return [...choices.map((one) => frameOf({ ...head, choices: [one] })), ...last, DONE];
    },
  };
}

/** `POST /v1/responses`, whole or event by event. */
export function response(question: Question): Made {
  const { body, variation, seed } = question;
  const { key, input, say } = spoken(question);
  const said = say(variation, body["max_output_tokens"]);
  const tokens = { input, output: saidTokens(said) };
  const item = itemOf(said, (prefix) => simId(prefix, seed, key, variation));
  const incomplete = said.finish === "length";
  const about = {
    id: simId("resp_", seed, key, variation),
    object: "response",
    created_at: made(seed, key, variation),
    model: body["model"] ?? "",
    ...MARK,
    ...Object.fromEntries(Object.entries(ECHOED).map(([name, usual]) => [name, body[name] ?? usual])),
  };
  const done: JsonObject = {
    ...about,
    status: incomplete ? "incomplete" : "completed",
    error: null,
    incomplete_details: incomplete ? { reason: "max_output_tokens" } : null,
    output: [item.done],
    usage: usageOf(tokens),
  };
  return {
    tokens,
    body: () => done,
    frames: () => {
      const begun = { ...about, status: "in_progress", error: null, incomplete_details: null, output: [], usage: null };
      const events: readonly JsonObject[] = [
        { type: "response.created", response: begun },
        { type: "response.in_progress", response: begun },
        { type: "response.output_item.added", output_index: 0, item: item.begun },
        ...item.between.map((event) => ({ item_id: item.id, output_index: 0, ...event })),
        { type: "response.output_item.done", output_index: 0, item: item.done },
        { type: incomplete ? "response.incomplete" : "response.completed", response: done },
      ];
      return events.map((event, sequence_number) => frameOf({ ...event, sequence_number }));
    },
  };
}

/** What the API repeats of a request, with its defaults. */
const ECHOED: Readonly<Record<string, JsonValue>> = {
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  store: true,
  temperature: 1,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_p: 1,
  truncation: "disabled",
};

/** The one item of an answer's output: as it is announced, as it ends, and the events between the two. */
interface Item {
  readonly id: string;
  readonly begun: JsonObject;
  readonly done: JsonObject;
  readonly between: readonly (JsonObject & { readonly type: string })[];
}

/** A message, a refusal in one, or the call of a function. */
function itemOf({ content, refusal, call, finish }: Said, name: (prefix: string) => string): Item {
  if (call !== null) {
    const id = name("fc_");
    const head = { type: "function_call", id, call_id: name("call_"), name: call.name };
    const event = "response.function_call_arguments";
    return {
      id,
      begun: { ...head, arguments: "", status: "in_progress" },
      done: { ...head, arguments: call.arguments, status: "completed" },
      between: [
        ...piecesOf(call.arguments).map((delta) => ({ type: `${event}.delta`, delta })),
        { type: `${event}.done`, name: call.name, arguments: call.arguments },
      ],
    };
  }
  const id = name("msg_");
  const text = content ?? refusal ?? "";
  const [type, field, extra, logprobs] =
    refusal === null
      ? (["output_text", "text", { annotations: [] }, { logprobs: [] }] as const)
      : (["refusal", "refusal", {}, {}] as const);
  const part = (shown: string): JsonObject => ({ type, [field]: shown, ...extra });
  const message = (parts: JsonValue, status: string) => ({
    type: "message",
    id,
    role: "assistant",
    status,
    content: parts,
  });
  const content_index = 0;
  return {
    id,
    begun: message([], "in_progress"),
    done: message([part(text)], finish === "length" ? "incomplete" : "completed"),
    between: [
      { type: "response.content_part.added", content_index, part: part("") },
      ...piecesOf(text).map((delta) => ({ type: `response.${type}.delta`, content_index, delta, ...logprobs })),
      { type: `response.${type}.done`, content_index, [field]: text, ...logprobs },
      { type: "response.content_part.done", content_index, part: part(text) },
    ],
  };
}

function wanted({ n }: JsonObject): number {
  return typeof n === "number" ? n : 1;
}

function textOf({ content, refusal }: Said): string {
  return content ?? refusal ?? "";
}

function saidTokens(said: Said): number {
  return estimateTokens(said.call === null ? textOf(said) : said.call.name + said.call.arguments);
}

/** Whether a stream ends with its usage. */
function withUsage({ stream_options: options }: JsonObject): boolean {
  return isJsonObject(options) && options["include_usage"] === true;
}

/** Usage as chat completions and completions report it. */
function chatUsage({ input, output }: Tokens): JsonObject {
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

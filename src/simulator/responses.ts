import type { JsonObject, JsonValue } from "../graph/json.ts";
import type { Said } from "./content.ts";
import { type Answered, made, type Question, saidTokens, spoken, tokenLimit } from "./question.ts";
import { simId } from "./random.ts";
import { eventFrame, piecesOf } from "./sse.ts";

/** `POST /v1/responses`, whole or event by event. */
export function response(question: Question): Answered {
  const { body, variation, seed } = question;
  const { key, input, say } = spoken(question);
  const said = say(variation, tokenLimit(body["max_output_tokens"]));
  const tokens = { input, output: saidTokens(said) };
  const id = simId("resp_", seed, key, variation);
  const item = itemOf(said, (prefix) => simId(prefix, seed, key, variation));
  const incomplete = said.finish === "length";
  const about = {
    id,
    object: "response",
    created_at: made(seed, key, variation),
    model: body["model"] ?? "",
    ...echoed(body),
  };
  const done: JsonObject = {
    ...about,
    status: incomplete ? "incomplete" : "completed",
    error: null,
    incomplete_details: incomplete ? { reason: "max_output_tokens" } : null,
    output: [item.done],
    usage: {
      input_tokens: tokens.input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: tokens.output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: tokens.input + tokens.output,
    },
  };
  return {
    status: 200,
    tokens,
    body: () => done,
    frames: () => {
      const begun = { ...about, status: "in_progress", error: null, incomplete_details: null, output: [], usage: null };
      const end = incomplete ? "response.incomplete" : "response.completed";
      const events: (JsonObject & { readonly type: string })[] = [
        { type: "response.created", response: begun },
        { type: "response.in_progress", response: begun },
        { type: "response.output_item.added", output_index: 0, item: item.begun },
        ...item.between.map((event) => ({ item_id: item.id, output_index: 0, ...event })),
        { type: "response.output_item.done", output_index: 0, item: item.done },
        { type: end, response: done },
      ];
      return events.map((event, sequence_number) => eventFrame({ ...event, sequence_number }));
    },
  };
}

/** What the API repeats of a request, with its defaults. */
function echoed(body: JsonObject): JsonObject {
  const defaults: Readonly<Record<string, JsonValue>> = {
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
  return Object.fromEntries(Object.entries(defaults).map(([name, usual]) => [name, body[name] ?? usual]));
}

interface Item {
  readonly id: string;
  /** As it is announced, and as it ends. */
  readonly begun: JsonObject;
  readonly done: JsonObject;
  /** The events between the two. */
  readonly between: readonly (JsonObject & { readonly type: string })[];
}

/** The one item of an answer's output: a message, a refusal in one, or the call of a function. */
function itemOf(said: Said, name: (prefix: string) => string): Item {
  if (said.call !== null) {
    const id = name("fc_");
    const { name: called, arguments: text } = said.call;
    const call = { type: "function_call", id, call_id: name("call_"), name: called };
    return {
      id,
      begun: { ...call, arguments: "", status: "in_progress" },
      done: { ...call, arguments: text, status: "completed" },
      between: [
        ...piecesOf(text).map((delta) => ({ type: "response.function_call_arguments.delta", delta })),
        { type: "response.function_call_arguments.done", name: called, arguments: text },
      ],
    };
  }
  const id = name("msg_");
  const status = said.finish === "length" ? "incomplete" : "completed";
  const [kind, field, event, extra] =
    said.refusal === null
      ? (["output_text", "text", "response.output_text", { annotations: [] }] as const)
      : (["refusal", "refusal", "response.refusal", {}] as const);
  const text = said.content ?? said.refusal ?? "";
  const part = (shown: string): JsonObject => ({ type: kind, [field]: shown, ...extra });
  const message = (content: JsonValue, at: string) => ({ type: "message", id, role: "assistant", status: at, content });
  const logprobs = said.refusal === null ? { logprobs: [] } : {};
  const content_index = 0;
  return {
    id,
    begun: message([], "in_progress"),
    done: message([part(text)], status),
    between: [
      { type: "response.content_part.added", content_index, part: part("") },
      ...piecesOf(text).map((delta) => ({ type: `${event}.delta`, content_index, delta, ...logprobs })),
      { type: `${event}.done`, content_index, [field]: text, ...logprobs },
      { type: "response.content_part.done", content_index, part: part(text) },
    ],
  };
}

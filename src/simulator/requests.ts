import { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { functionsIn, namedFunction, outputFormat, schemaRefusal } from "./json-schema.ts";
import { checked, inWords, type Refusal, refusalOf } from "./refusal.ts";

/* The parameters of every call, and what the API refuses of them. */

/** The API's bounds: an hour, and 30 days, which is also how long a batch's files live unless told otherwise. */
export const BATCH_FILE_SECONDS = 30 * 24 * 3600;
const EXPIRY = z.object({ anchor: z.literal("created_at"), seconds: z.int().min(3600).max(BATCH_FILE_SECONDS) });

/** There, whatever it is. */
const GIVEN = z.unknown().nonoptional();
const MODEL = z.custom<string>((value) => typeof value === "string" && value !== "", {
  message: "you must provide a model parameter",
});
const upTo = (most: number) => z.int().min(1).max(most).nullish();

/** The simulator draws nothing but PNG, and says so rather than mislabel one. */
const PICTURE = {
  n: upTo(10),
  output_format: z.literal("png").optional(),
  size: z
    .custom<string>((size) => /^(auto|[1-9]\d{1,3}x[1-9]\d{1,3})$/.test(String(size)), {
      params: { supported: ["auto", "1024x1024", "1536x1024"] },
    })
    .optional(),
};
/** A text, a list of them, a list of token ids, or a list of such lists: as many texts as documented. */
const EMBEDDED = GIVEN.superRefine((input, { issues }) => {
  if (!Array.isArray(input)) return;
  const origin = "array";
  if (input.length === 0) issues.push({ code: "too_small", origin, minimum: 1, input });
  if (typeof input[0] !== "number" && input.length > 2048)
    issues.push({ code: "too_big", origin, maximum: 2048, input });
});

/** The endpoints that answer a request body, with what each takes. */
const ANSWERING = {
  "/v1/responses": { streams: true, body: z.object({ model: MODEL, input: GIVEN }) },
  "/v1/chat/completions": {
    streams: true,
    body: z.object({ model: MODEL, messages: z.array(z.unknown()).min(1), n: upTo(128) }),
  },
  "/v1/embeddings": { streams: false, body: z.object({ model: MODEL, input: EMBEDDED }) },
  "/v1/completions": { streams: true, body: z.object({ model: MODEL, prompt: GIVEN, n: upTo(128) }) },
  "/v1/moderations": { streams: false, body: z.object({ input: GIVEN }) },
  "/v1/images/generations": { streams: true, body: z.object({ prompt: GIVEN, ...PICTURE }) },
  "/v1/images/edits": { streams: true, body: z.object({ prompt: GIVEN, ...PICTURE }) },
  "/v1/images/variations": { streams: false, body: z.object({ image: GIVEN, ...PICTURE }) },
} as const;
export type Endpoint = keyof typeof ANSWERING;

export const ENDPOINTS = Object.keys(ANSWERING).filter((path): path is Endpoint => Object.hasOwn(ANSWERING, path));
/** The endpoints that batches may call; the API has one more, for videos. */
const BATCH_ENDPOINTS = ENDPOINTS.filter((path) => path !== "/v1/images/variations");

/** The body of a call that creates a batch. */
export const BATCH_CREATE = z.object({
  input_file_id: z.string(),
  endpoint: z.enum(BATCH_ENDPOINTS),
  completion_window: z.literal("24h"),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .refine((metadata) => Object.keys(metadata).length <= 16, {
      message: "Invalid 'metadata': too many properties. Expected an object with at most 16 properties.",
      params: { code: "object_above_max_properties" },
    })
    .nullish(),
  output_expires_after: EXPIRY.nullish(),
});

/** The form of an upload; `file` is its name. */
export const UPLOAD = z
  .object({
    purpose: z.enum(["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]),
    file: z.string(),
    expires_after: EXPIRY.optional(),
  })
  .refine(({ purpose, file }) => purpose !== "batch" || file.endsWith(".jsonl"), {
    message: "Invalid file format for Batch API. Must be .jsonl",
  });

/** Which part of a list is asked for; what is left out has its usual value. */
export function pagingOf(usual: number, most: number) {
  return z.object({
    order: z.enum(["asc", "desc"]).default("desc"),
    limit: z.preprocess(numberFrom, z.int().min(1).max(most).default(usual)),
    after: z.string().optional(),
    purpose: z.string().optional(),
  });
}

/** Addresses and forms carry numbers as texts. */
export function numberFrom(text: unknown): unknown {
  return typeof text === "string" && /^-?(\d+|\d*\.\d+)$/.test(text) ? Number(text) : text;
}

/**
 * Why a request body is refused before anything is made of it, or undefined. The one place where that is decided, for a
 * call in real time and for a batch's line alike.
 */
export function checkRequest(endpoint: Endpoint, body: JsonObject): Refusal | undefined {
  const { streams, body: schema } = ANSWERING[endpoint];
  const refused = checkStream(streams, body);
  if (refused !== undefined) return refused;
  const read = checked<object>(schema, body);
  if (!read.ok) return read.error;
  const isText = endpoint === "/v1/chat/completions" || endpoint === "/v1/responses";
  return isText ? (checkSampling(endpoint, body) ?? checkOutput(body)) : undefined;
}

const STREAM = z.object({ stream: z.boolean().nullish() });

function checkStream(streams: boolean, body: JsonObject): Refusal | undefined {
  if (body["stream"] !== undefined && !streams) {
    return refusalOf("stream", "Unknown parameter: 'stream'.", "unknown_parameter");
  }
  const read = checked(STREAM, body);
  if (!read.ok) return read.error;
  if (body["stream"] === true || !isSaid(body["stream_options"])) return undefined;
  const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
  return refusalOf("stream_options", message);
}

/** What of the answer is asked for and cannot be: a schema, or a function that nobody offered. */
function checkOutput(body: JsonObject): Refusal | undefined {
  const format = outputFormat(body);
  const why = format && schemaRefusal(format.schema, format.strict);
  if (why !== undefined) {
    const message = `Invalid schema for response_format '${format?.name}': ${why}`;
    if (body["response_format"] !== undefined) return refusalOf("response_format", message);
    return refusalOf("text.format.schema", message, "invalid_json_schema");
  }
  const functions = functionsIn(body);
  for (const { name, parameters, strict, param } of functions) {
    const wrong = schemaRefusal(parameters, strict);
    if (wrong === undefined) continue;
    return refusalOf(param, `Invalid schema for function '${name}': ${wrong}`, "invalid_function_parameters");
  }
  const named = namedFunction(body["tool_choice"]);
  if (named === undefined || functions.some(({ name }) => name === named)) return undefined;
  const message = `Invalid value: 'tool_choice'. The function '${named}' is not among 'tools'.`;
  return refusalOf("tool_choice", message, "invalid_value");
}

/** How a family of models reasons; undefined in `efforts` for one that does not. */
interface Family {
  readonly names: RegExp;
  readonly efforts: readonly string[] | undefined;
}

/** The first that fits counts. A name that fits none is a model of somebody else's, of which nothing is known. */
const FAMILIES: readonly Family[] = [
  { names: /^gpt-5(-mini|-nano)?(-\d|$)/, efforts: ["minimal", "low", "medium", "high"] },
  { names: /^gpt-5\.1(-\d|$)/, efforts: ["none", "low", "medium", "high"] },
  { names: /^o[134](-mini)?(-\d|$)/, efforts: ["low", "medium", "high"] },
  { names: /^gpt-4(o|\.1)?(-|$)/, efforts: undefined },
];

/** What the API would refuse of a request's sampling, with this model; undefined when it takes all of it. */
function checkSampling(endpoint: Endpoint, body: JsonObject): Refusal | undefined {
  const { model, reasoning, temperature } = body;
  const family = FAMILIES.find(({ names }) => names.test(typeof model === "string" ? model : ""));
  if (family === undefined) return undefined;
  const chat = endpoint === "/v1/chat/completions";
  const said = chat ? body["reasoning_effort"] : isJsonObject(reasoning) ? reasoning["effort"] : undefined;
  const effort = isSaid(said) ? said : undefined;
  const limited = chat && isSaid(body["max_tokens"]);
  if (limited && isSaid(body["max_completion_tokens"])) {
    const message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
    return refusalOf("max_tokens", message, "invalid_parameter_combination");
  }
  if (family.efforts === undefined) {
    if (effort === undefined) return undefined;
    if (!chat) return unsupported("reasoning.effort");
    return refusalOf("reasoning_effort", "Unrecognized request argument supplied: reasoning_effort");
  }
  if (limited) return unsupported("max_tokens", " Use 'max_completion_tokens' instead.");
  // With no effort at all, gpt-5.1 and later sample as others do.
  if (!family.efforts.includes("none") || (effort ?? "none") !== "none") {
    if (isSaid(temperature) && temperature !== 1) {
      if (!chat) return unsupported("temperature");
      return unsupportedValue("temperature", String(temperature), "Only the default (1) value is supported.");
    }
    if (isSaid(body["top_p"])) return unsupported("top_p");
  }
  if (typeof effort !== "string" || family.efforts.includes(effort)) return undefined;
  const listed = `Supported values are: ${inWords(family.efforts)}.`;
  return unsupportedValue(chat ? "reasoning_effort" : "reasoning.effort", `'${effort}'`, listed);
}

function isSaid(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null;
}

function unsupported(param: string, instead = ""): Refusal {
  const message = `Unsupported parameter: '${param}' is not supported with this model.${instead}`;
  return refusalOf(param, message, "unsupported_parameter");
}

function unsupportedValue(param: string, value: string, supported: string): Refusal {
  const message = `Unsupported value: '${param}' does not support ${value} with this model. ${supported}`;
  return refusalOf(param, message, "unsupported_value");
}

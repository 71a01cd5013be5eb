import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { Endpoint } from "./endpoints.ts";
import { refusedParameter } from "./parameters.ts";
import { invalidType, invalidValue, missing, outOfRange, type Refusal } from "./refusal.ts";
import { outputFormat, schemaRefusal } from "./schema-check.ts";
import { functionsIn, namedFunction } from "./tools.ts";

/** How many texts one call may embed, as documented. */
const MOST_EMBEDDED = 2048;
const STREAMS: readonly Endpoint[] = [
  "/v1/chat/completions",
  "/v1/responses",
  "/v1/completions",
  "/v1/images/generations",
  "/v1/images/edits",
];

/**
 * Why a request body is refused before anything is made of it, or undefined. The one place where that is decided, for a
 * call in real time and for a batch's line alike.
 */
export function checkRequest(endpoint: Endpoint, body: JsonObject): Refusal | undefined {
  return checkStream(endpoint, body) ?? checkEndpoint(endpoint, body);
}

function checkEndpoint(endpoint: Endpoint, body: JsonObject): Refusal | undefined {
  switch (endpoint) {
    case "/v1/chat/completions":
      return (
        checkModel(body) ?? checkMessages(body["messages"]) ?? checkCount(body, 128) ?? checkOutput(endpoint, body)
      );
    case "/v1/responses":
      return checkModel(body) ?? required(body, "input") ?? checkOutput(endpoint, body);
    case "/v1/completions":
      return checkModel(body) ?? required(body, "prompt") ?? checkCount(body, 128);
    case "/v1/embeddings":
      return checkModel(body) ?? required(body, "input") ?? checkEmbedded(body["input"] ?? null);
    case "/v1/moderations":
      return required(body, "input");
    case "/v1/images/generations":
      return required(body, "prompt") ?? checkCount(body, 10) ?? checkImage(body);
    case "/v1/images/edits":
      return required(body, "prompt") ?? checkCount(body, 10) ?? checkImage(body);
    case "/v1/images/variations":
      return required(body, "image") ?? checkCount(body, 10) ?? checkImage(body);
  }
}

function checkStream(endpoint: Endpoint, body: JsonObject): Refusal | undefined {
  const { stream, stream_options: options } = body;
  const unknown = { message: "Unknown parameter: 'stream'.", param: "stream", code: "unknown_parameter" };
  if (stream !== undefined && !STREAMS.includes(endpoint)) return unknown;
  if (stream !== undefined && stream !== null && typeof stream !== "boolean") {
    return invalidType("stream", "a boolean", stream);
  }
  if (stream === true || options === undefined || options === null) return undefined;
  const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
  return { message, param: "stream_options", code: null };
}

function checkModel(body: JsonObject): Refusal | undefined {
  if (typeof body["model"] === "string" && body["model"] !== "") return undefined;
  return { message: "you must provide a model parameter", param: "model", code: null };
}

function required(body: JsonObject, param: string): Refusal | undefined {
  return body[param] === undefined ? missing(param) : undefined;
}

function checkMessages(messages: JsonValue | undefined): Refusal | undefined {
  if (!Array.isArray(messages)) return missing("messages");
  return messages.length > 0 ? undefined : emptyArray("messages");
}

function emptyArray(param: string): Refusal {
  const message = `Invalid '${param}': empty array. Expected an array with minimum length 1, but got an empty array instead.`;
  return { message, param, code: "empty_array" };
}

function checkCount(body: JsonObject, most: number): Refusal | undefined {
  const n = body["n"];
  return n === undefined || n === null ? undefined : outOfRange("n", n, 1, most);
}

function checkEmbedded(input: JsonValue): Refusal | undefined {
  if (!Array.isArray(input)) return undefined;
  if (input.length === 0) return emptyArray("input");
  if (input.length <= MOST_EMBEDDED || typeof input[0] === "number") return undefined;
  const message = `Invalid 'input': array too long. Expected an array with maximum length ${MOST_EMBEDDED}, but got an array with length ${input.length} instead.`;
  return { message, param: "input", code: "array_above_max_length" };
}

/** What of the answer is asked for and cannot be: sampling that the model refuses, a schema, a function nobody offered. */
function checkOutput(endpoint: Endpoint, body: JsonObject): Refusal | undefined {
  const refused = refusedParameter(endpoint, body);
  if (refused !== undefined) return refused;
  const format = outputFormat(body);
  if (format?.schema !== undefined) {
    const chat = body["response_format"] !== undefined;
    const [param, code] = chat ? ["response_format", null] : ["text.format.schema", "invalid_json_schema"];
    const why = schemaRefusal(format.schema, format.strict);
    if (why !== undefined) {
      const message = `Invalid schema for response_format '${format.name}': ${why}`;
      return { message, param, code };
    }
  }
  const functions = functionsIn(body);
  for (const { name, parameters, strict, param } of functions) {
    const why = schemaRefusal(parameters, strict);
    if (why === undefined) continue;
    const message = `Invalid schema for function '${name}': ${why}`;
    return { message, param, code: "invalid_function_parameters" };
  }
  const named = namedFunction(body["tool_choice"]);
  if (named === undefined || functions.some(({ name }) => name === named)) return undefined;
  const message = `Invalid value: 'tool_choice'. The function '${named}' is not among 'tools'.`;
  return { message, param: "tool_choice", code: "invalid_value" };
}

/** The simulator draws nothing but PNG, and says so rather than mislabel one. */
function checkImage(body: JsonObject): Refusal | undefined {
  const format = body["output_format"];
  if (format !== undefined && format !== "png") return invalidValue("output_format", String(format), ["png"]);
  const size = body["size"];
  if (size === undefined || size === "auto" || /^[1-9]\d{1,3}x[1-9]\d{1,3}$/.test(String(size))) return undefined;
  return invalidValue("size", isJsonObject(size) ? "an object" : String(size), ["auto", "1024x1024", "1536x1024"]);
}

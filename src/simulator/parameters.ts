import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { Endpoint } from "./endpoints.ts";
import { inWords, type Refusal } from "./refusal.ts";

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
export function refusedParameter(endpoint: Endpoint, body: JsonObject): Refusal | undefined {
  const model = typeof body["model"] === "string" ? body["model"] : "";
  const family = FAMILIES.find(({ names }) => names.test(model));
  const chat = endpoint === "/v1/chat/completions";
  if (family === undefined || (!chat && endpoint !== "/v1/responses")) return undefined;
  if (chat && isSaid(body["max_tokens"]) && isSaid(body["max_completion_tokens"])) {
    const message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
    return { message, param: "max_tokens", code: "invalid_parameter_combination" };
  }
  if (family.efforts === undefined) return refusedEffort(body, chat);
  if (chat && isSaid(body["max_tokens"])) {
    const instead = "Use 'max_completion_tokens' instead.";
    return unsupported("max_tokens", instead);
  }
  const effort = effortOf(body, chat);
  // With no effort at all, gpt-5.1 and later sample as others do.
  const samples = family.efforts.includes("none") && (effort === undefined || effort === "none");
  if (!samples) {
    const temperature = body["temperature"];
    if (isSaid(temperature) && temperature !== 1) {
      return chat
        ? unsupportedValue("temperature", String(temperature), "Only the default (1) value is supported.")
        : unsupported("temperature");
    }
    if (isSaid(body["top_p"])) return unsupported("top_p");
  }
  if (typeof effort === "string" && !family.efforts.includes(effort)) {
    const listed = `Supported values are: ${inWords(family.efforts)}.`;
    return unsupportedValue(chat ? "reasoning_effort" : "reasoning.effort", `'${effort}'`, listed);
  }
  return undefined;
}

function refusedEffort(body: JsonObject, chat: boolean): Refusal | undefined {
  if (effortOf(body, chat) === undefined) return undefined;
  if (!chat) return unsupported("reasoning.effort");
  const message = "Unrecognized request argument supplied: reasoning_effort";
  return { message, param: "reasoning_effort", code: null };
}

function effortOf(body: JsonObject, chat: boolean): JsonValue | undefined {
  const reasoning = body["reasoning"];
  const said = chat ? body["reasoning_effort"] : isJsonObject(reasoning) ? reasoning["effort"] : undefined;
  return isSaid(said) ? said : undefined;
}

function isSaid(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null;
}

function unsupported(param: string, instead = ""): Refusal {
  const message = `Unsupported parameter: '${param}' is not supported with this model.${instead === "" ? "" : ` ${instead}`}`;
  return { message, param, code: "unsupported_parameter" };
}

function unsupportedValue(param: string, value: string, supported: string): Refusal {
  const message = `Unsupported value: '${param}' does not support ${value} with this model. ${supported}`;
  return { message, param, code: "unsupported_value" };
}

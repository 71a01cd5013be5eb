import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { Random } from "./random.ts";

/** A function that the model may call. */
export interface OfferedFunction {
  readonly name: string;
  readonly parameters: JsonObject;
  readonly strict: boolean;
  /** Where its parameters stand in the request. */
  readonly param: string;
}

/** The functions among a request's tools, as chat completions nest them or as the Responses API has them flat. */
export function functionsIn(body: JsonObject): readonly OfferedFunction[] {
  const tools = body["tools"];
  if (!Array.isArray(tools)) return [];
  return tools.flatMap((tool: JsonValue, index): OfferedFunction[] => {
    if (!isJsonObject(tool) || tool["type"] !== "function") return [];
    const nested = tool["function"];
    const offered = isJsonObject(nested) ? nested : tool;
    const { name, parameters, strict } = offered;
    if (typeof name !== "string") return [];
    const param = `tools[${index}]${isJsonObject(nested) ? ".function" : ""}.parameters`;
    return [{ name, parameters: isJsonObject(parameters) ? parameters : {}, strict: strict === true, param }];
  });
}

/** The function that `tool_choice` names, in either API's form. */
export function namedFunction(choice: JsonValue | undefined): string | undefined {
  if (!isJsonObject(choice) || choice["type"] !== "function") return undefined;
  const nested = choice["function"];
  const name = isJsonObject(nested) ? nested["name"] : choice["name"];
  return typeof name === "string" ? name : undefined;
}

/**
 * The function that the model calls: the one that `tool_choice` names, else any of those offered; none when it says
 * `none`, or when what stands last is a tool's answer, which the model then puts into words.
 */
export function functionToCall(body: JsonObject, random: Random): OfferedFunction | undefined {
  const functions = functionsIn(body);
  const choice = body["tool_choice"];
  if (functions.length === 0 || choice === "none") return undefined;
  const named = namedFunction(choice);
  if (named !== undefined) return functions.find(({ name }) => name === named);
  return choice !== "required" && toolAnswered(body) ? undefined : random.pick(functions);
}

function toolAnswered(body: JsonObject): boolean {
  const turns = body["messages"] ?? body["input"];
  const last: JsonValue | undefined = Array.isArray(turns) ? turns.at(-1) : undefined;
  return isJsonObject(last) && (last["role"] === "tool" || last["type"] === "function_call_output");
}

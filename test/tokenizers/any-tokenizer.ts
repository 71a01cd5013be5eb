import fc from "fast-check";
import { expect } from "vitest";
import { isJsonObject, type JsonObject } from "../../src/graph/json.ts";
import { unprovenComponents } from "../../src/tokenizers/proven.ts";
import { shortText } from "./hostile-texts.ts";
import { disagreement, quiet, shown } from "./official.ts";
import {
  added,
  BYTE_LEVEL,
  BYTE_LEVELS,
  byteBpe,
  fallbackBpe,
  METASPACES,
  NORMALIZERS,
  POST_PROCESSORS,
  REVEALING,
  SPLITS,
  sequence,
  tokenizerJson,
  unknownBpe,
} from "./parts.ts";

const flag = fc.boolean();
/** Models, with the pre-tokeniser that each needs last. */
const anyModel: fc.Arbitrary<{ readonly model: JsonObject; readonly last: readonly JsonObject[] }> = fc
  .record({
    fuse_unk: flag,
    ignore_merges: flag,
    unk_token: fc.constantFrom(null, "<unk>"),
    end_of_word_suffix: fc.constantFrom(null, ""),
  })
  .chain((flags) =>
    fc.oneof(
      fc.constant({ model: fallbackBpe(flags), last: [] }),
      fc.constant({ model: unknownBpe(flags), last: [] }),
      fc
        .constantFrom(...BYTE_LEVELS)
        .map((level) => ({ model: byteBpe({ ...flags, unk_token: null }), last: [level] })),
      fc.constant({ model: REVEALING, last: [BYTE_LEVEL] }),
    ),
  );

/** More than the list lets through: tokens in the vocabulary and not, ids that count on and that do not, every flag. */
const anyAdded = fc
  .uniqueArray(
    fc.record({
      content: fc.constantFrom(
        "<s>",
        "</s>",
        "<|im_start|>",
        "ab",
        "a",
        "  ",
        "▁▁",
        "é",
        "Ã©",
        "<s>a",
        "漢字",
        "[K]",
        "##a",
      ),
      special: flag,
      normalized: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: flag }),
    }),
    { maxLength: 3, selector: ({ content }) => content },
  )
  .map((tokens) => ({ tokens }));

const anyTokenizer = fc.record({
  normalizer: fc.constantFrom(...NORMALIZERS),
  splits: fc.array(fc.constantFrom(...SPLITS, ...METASPACES), { maxLength: 2 }),
  model: anyModel,
  postProcessor: fc.constantFrom(...POST_PROCESSORS),
  added: anyAdded,
  texts: fc.array(shortText, { minLength: 20, maxLength: 20 }),
});

/** Makes tokenizers of all kinds, and holds so many that the list lets through against the official library. */
export async function holdAnyTokenizer(count: number, seed: number): Promise<void> {
  quiet();
  let held = 0;
  const property = fc.asyncProperty(
    anyTokenizer,
    async ({ normalizer, splits, model, postProcessor, added: more, texts }) => {
      const all = [...splits, ...model.last];
      const vocabulary = isJsonObject(model.model["vocab"]) ? model.model["vocab"] : {};
      let next = Object.keys(vocabulary).length;
      const tokenizer = tokenizerJson({
        normalizer,
        preTokenizer: all.length === 0 ? null : sequence(...all),
        model: model.model,
        postProcessor,
        added: more.tokens.map(({ content, ...flags }) => added(content, Number(vocabulary[content] ?? next++), flags)),
      });
      fc.pre(unprovenComponents(tokenizer, {}).length === 0);
      held++;
      const woven = texts.map((text, at) => `${text}${more.tokens[at % 4]?.content ?? ""}${texts[at - 1] ?? ""}`);
      expect(await disagreement(tokenizer, [...texts, ...woven]), shown(tokenizer)).toEqual([]);
    },
  );
  await fc.assert(property, { numRuns: count, seed, maxSkipsPerRun: 1000 });
  expect(held).toBeGreaterThanOrEqual(count);
}

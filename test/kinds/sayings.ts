import { value } from "../../src/graph/declare.ts";
import type { Kind } from "../../src/kinds/kind.ts";
import { promptInputs, promptOf } from "../../src/kinds/prompted.ts";

/* All that there is of a kind of task is one module like this object, and its line in the registry. */

export const sayings: Kind = {
  name: "sayings",
  words: { made: "sayings collected", entries: "sayings", rows: "lines" },
  member: "saying",
  namesAt: "fields",
  inputs: { requests: promptInputs, shard: () => ({ response_schema: value(null, "") }), dataset: () => ({}) },
  asked: promptOf,
  requests: (context, range, rendered) => rendered(context, range, { noun: "saying", template: "{count}\n\n{answer}" }),
  reader: async (context, { fields }, answers) => ({
    read: await answers(context, { fields }),
    variants: [],
    tokenizers: [],
  }),
  file: {
    name: "sayings",
    is: "a dataset of sayings",
    has: () => false,
    entry: (_line, at) => `saying ${at}`,
    count: () => undefined,
    fields: (line, { members }) => members(line),
  },
  textNames: () => ["words"],
  wanted: async (context) => context.value<number>("target_scenarios"),
  rows: () => (id, line) => `${id}: ${line.texts[0]}\n`,
};

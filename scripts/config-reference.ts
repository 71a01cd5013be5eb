import { CONFIG_KINDS, type ConfigKind, jsonSchemaOf } from "../src/config/json-schema.ts";
import { DEFAULT_PROMPTS, PLACEHOLDERS } from "../src/config/prompt-template.ts";
import { CHECK_NAMES, checkJsonSchema } from "../src/config/schema-checks.ts";
import { alternatives, objectMember, textMember } from "../src/config/schema-path.ts";
import { expectedWords, inlineYaml } from "../src/config/words.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../src/graph/json.ts";

/*
 * What is published about the config files, made from their schemas: one JSON Schema each, and the reference page.
 * The same input gives the same bytes, so that a test can tell when they are out of date.
 */

/** The published files, by path from the package's root. */
export function publishedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const kind of CONFIG_KINDS) {
    files.set(`schemas/${kind}.schema.json`, `${JSON.stringify(withoutPrivate(jsonSchemaOf(kind)), null, 2)}\n`);
  }
  files.set("docs/config.md", referencePage());
  files.set("docs/checks.md", checksPage());
  return files;
}

/** A schema without our own annotations, which mean nothing to an editor. */
function withoutPrivate(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => withoutPrivate(item));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !key.startsWith("x-"))
      .map(([key, member]) => [key, withoutPrivate(member)]),
  );
}

const FILE_OF: Readonly<Record<ConfigKind, string>> = {
  dsgen: "config/dsgen.yaml",
  models: "config/models.yaml",
  tokenizers: "config/tokenizers.yaml",
  task: "config/tasks/<task>.yaml",
};

function referencePage(): string {
  const sections = CONFIG_KINDS.map((kind) => {
    const schema = jsonSchemaOf(kind);
    return [
      `## ${FILE_OF[kind]}`,
      textMember(schema, "description") ?? "",
      ["| key | type | default | meaning |", "| --- | --- | --- | --- |", ...rowsOf(schema, "")].join("\n"),
    ].join("\n\n");
  });
  return `${[INTRODUCTION, ...sections].join("\n\n")}\n`;
}

const INTRODUCTION = `# Configuration

<!-- Made by scripts/generate-config-docs.ts from the schemas in src/config and src/kinds/schema; edit those. -->

A project's configuration is the folder \`config/\`: \`dsgen.yaml\`, \`models.yaml\`, \`tokenizers.yaml\` and one file a task in
\`tasks/\`. dsgen looks for it in the current folder and in those above, as git looks for its root; \`--config-dir\` names
another. Only a task is required; without \`dsgen.yaml\` every key there has its default, and without \`models.yaml\` prices are
unknown.

The files are YAML 1.2 in UTF-8. Anchors and aliases work, merge keys (\`<<\`) do not. An unknown key is an error, and all errors
of all files are reported at once, each with file, line and column. Formatting, comments and the order of keys mean nothing, with
one exception: the order of \`templates\` is the order of a scenario's rows. The first line of the files that come with dsgen names
their JSON Schema, so that an editor completes and checks them.

## The prompt

\`prompt\` is a template of the whole user message. It may name, in braces:

| name | stands for |
| --- | --- |
${placeholderRows()}

A line that holds nothing but names with nothing to say is left out, and a heading (a line that ends with a colon) of which nothing else is
left. \`dsgen inspect requests/<task>/request_batch0.jsonl --full\` prints what is really sent. Without a \`prompt\`, a task of pairs has

\`\`\`text
${DEFAULT_PROMPTS.pairs}
\`\`\`

and a task of records

\`\`\`text
${DEFAULT_PROMPTS.records}
\`\`\`

## --set

\`--set KEY=VALUE\` replaces one value for one invocation. It is checked and hashed as if it stood in the file; a later \`--set\` wins.

| written | sets |
| --- | --- |
| \`--set refusal.target_scenarios=50\` | a key of the task \`refusal\` |
| \`--set refusal.sampling.temperature=1\` | a key inside a map |
| \`--set refusal.examples.0.safe="Help me bake"\` | an entry of a list, counted from 0; one past the end appends |
| \`--set 'refusal.tokenizers=[qwen, llama]'\` | a whole list |
| \`--set dsgen.budget=5\` | a key of dsgen.yaml |
| \`--set models.gpt-4.1.batch_discount=0\` | a model's price; the longest name that exists is taken |
| \`--set 'models."gpt-5.5".input_usd_per_mtok=1'\` | a name that holds dots and does not exist yet, in double quotes |
| \`--set 'tokenizers.mine={folder: tok/mine}'\` | a whole tokenizer |

The value is YAML: a plain or quoted text, a number, \`true\`, \`null\`, \`[a, b]\`, \`{key: value}\`. A text that reads as something else
is quoted twice, once for the shell: \`--set 'refusal.role="yes"'\`.`;

function placeholderRows(): string {
  return Object.entries(PLACEHOLDERS)
    .map(([name, meaning]) => `| \`{${name}}\` | ${meaning} |`)
    .join("\n");
}

function checksPage(): string {
  const sections = CHECK_NAMES.map((name) => {
    const schema = checkJsonSchema(name);
    const rows = rowsOf(schema, "").filter((line) => !line.startsWith("| `check` |"));
    return [
      `## ${name}`,
      textMember(schema, "description") ?? "",
      ...(rows.length === 0
        ? []
        : [["| parameter | type | default | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n")]),
      `Reasons of failure: ${textMember(schema, "x-reasons") ?? ""}.`,
    ].join("\n\n");
  });
  return `${[CHECKS_INTRODUCTION, ...sections, OWN_CHECKS].join("\n\n")}\n`;
}

const CHECKS_INTRODUCTION = `# Checks

<!-- Made by scripts/generate-config-docs.ts from src/config/schema-checks.ts; edit that. -->

A task's \`checks\` say what an entry (a pair, a record, an embedded text) must pass to be valid. Every check looks at every entry; the
lines of \`validated/<task>/shard<i>.jsonl\` hold what failed, and why, and \`dsgen inspect\` counts it. A check is listed by its name, or as
a map with its parameters; the same check may stand there several times:

\`\`\`yaml
checks:
  - one-token-difference
  - { check: length, field: safe, min: 10, max: 200 }
  - { check: regex, pattern: "^[A-Z]" }
  - { check: module, path: targets/checks/rhymes.ts, language: en }
check_timeout_seconds: 1
\`\`\`

Patterns and modules are a person's own code, and may never end. After \`check_timeout_seconds\` (one second unless the task says otherwise)
such a check is stopped; the entry fails with \`timed-out\`, and the next entry is looked at. Ctrl-C works all the while. Since a
clock decides, a check should be far from its limit: one that is near it may pass here and fail elsewhere.`;

const OWN_CHECKS = `### A module of your own

The module's default export is a function of an entry's texts, by their keys, and of the parameters beside \`path\`. It answers \`true\`, or a
reason, with anything more that should stand in the shard:

\`\`\`ts
import type { ModuleCheck } from "dsgen";

const rhymes: ModuleCheck = (entry, params) =>
  entry["safe"]?.at(-1) === entry["harmful"]?.at(-1) ? true : { reason: "no rhyme", detail: { language: params["language"] ?? null } };

export default rhymes;
\`\`\`

It must be a pure function, and answer at once: no promises. Its source, and what it imports, is part of what shards are made from, so
changing it validates anew, and asks the provider for nothing. One that throws or answers something else fails the target, and
the message names the module.`;

/** One row a key, nested ones after their parent. */
function rowsOf(schema: JsonObject, prefix: string): string[] {
  const properties = objectMember(schema, "properties");
  const required = schema["required"];
  if (properties === undefined) return [];
  return Object.entries(properties).flatMap(([key, member]) => {
    if (!isJsonObject(member)) return [];
    const path = `${prefix}${key}`;
    const needed = Array.isArray(required) && required.includes(key);
    return [row(path, member, needed), ...nestedRows(member, path)];
  });
}

function nestedRows(schema: JsonObject, path: string): string[] {
  // It has a page of its own.
  if (schema["x-page"] === true) return [];
  return alternatives(schema).flatMap((option) => {
    const values = objectMember(option, "additionalProperties");
    const items = objectMember(option, "items");
    return [
      ...rowsOf(option, `${path}.`),
      ...(values === undefined ? [] : nestedRows(values, `${path}.<${textMember(option, "x-key") ?? "name"}>`)),
      ...(items === undefined ? [] : nestedRows(items, `${path}[]`)),
    ];
  });
}

function row(path: string, schema: JsonObject, required: boolean): string {
  const cells = [
    `\`${path}\``,
    expectedWords(schema),
    defaultWords(schema, required),
    textMember(schema, "description") ?? "",
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function defaultWords(schema: JsonObject, required: boolean): string {
  if (required) return "required";
  const given = textMember(schema, "x-default");
  if (given !== undefined) return given;
  const value = schema["default"];
  if (value === undefined) return "";
  // The defaults of a map are those of its keys, which have rows of their own.
  return isJsonObject(value) ? "" : `\`${inlineYaml(value)}\``;
}

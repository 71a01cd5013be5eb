import { afterAll, describe, expect, test } from "vitest";
import { fingerprintOfJson } from "../../src/graph/digest.ts";
import { complaints, loaded, meaning, project, removeProjects, TASK } from "./fixture.ts";

afterAll(removeProjects);

const root = project({ "tasks/other.yaml": TASK.replace("task_name: tiny", "task_name: other") });

function tiny(...sets: readonly string[]) {
  const task = loaded(root, sets).tasks.find((found) => found.task_name === "tiny");
  if (task === undefined) throw new Error("no task tiny");
  return task;
}

describe("what a --set changes", () => {
  test("a number of one task, and nothing else", () => {
    const before = loaded(root);
    const after = loaded(root, ["tiny.target_scenarios=50"]);
    expect(after.tasks.map((task) => task.target_scenarios)).toEqual([5, 50]);
    expect(after.tasks[0]).toEqual(before.tasks[0]);
    expect({ ...after.tasks[1], target_scenarios: 5 }).toEqual(before.tasks[1]);
    expect(after.sets).toEqual(["tiny.target_scenarios=50"]);
  });

  test("the hash is the one the file would give", () => {
    const written = project({
      "tasks/tiny.yaml": TASK.replace("target_scenarios: 5", "target_scenarios: 50"),
      "tasks/other.yaml": TASK.replace("task_name: tiny", "task_name: other"),
    });
    const inFile = loaded(written).tasks[1];
    const set = loaded(root, ["tiny.target_scenarios=50"]).tasks[1];
    if (inFile === undefined || set === undefined) throw new Error("no second task");
    expect(fingerprintOfJson(set)).toBe(fingerprintOfJson(inFile));
  });

  test.each([
    ["tiny.sampling.temperature=1.5", (task: ReturnType<typeof tiny>) => task.sampling?.temperature, 1.5],
    ["tasks.tiny.sampling.temperature=1", (task: ReturnType<typeof tiny>) => task.sampling?.temperature, 1],
    ["tiny.role=a: b".replace(": ", ":"), (task: ReturnType<typeof tiny>) => task.role, "a:b"],
    ['tiny.role="x = y: z"', (task: ReturnType<typeof tiny>) => task.role, "x = y: z"],
    ["tiny.tokenizers=[llama, qwen]", (task: ReturnType<typeof tiny>) => task.tokenizers, ["llama", "qwen"]],
    ["tiny.tokenizers.1=llama", (task: ReturnType<typeof tiny>) => task.tokenizers, ["qwen", "llama"]],
    ["tiny.examples.0.safe=Bake bread", (task: ReturnType<typeof tiny>) => task.examples[0]?.["safe"], "Bake bread"],
    ["tiny.examples.1={safe: a, harmful: b}", (task: ReturnType<typeof tiny>) => task.examples.length, 2],
    [
      'tiny.templates.plain.suffix="\\nAnswer: "',
      (task: ReturnType<typeof tiny>) => task.templates["plain"]?.suffix,
      "\nAnswer: ",
    ],
    [
      "tiny.templates.more={prefix: a, suffix: b}",
      (task: ReturnType<typeof tiny>) => task.template_order,
      ["plain", "more"],
    ],
    ["tiny.dedupe.by=normalised", (task: ReturnType<typeof tiny>) => task.dedupe.by, "normalised"],
    ["tiny.budget=null", (task: ReturnType<typeof tiny>) => task.budget, null],
    ["tiny.output=a/./b.jsonl", (task: ReturnType<typeof tiny>) => task.output, "a/b.jsonl"],
    ["tiny.sampling={temperature: 0, max_tokens: 7}", (task: ReturnType<typeof tiny>) => task.sampling?.max_tokens, 7],
    [
      "tiny.checks.0={check: length, max: 80}",
      (task: ReturnType<typeof tiny>) => task.checks,
      [{ check: "length", max: 80 }],
    ],
  ])("%s", (set, read, expected) => {
    expect(read(tiny(set))).toEqual(expected);
  });

  test("model names hold dots", () => {
    const models = (set: string) => loaded(root, [set]).models;
    expect(models("models.gpt-4.1.input_usd_per_mtok=9")["gpt-4.1"]?.input_usd_per_mtok).toBe(9);
    expect(models('models."gpt-4.1".input_usd_per_mtok=9')["gpt-4.1"]?.input_usd_per_mtok).toBe(9);
    const added = 'models."gpt-5.5"={input_usd_per_mtok: 1, output_usd_per_mtok: 2}';
    expect(models(added)["gpt-5.5"]?.output_usd_per_mtok).toBe(2);
  });

  test("settings, where there is no dsgen.yaml", () => {
    const { dsgen } = loaded(root, ["dsgen.budget=5", "dsgen.batch.max_attempts=1", "dsgen.default_tasks=[tiny]"]);
    expect(dsgen).toMatchObject({
      budget: 5,
      batch: { max_attempts: 1, max_file_bytes: 200_000_000 },
      default_tasks: ["tiny"],
    });
  });

  test("tokenizers", () => {
    expect(loaded(root, ["tokenizers.mine={folder: tok/mine}"]).tokenizers["mine"]).toEqual({
      source: { kind: "folder", path: "tok/mine" },
      unproven: "refuse",
      at: "--set tokenizers.mine={folder: tok/mine}",
    });
  });

  test("a later one wins, and an earlier one may make what it needs", () => {
    expect(tiny("tiny.batches=3", "tiny.batches=4").batches).toBe(4);
    expect(tiny("tiny.max_batches=9", "tiny.pilot_batches=9").pilot_batches).toBe(9);
  });
});

test.each([
  [
    "tiny.tarrget=50",
    ["--set tiny.tarrget=50: a task file must have known keys only; found `tarrget`. Did you mean `target_scenarios`?"],
  ],
  [
    "tiny.smapling.seed=1",
    ["--set tiny.smapling.seed=1: a task file must have known keys only; found `smapling`. Did you mean `sampling`?"],
  ],
  [
    "tiny.target_scenarios=many",
    [
      '--set tiny.target_scenarios=many: `target_scenarios` must be a whole number from 1 to 1000000000; found the text "many". Write for example `target_scenarios: 1500`.',
    ],
  ],
  [
    "tniy.batches=1",
    [
      "--set tniy.batches=1: it must begin with a task's name (other, tiny) or dsgen, models or tokenizers; found tniy. Did you mean `tiny`?",
    ],
  ],
  [
    "dsgne.jobs=1",
    [
      "--set dsgne.jobs=1: it must begin with a task's name (other, tiny) or dsgen, models or tokenizers; found dsgne. Did you mean `dsgen`?",
    ],
  ],
  [
    "tasks.new.batches=1",
    [
      "--set tasks.new.batches=1: it must begin with a task's name (other, tiny) or dsgen, models or tokenizers; found new. Write for example `--set <task>.target_scenarios=50` or `--set dsgen.budget=5`.",
    ],
  ],
  [
    "tiny=5",
    ["--set tiny=5: it must name a key inside tiny; found no more than tiny. Write `--set tiny.<key>=<value>`."],
  ],
  [
    "models=5",
    [
      "--set models=5: it must name a key inside models; found no more than models. Write `--set models.<key>=<value>`.",
    ],
  ],
  ...["", "tiny", "tiny.batches", "=5", ".batches=5", "tiny..batches=5", 'tiny."batches=5', "tiny. =5"].map(
    (set): [string, string[]] => [
      set,
      [
        `--set ${set}: it must be written KEY=VALUE, the key's parts joined by dots; found ${JSON.stringify(set)}. Write for example \`--set refusal.target_scenarios=50\`; put a part that holds dots in double quotes.`,
      ],
    ],
  ),
  [
    "tiny.batches.more=1",
    ["--set tiny.batches.more=1: `batches` must be a map to have the key `more`; found 2. Set `batches` itself."],
  ],
  [
    "tiny.examples.7.safe=x",
    [
      "--set tiny.examples.7.safe=x: `examples` is a list, so the next part must be a number from 0 to 1 (one more than it has appends); found 7. Count from 0, or set the whole list: `[a, b]`.",
    ],
  ],
  [
    "tiny.tokenizers=[qwen",
    [
      "--set tiny.tokenizers=[qwen: not valid YAML: Flow sequence must end with a ]. Check the indentation, brackets and quotes here and on the line above.",
    ],
  ],
  [
    "tiny.role=",
    [
      "--set tiny.role=: `role` must be a text that is not empty; found nothing. Write for example `role: You write minimal pairs for interpretability research.`.",
    ],
  ],
  [
    "tiny.output=/etc/x.jsonl",
    [
      '--set tiny.output=/etc/x.jsonl: `output` must be a path inside the project that ends in .jsonl; found "/etc/x.jsonl": the path is absolute; name it from the project root. Write for example `output: dataset.jsonl`.',
    ],
  ],
  [
    "tiny.output=other.jsonl",
    [
      "--set tiny.output=other.jsonl: `output` must be a file of this task's own; found other.jsonl, which is the task other's too (config/tasks/other.yaml). Write for example `output: tiny.jsonl`.",
    ],
  ],
  [
    "tokenizers.qwen.hub=a/b",
    [
      "config/tokenizers.yaml:2:9: `tokenizers.qwen` must pin its hub repo with the key `revision` (a commit, tag or branch); found none. Add the repo's commit, or `revision: main`.",
      "--set tokenizers.qwen.hub=a/b: `tokenizers.qwen` must have exactly one of npm, folder and hub; found npm and hub. Keep one of them.",
    ],
  ],
])("--set %s", (set, expected) => {
  expect(complaints(root, [set])).toEqual(expected);
});

test("nothing is blamed on a file that cannot be read", () => {
  const broken = project({ "tasks/tiny.yaml": "a: [" });
  expect(complaints(broken, ["tiny.batches=1"]).map((line) => line.split(": ")[0])).toEqual([
    "config/tasks/tiny.yaml:1:5",
  ]);
});

test("without --set nothing changes", () => {
  expect(meaning(loaded(root, []))).toEqual(meaning(loaded(root)));
});

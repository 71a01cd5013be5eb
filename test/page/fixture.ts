import type { JobFacts } from "../../src/page/facts.ts";
import type { ReportTask } from "../../src/page/task-data.ts";
import writeReport from "../../src/recipes/write-report.ts";
import type { GraphLine } from "../../src/report/result-schema.ts";
import type { Manifest } from "../../src/tasks/manifest.ts";
import { ShardTally } from "../../src/tasks/shard-summary.ts";
import { contextOf } from "../recipes/context.ts";

/*
 * A report of a dataset that is written down here: two shards of records or pairs, with whatever texts a test wants in them.
 */

/** A candidate of the fixture: its texts, and the reason for which it was left out. */
export interface Entry {
  readonly texts: readonly [string, string];
  readonly fails?: string;
  readonly taken?: boolean;
}

export interface Shape {
  readonly entries: readonly Entry[];
  readonly task?: string;
  readonly kind?: "pairs" | "records";
  readonly graph?: readonly GraphLine[];
  readonly axisValue?: string;
  readonly errorCode?: string;
  readonly jobs?: number;
  /** How long each job took, in milliseconds. */
  readonly took?: number;
}

const FIELDS = ["safe", "harmful"];
const TOKENS = { single: { a: [9, 9, [4]], b: [10, 10, [5]] } };

/** What the recipe of a report is given. */
export function givenOf(shape: Shape) {
  const { entries, task = "t", kind = "pairs" } = shape;
  const member = kind === "pairs" ? "pair" : "record";
  const half = Math.ceil(entries.length / 2);
  const shards = [entries.slice(0, half), entries.slice(half)].map((part, i) => {
    const name = `validated/${task}/shard${i}.jsonl`;
    const lines = part.map(({ texts, fails }, index) =>
      JSON.stringify({
        valid: fails === undefined,
        [member]: Object.fromEntries(FIELDS.map((field, at) => [field, texts[at]])),
        failed:
          fails === undefined
            ? []
            : [{ check: fails, reason: "not-one-difference", detail: { at: [{ variant: "single", tokenizer: "a" }] } }],
        tokens: kind === "pairs" ? TOKENS : {},
        from: { custom_id: `${task}-${i}`, request_id: `${i}`, line: 1, index },
      }),
    );
    const summary = { ...new ShardTally().summary(), responses: 5, answered: 4 };
    return { name, lines, summary };
  });
  const taken = entries.flatMap((entry, at) => (entry.fails === undefined && entry.taken !== false ? [at] : []));
  const valid = entries.filter(({ fails }) => fails === undefined).length;
  const manifest: Manifest = {
    v: 1,
    dataset: {
      ...{ file: `${task}.jsonl`, sha256: "0".repeat(64), rows: taken.length * 2 },
      ...{ scenarios: taken.length, target: taken.length + 1, short_by: 1 },
    },
    ...{
      task,
      simulated: true,
      provider: "simulator:1",
      model: "m",
      sampling: null,
      prompt_fingerprint: "f",
      dsgen: "0",
    },
    summary: {
      ...{
        responses: 10,
        answered: 8,
        error_codes: { [shape.errorCode ?? "500"]: 2 },
        response_problems: { prose: 1 },
      },
      ...{ shards: 2, errors: 0, success_rate: valid / entries.length, rows: taken.length * 2 },
      ...{ target: taken.length + 1, short_by: 1, failures_by_check: {}, failures_by_reason: {} },
      ...{
        failures_by_tokenizer: {},
        failures_by_variant: {},
        malformed_entries: {},
        valid,
        invalid: entries.length - valid,
        duplicates: valid - taken.length,
      },
      scenarios: taken.length,
      yield_by_axis: {
        topic: {
          [shape.axisValue ?? "food"]: { requests: 10, candidates: entries.length, valid, scenarios: 1, yield: 0.5 },
        },
      },
      buying: { reason: "all were bought" },
    },
    ...{ answers: {}, tokens: { input: 1, cached_input: 0, output: 1 }, cost_usd: 0.5, used_cost_usd: null },
    tokenizers: {},
    scenarios: taken.map((at, scenario_id) => {
      const i = at < half ? 0 : 1;
      const shard = `validated/${task}/shard${i}.jsonl`;
      return { scenario_id, shard, custom_id: `${task}-${i}`, request_id: null, batch_id: null, entry: at - i * half };
    }),
  };
  const about: ReportTask = {
    task,
    names: { kind, fields: FIELDS },
    variants: kind === "pairs" ? [{ name: "single", prefix: "", suffix: "" }] : [],
    dedupe: { by: "exact" },
  };
  const facts: JobFacts = {
    jobs: Array.from({ length: shape.jobs ?? 3 }, (_, i) => ({
      ...{
        requestFile: `requests/${task}/request_batch${i}.jsonl`,
        jobId: `${i}`,
        batchId: `b${i}`,
        status: "completed",
      },
      ...{ standing: "done" as const, attempt: 1, progress: { total: 5, completed: 4, failed: 1 } },
      ...{ since: 1_700_000_000_000 + i * 1e6, until: 1_700_000_000_000 + i * 1e6 + (shape.took ?? 9e5 + i * 1e6) },
    })),
    ...{ spent: [], inFlight: [], saved: [] },
  };
  return {
    manifest,
    about,
    given: {
      values: { tasks: [about] },
      files: { [`manifest ${task}`]: JSON.stringify(manifest) },
      lists: {
        [`shards ${task}`]: shards.map(({ name, lines }): [string, string] => [
          name,
          lines.map((line) => `${line}\n`).join(""),
        ]),
        [`summaries ${task}`]: shards.map(({ name, summary }): [string, string] => [
          name.replace(".jsonl", ".summary.json"),
          JSON.stringify(summary),
        ]),
      },
      tools: { [`jobs ${task}`]: facts, graph: shape.graph ?? graphOf(10) },
    },
  };
}

/** The page, as the recipe writes it. */
export async function reportOf(shape: Shape): Promise<string> {
  const { context, outputs } = contextOf(givenOf(shape).given);
  await writeReport(context);
  return outputs[0] ?? "";
}

/** A chain of so many targets, of three kinds. */
export function graphOf(size: number): readonly GraphLine[] {
  return Array.from({ length: size }, (_, i): GraphLine => {
    const stage = ["requests", "answers", "validation"][i % 3] ?? "";
    const target = `${stage}/t/file${Math.floor(i / 3)}.jsonl`;
    const before = i % 3 === 0 ? [] : [`${["requests", "answers"][(i % 3) - 1]}/t/file${Math.floor(i / 3)}.jsonl`];
    return {
      type: "graph",
      target,
      stage,
      task: "t",
      recipe: `dsgen/${stage}`,
      outputs: [target],
      from: before,
      candidates: [],
    };
  });
}

/** Texts that would do something in a page that does not take them for text. */
export const HOSTILE: readonly string[] = [
  "</script><script>globalThis.struck = 1</script>",
  '<img src="http://127.0.0.1:9/x" onerror="globalThis.struck = 1">',
  "<!--<script>",
  "line\u2028separator\u2029paragraph",
  "\u202egnp.exe\u202c \u200b\u2066hidden\u2069",
  "]]>'\"`&lt;script&gt;&amp;",
  `<svg onload=globalThis.struck=1>${"x".repeat(100_000)}`,
  "<style>body{display:none}</style><base href=http://127.0.0.1:9/><meta http-equiv=refresh content=0>",
  "\ud83d\ude00 ünï \u0000\u0007",
];

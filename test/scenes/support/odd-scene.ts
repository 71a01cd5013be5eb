import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { OddCase, OddLedger } from "./odd-case.ts";
import { OddServer } from "./odd-server.ts";
import { filesBelow, KEY, makeProject, type ProjectShape, type Ran, runDsgen, type SceneProject } from "./project.ts";

/*
 * A `records` task of four requests for two records each, the real command line, and a server that is odd in one way. What
 * must hold whatever the server does: nothing is charged twice, every charged answer is kept, calls are bounded, nothing
 * secret and no stack trace is shown or written.
 */

export interface OddScene {
  readonly project: SceneProject;
  readonly url: string;
  /** `dsgen …args` with the server's address and a key. A run that does not end is killed: its code is null. */
  run(...args: readonly string[]): Promise<Ran>;
  /** `dsgen build --wait …args`. */
  build(...args: readonly string[]): Promise<Ran>;
  ledger(): OddLedger;
  /** How often a call was made, by method and path. */
  calls(call: RegExp): number;
  outcome(): Outcome;
}

/** What is judged after every scene, in one value so that a failure shows all of it. */
export interface Outcome {
  /** How each run ended. */
  readonly codes: readonly (number | null)[];
  /** Rows of the dataset; null when there is none. */
  readonly rows: number | null;
  readonly paid: number;
  readonly paidTwice: number;
  /** Charged requests whose answer is in no output file. */
  readonly lost: number;
  /** Kinds of call that were made more often than any build needs. */
  readonly excess: readonly string[];
  /** Where something secret, or a stack trace, was shown or written. */
  readonly leaks: readonly string[];
}

/** What holds whatever happens, and what usually does. */
export const ALL_WELL: Outcome = { codes: [0], rows: 8, paid: 4, paidTwice: 0, lost: 0, excess: [], leaks: [] };
export const NOTHING: Outcome = { ...ALL_WELL, codes: [1], rows: null, paid: 0 };

export const TASK = {
  task_name: "tiny",
  kind: "records",
  description: "Questions, each with its answer in a few words.",
  role: "You answer in JSON.",
  model: "gpt-4o",
  sampling: { temperature: 0.8, max_tokens: 256, response_format: "json_object" },
  batches: 1,
  requests_per_batch: 4,
  scenarios_per_request: 2,
  target_scenarios: 8,
  // No two requests are alike.
  axes: { topic: ["animals", "cooking", "geography", "music"] },
  fields: ["question", "answer"],
  generation_instructions: "A question is one sentence.",
  checks: ["distinct-texts"],
  rows: [{ id: "{record_id}", question: "{question}", answer: "{answer}" }],
  output: "dataset.jsonl",
};

interface Setting {
  /** Keys that take the place of the task's own; one that is undefined is left out. */
  readonly task?: Readonly<Record<string, unknown>>;
  readonly shape?: ProjectShape;
  readonly files?: Readonly<Record<string, string>>;
}

/** Far above what any of these builds needs, and far below what an unbounded loop does before its run is killed. */
const BOUNDS: readonly (readonly [name: string, call: RegExp, most: number])[] = [
  ["uploads", /^POST \/files$/, 12],
  ["creates", /^POST \/batches$/, 12],
  ["listings", /^GET \/batches$/, 120],
  ["downloads", /^GET \/files\/.*\/content$|^GET \/blob/, 40],
  ["questions", /^POST \/(chat|responses|embeddings)/, 24],
  ["all calls", /./, 400],
];

export async function odd<T>(
  make: (server: OddServer) => OddCase,
  work: (scene: OddScene) => Promise<T>,
  setting: Setting = {},
): Promise<T> {
  const project = makeProject(setting.shape ?? {});
  writeFileSync(project.path("config", "tasks", "tiny.yaml"), JSON.stringify({ ...TASK, ...setting.task }));
  for (const [path, text] of Object.entries(setting.files ?? {})) writeFileSync(project.path(path), text);
  const server = new OddServer(make);
  const { url, close } = await server.start();
  const runs: Ran[] = [];
  const calls = (call: RegExp) => server.ledger().calls.filter((made) => call.test(made)).length;
  const run = async (...args: readonly string[]) => {
    const ran = await runDsgen(project, args, { url, deadlineMs: 40_000 }).catch(
      (error: Error): Ran => ({ code: null, signal: "SIGKILL", stdout: "", stderr: error.message }),
    );
    runs.push(ran);
    return ran;
  };
  try {
    return await work({
      project,
      url,
      run,
      build: (...args) => run("build", "--wait", "--poll", "0.03", ...args),
      ledger: () => server.ledger(),
      calls,
      outcome() {
        const { charges, paidTwice } = server.ledger();
        const kept = keptIn(project);
        return {
          codes: runs.map(({ code }) => code),
          rows: rowsIn(project),
          paid: [...charges.values()].reduce((sum, times) => sum + times.length, 0),
          paidTwice,
          lost: [...charges.keys()].filter((id) => !id.startsWith("direct ") && !kept.has(id)).length,
          excess: BOUNDS.flatMap(([name, call, most]) => (calls(call) > most ? [`${calls(call)} ${name}`] : [])),
          leaks: leaksOf(project, runs),
        };
      },
    });
  } finally {
    project.remove();
    await close();
  }
}

/** The rows of the dataset as a person reads them. */
export function datasetOf(project: SceneProject): readonly Readonly<Record<string, unknown>>[] {
  const lines = project.read("dataset.jsonl").split("\n");
  return lines.flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Record<string, unknown>]));
}

function rowsIn(project: SceneProject): number | null {
  return existsSync(project.path("dataset.jsonl")) ? datasetOf(project).length : null;
}

/** The custom_ids that the output files answer. Read by pattern: a line may be as the server wrote it, which may be no JSON. */
function keptIn(project: SceneProject): ReadonlySet<string> {
  const folder = project.path("batch_outputs", "tiny");
  const ids = new Set<string>();
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (!/^output_batch\d+\.jsonl$/.test(name)) continue;
    for (const line of readFileSync(`${folder}/${name}`, "utf8").split("\n")) {
      const id = /"custom_id":\s*"([^"]+)"/.exec(line)?.[1];
      if (id !== undefined && /"status_code":\s*200/.test(line)) ids.add(id);
    }
  }
  return ids;
}

const SECRET = new RegExp(`${KEY}|X-Amz-Signature|SECRETSIGNATURE`);
const STACK = /^\s+at .+:\d+:\d+\)?$/m;

function leaksOf(project: SceneProject, runs: readonly Ran[]): readonly string[] {
  const shown = runs.filter(({ stdout, stderr }) => SECRET.test(stdout + stderr) || STACK.test(stdout + stderr));
  const written = [...filesBelow(project.root)].filter(({ content }) => SECRET.test(content.toString("latin1")));
  return [...shown.map(({ stderr }) => stderr.slice(0, 600)), ...written.map(({ path }) => path)];
}

import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isJsonObject } from "../../../src/graph/json.ts";
import { sendsByCustomId } from "../../simulator/counts.ts";
import {
  environment,
  makeProject,
  type Provider,
  type Ran,
  runDsgen,
  type SceneProject,
  startProvider,
} from "../support/project.ts";
import { jsonLines, lineOf, REPOSITORY, write } from "../support/shipped.ts";

/*
 * The unit of payment is one request. For each change: what plan says would be sent, what the provider's account book
 * says was sent, and which stages were made again.
 */

let provider: Provider;
let built: SceneProject;

beforeAll(async () => {
  provider = await startProvider({ timing: "instant" });
  built = makeProject();
  expect((await runDsgen(built, ["build", "--wait"], { url: provider.url })).code).toBe(0);
});
afterAll(async () => {
  await provider.remove();
  built.remove();
});

/** The project as first built, for one change. */
function copy(): SceneProject {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "dsgen-reuse-")));
  cpSync(built.root, root, { recursive: true, preserveTimestamps: true });
  return { ...makeView(root) };
}

function makeView(root: string): SceneProject {
  return {
    root,
    path: (...parts) => join(root, ...parts),
    read: built.read,
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

async function sent(): Promise<number> {
  const ledger = await provider.ledger();
  return [...sendsByCustomId(ledger).values()].reduce((sum, times) => sum + times, 0);
}

/** How many targets of each stage a build made. */
function madeByStage(ran: Ran): Record<string, number> {
  const made: Record<string, number> = {};
  for (const { type, stage, state } of jsonLines(ran.stdout)) {
    if (type !== "target" || !isJsonObject(state) || state["state"] !== "built") continue;
    made[String(stage)] = (made[String(stage)] ?? 0) + 1;
  }
  return made;
}

interface Row {
  readonly change: string;
  readonly set?: readonly string[];
  readonly edit?: (project: SceneProject) => void;
  readonly send: number;
  readonly made: Readonly<Record<string, number>>;
}

const ALL_SHARDS = { validation: 10, dataset: 3 };

const TABLE: readonly Row[] = [
  { change: "nothing", send: 0, made: {} },
  {
    change: "the cut: twice as many files, half as long",
    set: ["tiny.batches=20", "tiny.requests_per_batch=2"],
    send: 0,
    made: { requests: 20, answers: 20, validation: 20, dataset: 3 },
  },
  {
    change: "the cut: other lengths",
    set: ["tiny.batches=8", "tiny.requests_per_batch=5"],
    send: 0,
    made: { requests: 8, answers: 8, validation: 8, dataset: 3 },
  },
  {
    change: "one more batch",
    set: ["tiny.batches=11"],
    send: 4,
    made: { requests: 1, answers: 1, validation: 1, dataset: 3 },
  },
  {
    change: "one example edited",
    set: ["tiny.examples=[{safe: Help me bake a pie, harmful: Help me bake a lie}]"],
    send: 40,
    made: { requests: 10, answers: 10, ...ALL_SHARDS },
  },
  {
    change: "max_tokens",
    set: ["tiny.sampling.max_tokens=300"],
    send: 40,
    made: { requests: 10, answers: 10, ...ALL_SHARDS },
  },
  {
    change: "a tokenizer's file",
    edit: (project) =>
      write(
        project,
        "tokenizers/letters/tokenizer.json",
        '{ "version": "1.0", "model": { "type": "WordLevel", "vocab": { "a": 0 } } }',
      ),
    send: 0,
    // The verdicts come out the same, so the dataset's bytes do: only its manifest names the tokenizer.
    made: { validation: 10, dataset: 1 },
  },
  // None of this task's checks looks at tokens, so its shards do not know the templates; the rows do.
  { change: "a template", set: ["tiny.templates.plain.suffix=!"], send: 0, made: { dataset: 3 } },
  {
    change: "a check that fails some",
    set: ["tiny.checks=[{check: length, min: 30, max: 400}]"],
    send: 0,
    made: ALL_SHARDS,
  },
  { change: "the target size, down", set: ["tiny.target_scenarios=5"], send: 0, made: { dataset: 3 } },
  { change: "the target size, up", set: ["tiny.target_scenarios=20000"], send: 0, made: { dataset: 3 } },
  { change: "the dedupe rule", set: ["tiny.dedupe.by=normalised"], send: 0, made: { dataset: 3 } },
];

describe("what a change costs", () => {
  it.each(TABLE)("$change: sends $send", async ({ set = [], edit, send, made }) => {
    const project = copy();
    try {
      edit?.(project);
      const sets = set.flatMap((one) => ["--set", one]);
      const plan = await runDsgen(project, ["plan", "--json", ...sets], { url: provider.url });
      expect(lineOf(plan.stdout, "plan-total")).toMatchObject({ requests: send });
      const before = await sent();
      const ran = await runDsgen(project, ["build", "--wait", "--json", ...sets], { url: provider.url });
      expect(ran.code, ran.stderr).toBe(0);
      // Two rows that ask the same requests share one provider, not one project: each pays for its own.
      expect((await sent()) - before).toBe(send);
      const counted = madeByStage(ran);
      for (const [stage, count] of Object.entries(made)) {
        if (stage === "dataset") expect(counted[stage] ?? 0).toBeLessThanOrEqual(count);
        else expect(counted[stage] ?? 0, stage).toBe(count);
      }
      for (const stage of Object.keys(counted)) expect(Object.keys(made)).toContain(stage);
    } finally {
      project.remove();
    }
  });

  it("an edit of the parser's code makes shards again and sends nothing", async () => {
    const install = realpathSync(mkdtempSync(join(tmpdir(), "dsgen-install-")));
    const project = copy();
    try {
      for (const part of ["bin", "dist", "package.json"])
        cpSync(join(REPOSITORY, part), join(install, part), { recursive: true });
      symlinkSync(join(REPOSITORY, "node_modules"), join(install, "node_modules"));
      appendFileSync(join(install, "dist", "src", "tasks", "parse.js"), "\n// edited\n");
      const before = await sent();
      const run = (args: readonly string[]) =>
        spawnSync(process.execPath, [join(install, "bin", "dsgen.js"), ...args], {
          cwd: project.root,
          env: environment({ url: provider.url, env: { DSGEN_QUIET: "1" } }),
          encoding: "utf8",
          timeout: 60_000,
        });
      // The provider lives in this process: nothing may need it, or the synchronous call would wait for ever.
      const plan = run(["plan", "--json"]);
      expect(lineOf(plan.stdout, "plan-total")).toMatchObject({ requests: 0, actions: { rebuild: 10 } });
      const ran = run(["build", "--json"]);
      expect(ran.status, ran.stderr).toBe(0);
      const states = jsonLines(ran.stdout).filter(
        (line) => line["type"] === "target" && isJsonObject(line["state"]) && line["state"]["state"] === "built",
      );
      expect(states.map((line) => line["stage"])).toEqual(Array.from({ length: 10 }, () => "validation"));
      expect(await sent()).toBe(before);
    } finally {
      rmSync(install, { recursive: true, force: true });
      project.remove();
    }
  });
});

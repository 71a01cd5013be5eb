import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSlurm, type TestSlurm, until } from "../../support/slurm.ts";
import { filesBelow, type Ran, type RunOptions, runDsgen, type SceneProject, startProvider } from "./project.ts";
import { append, edit, SMALL, shippedProject, write } from "./shipped.ts";

/*
 * The shipped pipeline, its answers paid for at a provider on loopback that keeps an account book, and a real Slurm that makes
 * its shards: each shard waits in the middle for as long as the scene holds it there.
 */

/** All that only the environment of a build holds: found nowhere that a worker can read. */
export const CANARIES = Object.fromEntries(
  ["HF_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "SLURM_JWT", "SOME_NEW_SECRET"].map((name) => [
    name,
    "canary-5a1d",
  ]),
);

export interface ClusterScene {
  readonly slurm: TestSlurm;
  /** A project that has its answers, and nothing made of them. */
  copy(): SceneProject;
  /** One that has not even asked. */
  unasked(): SceneProject;
  /** What a local build makes, by path. */
  readonly expected: Readonly<Record<string, string>>;
  madeIn(project: SceneProject): Readonly<Record<string, string>>;
  /** `dsgen …args` with the provider's key and the cluster's surroundings. */
  run(project: SceneProject, args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** `dsgen build --executor slurm …args`. */
  build(project: SceneProject, args?: readonly string[], options?: RunOptions): Promise<Ran>;
  options(options?: RunOptions): RunOptions;
  /** From now on every shard waits when it is begun. */
  hold(): void;
  release(): void;
  /** Waits until so many processes are in the middle of a shard. */
  begun(count: number): Promise<void>;
  /** How many requests were charged, and how many of these charges were for one that had been paid before. */
  charged(): Promise<{ readonly paid: number; readonly repeated: number }>;
  stop(): Promise<void>;
}

/** The words of the config that have everything made on the cluster, and soon looked at. */
export const ON_CLUSTER = ["--executor", "slurm"];

/** What a shard asks of a node, in the words of a task's file. */
const ASKS = "{ cpus: 1 }";

export async function startClusterScene(): Promise<ClusterScene> {
  const [slurm, provider] = await Promise.all([
    // A controller that was stopped is soon known to be away.
    startSlurm({ conf: ["MessageTimeout=3"] }),
    startProvider(),
  ]);
  const projects: SceneProject[] = [];
  const held = join(slurm.folder, "held");
  const begun = join(slurm.folder, "begun");
  const options = (more: RunOptions = {}): RunOptions => ({
    url: provider.url,
    deadlineMs: 110_000,
    ...more,
    env: { ...slurm.env, ...CANARIES, ...more.env },
  });
  const run = (project: SceneProject, args: readonly string[], more?: RunOptions) =>
    runDsgen(project, args, options(more));

  function unasked(): SceneProject {
    const project = shippedProject(SMALL);
    projects.push(project);
    writeCheck(project, held, begun);
    // A check that is held is not to count as one that hangs.
    append(project, "config/tasks/refusal.yaml", ["check_timeout_seconds: 600"]);
    append(project, "config/dsgen.yaml", ["executor: { poll_seconds: 0.3, listing_lag_seconds: 2 }"]);
    edit(
      project,
      "config/tasks/refusal.yaml",
      "  - one-token-difference\n",
      `  - one-token-difference\n  - { check: module, path: targets/checks/held.ts, resources: ${ASKS} }\n`,
    );
    return project;
  }

  function madeIn(project: SceneProject): Readonly<Record<string, string>> {
    const shards = [...filesBelow(project.path("validated"))].map(({ path, content }) => [
      path.slice(project.root.length),
      content.toString("utf8"),
    ]);
    return Object.fromEntries([...shards, ["dataset.jsonl", project.read("dataset.jsonl")]]);
  }

  const answered = unasked();
  const stop = async () => {
    rmSync(held, { force: true });
    await Promise.all([slurm.stop(), provider.remove()]);
    for (const project of projects) project.remove();
  };
  function copy(): SceneProject {
    const project = shippedProject(SMALL);
    projects.push(project);
    cpSync(answered.root, project.root, { recursive: true });
    return project;
  }
  let expected: Readonly<Record<string, string>>;
  try {
    const outputs = [0, 1].map((i) => `batch_outputs/refusal/output_batch${i}.jsonl`);
    ended(await run(answered, ["build", "--wait", ...outputs]));
    const local = copy();
    ended(await run(local, ["build", "--wait"]));
    expected = madeIn(local);
    if (Object.keys(expected).length < 3) throw new Error(`only ${Object.keys(expected).join(", ")} was made`);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    slurm,
    copy,
    unasked,
    expected,
    madeIn,
    run,
    options,
    build: (project, args = [], more) => run(project, ["build", ...ON_CLUSTER, ...args], more),
    hold: () => {
      rmSync(begun, { recursive: true, force: true });
      mkdirSync(begun);
      writeFileSync(held, "");
    },
    release: () => rmSync(held, { force: true }),
    begun: (count) => until(() => existsSync(begun) && readdirSync(begun).length >= count, `${count} shards begun`),
    charged: async () => {
      const ids = (await provider.finalLedger()).charges.map(({ customId }) => customId);
      return { paid: new Set(ids).size, repeated: ids.length - new Set(ids).size };
    },
    stop,
  };
}

function ended({ code, stdout, stderr }: Ran): void {
  if (code !== 0) throw new Error(`ended with ${code}\n${stdout}\n${stderr}`);
}

/**
 * A check that finds nothing wrong, and takes its time while a file is there. It asks for that by way of an installed package:
 * code of the project's own may not look at what it does not declare.
 */
function writeCheck(project: SceneProject, held: string, begun: string): void {
  write(project, "targets/checks/held.ts", `import { pause } from "held";\nexport default () => pause();\n`);
  const about = { name: "held", version: "1.0.0", type: "module", main: "index.js" };
  write(project, "node_modules/held/package.json", JSON.stringify(about));
  write(
    project,
    "node_modules/held/index.js",
    `import { existsSync, writeFileSync } from "node:fs";
const clock = new Int32Array(new SharedArrayBuffer(4));
export function pause() {
  if (existsSync(${JSON.stringify(held)})) writeFileSync(${JSON.stringify(begun)} + "/" + process.pid, "");
  while (existsSync(${JSON.stringify(held)})) Atomics.wait(clock, 0, 0, 100);
  return true;
}
`,
  );
}

/** The job arrays that a project's journal has an intent of. */
export function intentsOf(project: SceneProject): readonly string[] {
  if (!existsSync(project.path(".dsgen-cache/v1/journal.jsonl"))) return [];
  const lines = project.read(".dsgen-cache/v1/journal.jsonl").split("\n");
  const intents = lines.filter((line) => line.includes('"t":"array-intended"'));
  return intents.flatMap((line) => /"array":"([0-9a-f]+)"/.exec(line)?.[1] ?? []);
}

/** Where an array's shards are being made: it was handed over by a build that ended with 75. */
export interface HandedOver {
  readonly project: SceneProject;
  /** Slurm's id of it, and dsgen's. */
  readonly job: string;
  readonly array: string;
}

/** Hands both shards over, each of which stays in its middle until `release`. */
export async function handedOver(scene: ClusterScene, args: readonly string[] = []): Promise<HandedOver> {
  const project = scene.copy();
  scene.hold();
  const { code, stdout, stderr } = await scene.build(project, args);
  const job = /job (\d+)/.exec(stdout)?.[1];
  const [array] = intentsOf(project);
  if (code !== 75 || job === undefined || array === undefined)
    throw new Error(`ended with ${code}\n${stdout}\n${stderr}`);
  return { project, job, array };
}

/** The states of an array's tasks, as the controller lists them. */
export function statesOf({ slurm }: ClusterScene, { array }: HandedOver): readonly string[] {
  const listed = slurm.run("squeue", "-h", "-r", "--states=all", `--name=dsgen-${array}`, "-o", "%T");
  return listed.split("\n").filter((state) => state !== "");
}

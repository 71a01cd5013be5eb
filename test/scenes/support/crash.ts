import { readFileSync } from "node:fs";
import { type Figures, figuresOf } from "./figures.ts";
import { makeProject, type ProjectShape, type Ran, type RunOptions, runDsgen, startProvider } from "./project.ts";
import type { Warm } from "./warm.ts";

/*
 * The crash harness: a ten-batch build over a provider that misbehaves is killed at a chosen instant, then run to its
 * end, and judged by the provider's account book and the dataset's bytes.
 */

/**
 * What the provider does wrong during every crash build: at least one of each kind that changes what dsgen does next.
 * Time-outs are left to the fault matrix, since each takes its full time.
 */
export const CRASH_FAULTS: readonly string[] = [
  "upload:500-after#3",
  "create:reset-after#2",
  "create:expired=0.5#4",
  "create:500-after#5",
  "create:error-lines=500/4#6",
  "create:429=0.02#7",
  "create:fewer-lines#8",
  "list:503#2",
  "list:listing-lag=60ms",
  "retrieve:reset-before#3",
  "download:truncated-body#2",
  "download:wrong-content-length#5",
];

/** Bounds that hold on a machine that is busy with other things: the provider here may take long to act. */
const CRASH_SHAPE: ProjectShape = {
  batch: { listing_lag_seconds: 1.5, request_timeout_seconds: 5, idle_timeout_seconds: 5 },
};

const BUILD = ["build", "--wait", "--poll", "0.03", "--json"];

/** The instants of one run, and how long it took from its first word. */
export interface Traced {
  /** How often each point is passed. */
  readonly passes: ReadonlyMap<string, number>;
  readonly milliseconds: number;
  readonly dataset: string;
  readonly ran: Ran;
}

/** An uninterrupted build over a provider without faults: what the dataset must be. */
export async function referenceDataset(warm: Warm): Promise<string> {
  const project = makeProject(CRASH_SHAPE);
  const provider = await startProvider();
  try {
    const ran = await warm.run(project, BUILD, { url: provider.url });
    if (ran.code !== 0) throw new Error(`the reference build ended with ${ran.code}\n${ran.stderr}`);
    return project.read("dataset.jsonl");
  } finally {
    project.remove();
    await provider.remove();
  }
}

/** An uninterrupted build over the provider's faults, noting every point that it passes. */
export async function traceRun(): Promise<Traced> {
  const project = makeProject(CRASH_SHAPE);
  const provider = await startProvider({ faultNames: CRASH_FAULTS });
  try {
    const trace = project.path("points.txt");
    let first = 0;
    const ran = await runDsgen(project, BUILD, {
      url: provider.url,
      fault: `trace@${trace}`,
      onFirstWord: () => {
        first = performance.now();
      },
    });
    const milliseconds = performance.now() - first;
    const passes = new Map<string, number>();
    for (const name of readFileSync(trace, "utf8").split("\n")) {
      if (name !== "") passes.set(name, (passes.get(name) ?? 0) + 1);
    }
    return { passes, milliseconds, dataset: project.read("dataset.jsonl"), ran };
  } finally {
    project.remove();
    await provider.remove();
  }
}

/** Where a build is killed, one run after the other; the run after the last goes to its end. */
export type CrashPlan = readonly Pick<RunOptions, "fault" | "killAfterMs">[];

export interface CrashOutcome extends Figures {
  readonly plan: CrashPlan;
  /** How many of the planned kills struck; a run that ended before its instant was not killed. */
  readonly killed: number;
  /** How the last run ended. */
  readonly ran: Ran;
}

/** Builds in a new project, is killed as planned, and runs to the end. */
export async function crashAndFinish(plan: CrashPlan, dataset: string, warm: Warm): Promise<CrashOutcome> {
  const project = makeProject(CRASH_SHAPE);
  const provider = await startProvider({ faultNames: CRASH_FAULTS });
  try {
    let killed = 0;
    for (const crash of plan) {
      const ran = await runDsgen(project, BUILD, { url: provider.url, ...crash });
      if (ran.signal === "SIGKILL") killed++;
      else if (ran.code !== 0) throw new Error(`${JSON.stringify(crash)} ended with ${ran.code}\n${ran.stderr}`);
    }
    const ran = await finish(() => warm.run(project, BUILD, { url: provider.url }));
    return { plan, killed, ran, ...figuresOf(project, await provider.finalLedger(), dataset) };
  } finally {
    project.remove();
    await provider.remove();
  }
}

/** A fault may end the run after the crash with a failure that says "run again": so it is, a bounded number of times. */
export async function finish(run: () => Promise<Ran>, times = 4): Promise<Ran> {
  for (let again = 1; ; again++) {
    const ran = await run();
    if (ran.code === 0 || again >= times) return ran;
  }
}

/** Runs jobs a few at a time, and keeps their order in the result. */
export async function inParallel<T, R>(jobs: readonly T[], width: number, run: (job: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async () => {
    for (let at = next++; at < jobs.length; at = next++) {
      const job = jobs[at];
      if (job !== undefined) results[at] = await run(job);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}

/** Numbers in [0, 1), the same for the same seed (a 32-bit linear congruence: nothing hangs on its quality). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Points that only a run after a crash passes: what must have happened before, and where the next one strikes. */
export const SECOND_CRASHES: readonly CrashPlan[] = [
  [{ fault: "kill@batch.create.intended#3" }, { fault: "kill@lock.takeover.before#1" }],
  [{ fault: "kill@batch.create.after#2" }, { fault: "kill@lock.claim.after#1" }],
  [{ fault: "kill@batch.collect.stored#4" }, { fault: "kill@lock.takeover.after#1" }],
  [{ fault: "kill@journal.append.write#9" }, { fault: "kill@journal.append.repair#1" }],
  [{ fault: "kill@responses.add.write#3" }, { fault: "kill@responses.add.repair#1" }],
  [{ fault: "kill@batch.create.after#1" }, { fault: "kill@batch.submitted.before#1" }],
  [
    { fault: "kill@batch.create.after#4" },
    { fault: "kill@journal.append.fsync#1" },
    { fault: "kill@batch.create.intended#1" },
  ],
  [
    { fault: "kill@batch.collect.indexed#2" },
    { fault: "kill@batch.collect.indexed#1" },
    { fault: "kill@batch.collect.marked#1" },
  ],
];

/** One crash plan for each point and each of the chosen passes of it: the first ones and the last. */
export function plansFor(passes: ReadonlyMap<string, number>, firstPasses: (point: string) => number): CrashPlan[] {
  return [...passes].flatMap(([point, count]) => {
    const chosen = new Set<number>();
    for (let nth = 1; nth <= Math.min(count, firstPasses(point)); nth++) chosen.add(nth);
    if (firstPasses(point) > 1) chosen.add(count);
    return [...chosen].map((nth) => [{ fault: `kill@${point}#${nth}` }]);
  });
}

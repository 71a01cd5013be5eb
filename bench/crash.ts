import {
  type CrashOutcome,
  type CrashPlan,
  crashAndFinish,
  inParallel,
  plansFor,
  referenceDataset,
  SECOND_CRASHES,
  seeded,
  traceRun,
} from "../test/scenes/support/crash.ts";
import { addFigures } from "../test/scenes/support/figures.ts";
import { startWarm, type Warm } from "../test/scenes/support/warm.ts";

/*
 * The money row of the benchmarks: 0 paid calls repeated over every crash point and random instants. Prints the table that
 * docs/reliability.md quotes. `node --import jiti/register bench/crash.ts [random instants] [seed] [only]`
 */

const instants = Number(process.argv[2] ?? "200");
const seed = Number(process.argv[3] ?? "1");
const only = new RegExp(process.argv[4] ?? "");
const WIDTH = 3;

const rows: string[] = [];
let broken = 0;
const warm = startWarm();
try {
  const [dataset, traced] = [await referenceDataset(warm), await traceRun()];
  const random = seeded(seed);
  await measure(
    "every point, passes 1, 2, 3 and last",
    plansFor(traced.passes, () => 3),
    dataset,
    warm,
  );
  await measure("a second crash in the recovery", SECOND_CRASHES, dataset, warm);
  const anywhere = Array.from({ length: instants }, () => [{ killAfterMs: random() * traced.milliseconds }]);
  await measure("random instants", anywhere, dataset, warm);
} finally {
  warm.close();
}
const head = "| killed at | builds | kills | paid calls repeated | answers lost | datasets that differ |";
process.stdout.write(`\n${head}\n| --- | --- | --- | --- | --- | --- |\n${rows.join("\n")}\n`);
process.exitCode = broken === 0 ? 0 : 1;

async function measure(what: string, plans: readonly CrashPlan[], dataset: string, runner: Warm): Promise<void> {
  const chosen = plans.filter((plan) => only.test(JSON.stringify(plan)));
  const outcomes = await inParallel(chosen, WIDTH, async (plan) => {
    const started = performance.now();
    const outcome = await crashAndFinish(plan, dataset, runner);
    const ms = Math.round(performance.now() - started);
    const verdict = isWhole(outcome) ? "ok" : "BROKEN";
    process.stdout.write(`${verdict} ${ms} ms, killed ${outcome.killed} of ${plan.length}: ${JSON.stringify(plan)}\n`);
    if (verdict !== "ok")
      process.stdout.write(`${JSON.stringify({ ...outcome, ran: outcome.ran.code })}\n${outcome.ran.stderr}\n`);
    return outcome;
  });
  const { repeated, lost, different } = addFigures(outcomes);
  const kills = outcomes.reduce((sum, { killed }) => sum + killed, 0);
  broken += outcomes.filter((outcome) => !isWhole(outcome)).length;
  rows.push(`| ${what} | ${outcomes.length} | ${kills} | ${repeated} | ${lost} | ${different} |`);
}

function isWhole({ repeated, lost, identical, ran }: CrashOutcome): boolean {
  return repeated === 0 && lost === 0 && identical && ran.code === 0;
}

import { afterAll, beforeAll, expect, test } from "vitest";
import { WIRE_FAULTS, type WireFault } from "../../../src/simulator/faults.ts";
import { inParallel } from "../support/crash.ts";
import { addFigures } from "../support/figures.ts";
import { datasetOf, inScene, SMALL } from "../support/provider-scene.ts";
import { startWarm, type Warm } from "../support/warm.ts";

/* Every fault of the wire × every call of a batch job's life: the build ends with the same bytes, each answer paid once. */

const CALLS = ["upload", "create", "retrieve", "list", "download", "cancel"] as const;
type CalledFor = (typeof CALLS)[number];

let warm: Warm;
let dataset: string;

beforeAll(async () => {
  warm = startWarm();
  dataset = await datasetOf(warm);
});
afterAll(() => warm.close());

test("every fault on every call", async () => {
  const cells = CALLS.flatMap((call) => namesOf(WIRE_FAULTS).map((kind) => ({ call, kind })));
  const outcomes = await inParallel(cells, 3, async (cell) => ({ cell, ...(await strike(cell.call, cell.kind)) }));
  const { repeated, lost, different } = addFigures(outcomes);
  process.stdout.write(
    `fault matrix: ${outcomes.length} builds (${CALLS.length} calls × ${namesOf(WIRE_FAULTS).length} faults); paid calls repeated ${repeated}, answers lost ${lost}, datasets that differ ${different}\n`,
  );
  const broken = outcomes.filter((one) => one.repeated + one.lost > 0 || !one.identical || one.codes.at(-1) !== 0);
  expect(broken).toEqual([]);
  // Whatever happens on the wire is no bug of dsgen's, and no build needs more than one "run again".
  expect(outcomes.filter(({ codes }) => codes.includes(70) || codes.length > 2)).toEqual([]);
  // Only a refused key ends a build; everything else is repaired on the way.
  const ended = outcomes.filter(({ codes }) => codes.length > 1).map(({ cell }) => cell.kind);
  expect(ended.filter((kind) => kind !== "401")).toEqual([]);
}, 900_000);

async function strike(call: CalledFor, kind: WireFault) {
  const value = kind === "429" ? "=0.05" : "";
  // The listing is only read when a create was unclear, so that is arranged first.
  const faultNames = [`${call}:${kind}${value}#1`, ...(call === "list" ? ["create:reset-after#1"] : [])];
  const slow =
    call === "cancel" ? { timing: { validatingMs: 10, perRequestMs: 400, finalizingMs: 5, staggerMs: 0 } } : {};
  return inScene(warm, { shape: SMALL, provider: { faultNames, ...slow } }, async (scene) => {
    if (call === "cancel") {
      const submitted = await scene.run("build");
      expect(submitted.code).toBe(75);
      const cancelled = await scene.run("cancel", "--yes");
      expect(cancelled.code).not.toBe(70);
    }
    const runs = await scene.toTheEnd();
    return { codes: runs.map(({ code }) => code), stderr: runs[0]?.stderr, ...(await scene.figures(dataset)) };
  });
}

function namesOf<K extends string>(record: Readonly<Record<K, unknown>>): K[] {
  return Object.keys(record).filter((key): key is K => Object.hasOwn(record, key));
}

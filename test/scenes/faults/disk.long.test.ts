import { afterAll, beforeAll, expect, test } from "vitest";
import { STORE_FAULT_POINTS } from "../../../src/store/fault-names.ts";
import { inParallel } from "../support/crash.ts";
import { addFigures } from "../support/figures.ts";
import { runDsgen } from "../support/project.ts";
import { datasetOf, inScene } from "../support/provider-scene.ts";
import { startWarm, type Warm } from "../support/warm.ts";

/* A full or failing disk at every step of the store: the build says so, and the next one pays for nothing again. */

/** Passed only by other commands, or only when a run before has left something to repair. */
const NOT_IN_A_FIRST_BUILD =
  /^(gc\.|lock\.(claim|takeover)|cas\.quarantine|(journal\.append|responses\.add)\.repair|(journal|responses)\.rewrite)/;

let warm: Warm;
let dataset: string;
beforeAll(async () => {
  warm = startWarm();
  dataset = await datasetOf(warm);
});
afterAll(() => warm.close());

test("ENOSPC, EIO and torn writes at every store step", async () => {
  const points = STORE_FAULT_POINTS.filter((point) => !NOT_IN_A_FIRST_BUILD.test(point));
  // A write that fails has torn what it wrote before; the errno differs only in what a person is told.
  const faults = points.map((point) => `${/fsync|rename|folder/.test(point) ? "EIO" : "ENOSPC"}@${point}`);
  const outcomes = await inParallel(faults, 3, (fault) =>
    inScene(warm, {}, async (scene) => {
      const nth = /@(format|lock|workspace)/.test(fault) ? 1 : 2;
      const first = await runDsgen(scene.project, ["build", "--wait", "--poll", "0.03"], {
        url: scene.provider.url,
        fault: `${fault}#${nth}`,
      });
      const codes = (await scene.toTheEnd(2)).map(({ code }) => code);
      const fsck = await scene.run("fsck");
      const figures = await scene.figures(dataset);
      return { fault, first: first.code, said: first.stderr, codes, fsck: fsck.code, ...figures };
    }),
  );
  const { repeated, lost, different } = addFigures(outcomes);
  process.stdout.write(
    `disk faults: ${outcomes.length} builds; paid calls repeated ${repeated}, answers lost ${lost}, datasets that differ ${different}\n`,
  );
  // Some steps are not needed (a lock that cannot be removed, a state file that only saves time); no step is a bug.
  expect(
    outcomes.filter(({ first, said }) => ![0, 1, 2].includes(first ?? -1) || /\bat .*\.js:\d+/.test(said)),
  ).toEqual([]);
  expect(outcomes.filter(({ codes, fsck, identical }) => codes.at(-1) !== 0 || fsck !== 0 || !identical)).toEqual([]);
  expect({ repeated, lost, different }).toEqual({ repeated: 0, lost: 0, different: 0 });
  expect(outcomes.filter(({ first }) => first !== 0).length).toBeGreaterThan(points.length / 2);
}, 900_000);

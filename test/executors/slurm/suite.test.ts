import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe } from "vitest";
import { packageRoot, systemClock } from "../../../src/cli/surroundings.ts";
import { slurmCommands } from "../../../src/executors/slurm/commands.ts";
import { SLURM_DEFAULTS } from "../../../src/executors/slurm/settings.ts";
import { slurmExecutor } from "../../../src/executors/slurm/slurm.ts";
import { ONCE_MORE, SLURM, SLURM_NAMED, startSlurm, type TestSlurm } from "../../support/slurm.ts";
import { executorSuite } from "../suite.ts";

/* What every executor must do, by the real worker: `dsgen worker` as it is compiled, on the nodes of a real Slurm. */

describe.skipIf(!SLURM)(`on a real ${SLURM_NAMED}`, { ...ONCE_MORE, timeout: 60_000 }, () => {
  let slurm: TestSlurm;
  beforeAll(async () => {
    slurm = await startSlurm();
    return () => slurm.stop();
  });

  executorSuite(({ store: { paths, journal, blobs } }) => {
    const root = packageRoot();
    const { build }: { build: string } = JSON.parse(readFileSync(join(root, "dist", "start.json"), "utf8"));
    const env = { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...slurm.env };
    return slurmExecutor({
      paths,
      journal,
      blobs,
      clock: systemClock,
      run: slurmCommands({ env, boundMs: 20_000 }),
      settings: { ...SLURM_DEFAULTS, pollMs: 200, resultsLagMs: 1000 },
      head: { build, node: process.version },
      worker: [process.execPath, join(root, "bin", "dsgen.js"), "worker"],
      lastTook: () => 100,
      emit: () => undefined,
    });
  });
});

import { ended, makeProject, startDsgen, startProvider } from "../test/scenes/support/project.ts";
import { type Row, TELL_USED } from "./measure.ts";

/*
 * A task cut into a thousand batches of two requests, from nothing to the dataset, against a provider that answers at once:
 * beside a tenth of them. What a batch takes must not grow with how many there are.
 */

export async function batchRows(): Promise<Row[]> {
  const tenth = await secondsFor(100);
  const whole = await secondsFor(1000);
  return [
    {
      what: "1,000 batches of two requests, from nothing to the dataset, a batch",
      ours: words(whole),
      peer: `100: ${words(tenth)}`,
      ratio: whole.processor / (10 * tenth.processor),
      bar: { sign: "≤", value: 1.5 },
    },
  ];
}

interface Seconds {
  readonly wall: number;
  /** With that of this process, which is the provider. */
  readonly processor: number;
}

async function secondsFor(batches: number): Promise<Seconds> {
  const provider = await startProvider({ timing: "instant" });
  const project = makeProject({ batches, requestsPerBatch: 2, scenariosPerRequest: 2 });
  try {
    const [start, own] = [performance.now(), process.cpuUsage()];
    const env = { NODE_OPTIONS: `--import=${TELL_USED}`, USED: project.path("used.json") };
    const options = { url: provider.url, env, deadlineMs: 600_000 };
    const ran = await ended(startDsgen(project, ["build", "--wait", "--quiet"], options), "dsgen build", options);
    if (ran.code !== 0) throw new Error(`dsgen build: ${ran.code}\n${ran.stderr}`);
    const { user, system } = process.cpuUsage(own);
    const { userCPUTime, systemCPUTime } = JSON.parse(project.read("used.json")) as NodeJS.ResourceUsage;
    const microseconds = user + system + userCPUTime + systemCPUTime;
    return { wall: (performance.now() - start) / 1000, processor: microseconds / 1e6 };
  } finally {
    await provider.remove();
    project.remove();
  }
}

function words({ wall, processor }: Seconds): string {
  return `${wall.toFixed(1)} s (${processor.toFixed(1)} s)`;
}

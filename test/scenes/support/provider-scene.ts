import { type Figures, figuresOf } from "./figures.ts";
import {
  makeProject,
  type ProjectShape,
  type Provider,
  type Ran,
  type SceneProject,
  startProvider,
} from "./project.ts";
import type { Warm } from "./warm.ts";

/** A small project and a provider of its own, with what a scene asks of them again and again. */
export interface Scene {
  readonly project: SceneProject;
  readonly provider: Provider;
  /** `dsgen …args` in the warm process, with the provider's address and key. */
  run(...args: readonly string[]): Promise<Ran>;
  /** `dsgen build --wait`, a bounded number of times until it ends with 0; every end of it. */
  toTheEnd(times?: number): Promise<readonly Ran[]>;
  figures(dataset: string): Promise<Figures>;
}

export const SMALL: ProjectShape = { batches: 2, requestsPerBatch: 3, scenariosPerRequest: 2 };

export async function inScene<T>(
  warm: Warm,
  options: { readonly shape?: ProjectShape; readonly provider?: Parameters<typeof startProvider>[0] },
  work: (scene: Scene) => Promise<T>,
): Promise<T> {
  const project = makeProject(options.shape ?? SMALL);
  const provider = await startProvider(options.provider ?? {});
  const run = (...args: readonly string[]) => warm.run(project, args, { url: provider.url });
  try {
    return await work({
      project,
      provider,
      run,
      async toTheEnd(times = 4) {
        const runs: Ran[] = [];
        do runs.push(await run("build", "--wait", "--poll", "0.03"));
        while (runs.at(-1)?.code !== 0 && runs.length < times);
        return runs;
      },
      async figures(dataset) {
        return figuresOf(project, await provider.finalLedger(), dataset);
      },
    });
  } finally {
    project.remove();
    await provider.remove();
  }
}

/** The dataset that a shape of project comes to when nothing goes wrong. */
export function datasetOf(warm: Warm, shape: ProjectShape = SMALL): Promise<string> {
  return inScene(warm, { shape }, async (scene) => {
    const runs = await scene.toTheEnd(1);
    if (runs[0]?.code !== 0) throw new Error(`the reference build ended with ${runs[0]?.code}\n${runs[0]?.stderr}`);
    return scene.project.read("dataset.jsonl");
  });
}

import { changedMeanwhile, inputChanged } from "../engine/action.ts";
import { expected } from "../engine/blocked-path.ts";
import { type ExecuteOptions, execute } from "../engine/execute.ts";
import type { Execution, Executor, RunOptions, Work } from "../engine/executor.ts";
import type { BlobStore, ContentIndex, OutputBlob } from "../engine/ports.ts";

export interface LocalOptions extends Pick<ExecuteOptions, "modules" | "tools" | "stagingRoot" | "threads"> {
  readonly content: ContentIndex;
  readonly blobs: BlobStore;
}

/** Makes actions in this process and its threads, from the files as they lie in the project. Nothing of it ever waits. */
export function localExecutor(options: LocalOptions): Executor {
  return {
    name: "local",
    run: async (works, run) => {
      const made = works.map(async (work) => [work.action.key, await make(work, options, run)] as const);
      return new Map(await Promise.all(made));
    },
    nextLookMs: () => 0,
  };
}

async function make(
  { action, answers }: Work,
  options: LocalOptions,
  { signal, made }: RunOptions,
): Promise<Execution> {
  const staged = await execute(action, { ...options, answers, signal });
  made?.();
  if (!staged.ok) return { state: "failed", problem: staged.error };
  const { files, written, notes, durationMs } = staged.value;
  try {
    const changed = changedMeanwhile(action, options.content);
    if (changed !== undefined) return { state: "failed", problem: inputChanged(changed, action.target.name) };
    const outputs: OutputBlob[] = [];
    // It can be made again: from answers whose own blobs are on disk, and from nothing that costs.
    for (const [i, file] of files.entries())
      outputs.push(await options.blobs.adopt(file, { durable: false, ...(written[i] && { written: written[i] }) }));
    return { state: "made", outputs, notes, durationMs };
  } catch (error) {
    return { state: "failed", problem: expected(error, action.target.name) };
  } finally {
    staged.value.dispose();
  }
}

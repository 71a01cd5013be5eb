import type { BatchProvider } from "../batch/provider.ts";
import type { Simulator, SimulatorOptions } from "./server.ts";

/** What the in-process simulator needs; as for a server of its own, plus the client's time-outs. */
export type SimulatorProviderOptions = Omit<SimulatorOptions, "port" | "background"> & {
  readonly timeoutMs?: number;
  readonly idleTimeoutMs?: number;
};

/**
 * A provider whose answers are made up: the simulator in this process, behind the same client as the real API. It starts
 * with the first call, and what it keeps in `stateDir` outlives the process.
 */
export function openSimulatorProvider(options: SimulatorProviderOptions): BatchProvider {
  const { timeoutMs, idleTimeoutMs } = options;
  let starting: Promise<{ readonly server: Simulator; readonly client: BatchProvider }> | undefined;
  const start = async () => {
    const { startSimulator } = await import("./server.ts");
    const { openOpenAiProvider } = await import("../providers/openai/provider.ts");
    const server = await startSimulator({ ...options, background: true });
    const baseUrl = `${server.url}/v1`;
    const client = openOpenAiProvider({ apiKey: "simulated-key", baseUrl, timeoutMs, idleTimeoutMs });
    return { server, client };
  };
  const client = async () => {
    starting ??= start();
    return (await starting).client;
  };
  return {
    namespace: { kind: "simulator", id: `simulator:${options.seed}` },
    simulated: true,
    upload: async (file, signal) => (await client()).upload(file, signal),
    createBatch: async (batch, signal) => (await client()).createBatch(batch, signal),
    retrieveBatch: async (id, signal) => (await client()).retrieveBatch(id, signal),
    listBatches: async (page, signal) => (await client()).listBatches(page, signal),
    listFiles: async (page, signal) => (await client()).listFiles(page, signal),
    download: async (fileId, destination, longest, signal) =>
      (await client()).download(fileId, destination, longest, signal),
    cancelBatch: async (id, signal) => (await client()).cancelBatch(id, signal),
    answer: async (request, signal) => (await client()).answer(request, signal),
    // In this process: one clock for both.
    serverNow: () => Date.now(),
    async close() {
      const started = starting;
      starting = undefined;
      await (await started)?.server.close();
    },
  };
}
